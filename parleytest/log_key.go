package parleytest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/parley-server/parley"
)

func keyed(user parley.UserID, key, text string) parley.Draft {
	return parley.Draft{User: user, Key: key, Text: text}
}

func testKeyRepeated(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	first := log.Append(t.Context(), room, keyed("u", "k", "one"))[0]
	again := log.Append(t.Context(), room, keyed("u", "new", "two"), keyed("u", "k", "another text"), keyed("u", "", "three"))
	if first.Duplicate || again[0].Duplicate || again[2].Duplicate || !again[1].Duplicate {
		t.Fatalf("%+v, then %+v", first, again)
	}
	if !reflect.DeepEqual(stored(t, again)[1], first.Message) {
		t.Fatalf("the repeat was answered with %+v, not with %+v", again[1].Message, first.Message)
	}
	if again[0].Message.ID != 2 || again[2].Message.ID != 3 || again[2].Message.Count != 3 {
		t.Fatalf("the repeat used up an id: %+v", again)
	}
}

func testKeyWithinCall(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	rs := log.Append(t.Context(), room, keyed("u", "k", "one"), keyed("u", "k", "two"), keyed("v", "k", "three"), keyed("u", "k", "four"))
	ms := stored(t, rs)
	if rs[0].Duplicate || !rs[1].Duplicate || rs[2].Duplicate || !rs[3].Duplicate {
		t.Fatalf("%+v", rs)
	}
	if ms[1].ID != 1 || ms[1].Text != "one" || ms[2].ID != 2 || ms[3].ID != 1 {
		t.Fatalf("%+v", ms)
	}
	if all := readAll(t, log, room, 0); len(all) != 2 {
		t.Fatalf("%d messages are stored, want 2", len(all))
	}
}

func testKeyConcurrent(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	const callers, keys = 8, 60
	ids := make([][]int64, callers)
	firsts := make([]int, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for k := range keys {
				r := log.Append(t.Context(), room, keyed("u", fmt.Sprint(k), "x"))[0]
				if r.Err != nil {
					t.Error(r.Err)
					return
				}
				// A repeat is answered only when the first message is readable.
				if run, err := runOf(t.Context(), log, room, parley.Cursor{ID: r.Message.ID - 1}, 1); err != nil || len(run) != 1 ||
					run[0].Key != fmt.Sprint(k) {
					t.Errorf("key %d was answered with id %d, which reads as %v, %v", k, r.Message.ID, run, err)
				}
				if !r.Duplicate {
					firsts[c]++
				}
				ids[c] = append(ids[c], r.Message.ID)
			}
		})
	}
	wg.Wait()
	sum := 0
	for c := range callers {
		sum += firsts[c]
		if !reflect.DeepEqual(ids[c], ids[0]) {
			t.Fatalf("callers were answered with different ids: %v, %v", ids[0], ids[c])
		}
	}
	if all := readAll(t, log, room, 0); len(all) != keys || sum != keys {
		t.Fatalf("%d messages, %d first answers, want %d", len(all), sum, keys)
	}
}

func testKeyScope(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	// The border between the names must be unambiguous.
	for _, c := range []struct {
		ch  parley.ChannelID
		d   parley.Draft
		dup bool
	}{
		{"a", keyed("u", "k", "1"), false},
		{"a", keyed("v", "k", "2"), false},
		{"b", keyed("u", "k", "3"), false},
		{"a", keyed("u", "K", "4"), false},
		{"a", keyed("u1", "k", "5"), false},
		{"a", keyed("u", "1k", "6"), false},
		{"a:u", keyed("k", "k", "7"), false},
		{"a", keyed("u:k", "k", "8"), false},
		{"a", keyed("u", ":kk", "9"), false},
		{"a", keyed("u", "\x00k", "10"), false},
		{"a", keyed("u", "k\x00", "11"), false},
		{"a", keyed("u", "k", "12"), true},
		{"a", keyed("u", "\x00k", "13"), true},
	} {
		r := log.Append(t.Context(), c.ch, c.d)[0]
		if r.Err != nil || r.Duplicate != c.dup {
			t.Fatalf("%s %+v: %+v", c.ch, c.d, r)
		}
	}
}

func testKeyReopen(t *testing.T, h logHarness) {
	if h.Reopen == nil {
		t.Skip("this store does not outlive its process")
	}
	log := h.Open(t, nil)
	first := stored(t, log.Append(t.Context(), room, keyed("u", "k", "one")))[0]
	log = h.Reopen(t, log)
	r := log.Append(t.Context(), room, keyed("u", "k", "two"))[0]
	if r.Err != nil || !r.Duplicate || !reflect.DeepEqual(r.Message, first) {
		t.Fatalf("after a restart the repeat was answered with %+v, not %+v", r, first)
	}
}

func testKeyLookup(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	first := stored(t, log.Append(t.Context(), room, keyed("u", "k", "one"), keyed("u", "", "two")))[0]
	for _, c := range []struct {
		channel parley.ChannelID
		user    parley.UserID
		key     string
		found   bool
	}{{room, "u", "k", true}, {room, "v", "k", false}, {room, "u", "K", false}, {room, "u", "", false}, {"nowhere", "u", "k", false}} {
		m, found, err := log.Lookup(t.Context(), c.channel, c.user, c.key)
		if err != nil || found != c.found || found && !reflect.DeepEqual(m, first) {
			t.Errorf("%+v: %+v, %v, %v", c, m, found, err)
		}
	}
	if b := boundsOf(t, log, "nowhere"); b.Last != 0 {
		t.Errorf("a lookup made %+v", b)
	}
	if err := directory(log).RemoveChannel(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	if m, found, err := log.Lookup(t.Context(), room, "u", "k"); found || err != nil {
		t.Errorf("after the removal: %+v, %v, %v", m, found, err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := log.Lookup(t.Context(), room, "u", "k"); !errors.Is(err, parley.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
