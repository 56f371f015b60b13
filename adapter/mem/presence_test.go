package mem_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/parleytest"
)

func TestPresence(t *testing.T) {
	parleytest.RunPresence(t, func(*testing.T) parleytest.PresenceHarness {
		now := time.Unix(1_774_684_800, 0)
		return parleytest.PresenceHarness{
			Stores: handles[parley.Presence](mem.NewStore(mem.StoreConfig{Clock: func() time.Time { return now }})),
			Pass:   func(d time.Duration) { now = now.Add(d) },
		}
	})
}

func TestLatestAbsentUsersAreRemembered(t *testing.T) {
	const most = 10
	p := mem.NewPresence(mem.PresenceConfig{Remember: most})
	user := func(i int) parley.UserID { return parley.UserID(fmt.Sprint("u", i)) }
	gone := func(i, at int) {
		t.Helper()
		_, err := p.Beat(t.Context(),
			parley.Beat{Node: "n", TTL: time.Minute, Changes: []parley.PresenceChange{{User: user(i), Seen: parley.Timestamp(at)}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	at := 0
	for range 50 { // a user who repeatedly comes and goes displaces no others
		at++
		gone(0, at)
	}
	for i := range 25 {
		at++
		gone(i, at)
	}
	for i := range 25 {
		got, err := p.Online(t.Context(), user(i))
		if err != nil {
			t.Fatal(err)
		}
		if remembered := got[0].Seen != 0; remembered != (i >= 25-most) {
			t.Errorf("user %d of 25 is remembered: %v", i, remembered)
		}
	}
}
