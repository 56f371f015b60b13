package parleytest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/parley-server/parley"
)

// names are valid, and each is a trap for some way of encoding keys.
var names = []parley.ChannelID{
	"a", "a:", "a:b", "a.", "a-", "a@", "a_", "a0", "aa", "A", "@a", "@alice", "@a:b", "-", "_", ":", "...", "0", "00",
	parley.ChannelID(
		strings.Repeat("a", 127)), parley.ChannelID(strings.Repeat("a", 128)), parley.ChannelID("@" + strings.Repeat("z", 127)),
}

func testNames(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	for round := range 3 {
		for i, ch := range names {
			if _, err := parley.ParseChannel(string(ch)); err != nil {
				t.Fatal(err)
			}
			for range i%3 + 1 {
				r := log.Append(t.Context(), ch, keyed("u", fmt.Sprint(round), string(ch)))[0]
				if r.Err != nil || r.Message.ID != int64(round+1) || r.Message.Channel != ch {
					t.Fatalf("%s: %+v", ch, r)
				}
			}
		}
	}
	for _, ch := range names {
		all := readAll(t, log, ch, 0)
		if len(all) != 3 {
			t.Fatalf("%s has %d messages", ch, len(all))
		}
		for _, m := range all {
			if m.Text != string(ch) {
				t.Fatalf("%s has %+v", ch, m)
			}
		}
	}
}

func testReopen(t *testing.T, h logHarness) {
	if h.Reopen == nil {
		t.Skip("this store does not outlive its process")
	}
	log := h.Open(t, nil)
	post(t, log, room, numbers(40)...)
	post(t, log, "other", "x")
	before, bounds := readAll(t, log, room, 0), boundsOf(t, log, room)
	log = h.Reopen(t, log)
	if after := readAll(t, log, room, 0); !reflect.DeepEqual(before, after) {
		t.Fatalf("before the restart %v, after it %v", before, after)
	}
	if b := boundsOf(t, log, room); b != bounds {
		t.Fatalf("bounds %+v, before the restart %+v", b, bounds)
	}
	m := post(t, log, room, "next")[0]
	if m.ID != 41 || m.Count != 41 || m.Time <= bounds.Time {
		t.Fatalf("after the restart: %+v", m)
	}
}

func testClose(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "a")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range log.Append(t.Context(), room, keyed("u", "", "x"), keyed("u", "k", "y")) {
		if !errors.Is(r.Err, parley.ErrClosed) {
			t.Errorf("append: %v", r.Err)
		}
	}
	if _, err := runOf(t.Context(), log, room, parley.Cursor{}, 10); !errors.Is(err, parley.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if _, err := log.Bounds(t.Context(), room); !errors.Is(err, parley.ErrClosed) {
		t.Errorf("bounds: %v", err)
	}
	d := directory(log)
	_, err1 := settingsOf(t.Context(), d, room)
	_, err2 := d.Channels(t.Context(), "", 1)
	_, _, err3 := d.SetChannel(t.Context(), room, parley.Settings{}.Replace)
	for i, err := range []error{err1, err2, err3, d.RemoveChannel(t.Context(), room)} {
		if !errors.Is(err, parley.ErrClosed) {
			t.Errorf("directory, call %d: %v", i, err)
		}
	}
}

// testCloseAnswers: an append during Close gets its outcome.
func testCloseAnswers(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	var mu sync.Mutex
	acked := map[string]bool{}
	var wg sync.WaitGroup
	begun := make(chan struct{}, 8)
	for p := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				text := fmt.Sprint(p, ".", i)
				r := log.Append(t.Context(), room, keyed("u", "", text))[0]
				if r.Err != nil {
					if !errors.Is(r.Err, parley.ErrClosed) {
						t.Errorf("append during Close: %v", r.Err)
					}
					return
				}
				mu.Lock()
				acked[text] = true
				mu.Unlock()
				if i == 5 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range 8 {
		<-begun
	}
	if h.Reopen == nil {
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		return
	}
	again := h.Reopen(t, log)
	wg.Wait()
	all := readAll(t, again, room, 0)
	for _, m := range all {
		delete(acked, m.Text)
	}
	if len(acked) > 0 {
		t.Fatalf("acknowledged and not there: %v", acked)
	}
}
