package embedded_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A message costs the store the same, however many members read it.
func TestMessageCostsNothingPerMember(t *testing.T) {
	cost := func(members int) uint64 {
		log := start(t, "data", embedded.Config{FS: vfs.NewMem(), TrimEvery: time.Hour})
		drafts := make([]parley.Draft, 0, 500)
		for i := range 100_000 { // the same number of messages, since longer ids take more space
			drafts = append(drafts, parley.Draft{User: parley.UserID(fmt.Sprintf("u%06d", i%members)), Text: "x", Join: true})
			if len(drafts) == cap(drafts) || i == 99_999 {
				log.Append(t.Context(), "room", drafts...)
				drafts = drafts[:0]
			}
		}
		if ms, _, err := log.Members(t.Context(), "room", "", members+1); err != nil || len(ms) != members {
			t.Fatalf("%d members, %v", len(ms), err)
		}
		before := log.Written()
		if r := log.Append(t.Context(), "room", parley.Draft{User: "u000001", Text: "@channel hello", Join: true})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		return log.Written() - before
	}
	if few, many := cost(2), cost(100_000); many > few+16 { // the batch's number and ids may be longer
		t.Errorf("a message to 100,000 members writes %d bytes, to two %d", many, few)
	} else {
		t.Logf("a message to 100,000 members writes %d bytes, to two %d", many, few)
	}
}
