package parleytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/parley-server/parley"
)

// history is what a channel must hold after random changes.
type history struct {
	entries []parley.Message // as they were answered; messages in their current form
	gone    map[int64]bool   // deleted messages
	replies map[int64]int64  // by root
}

// plain returns m with nil for empty slices, so that equal entries compare equal.
func plain(m parley.Message) parley.Message {
	if len(m.Reactions) == 0 {
		m.Reactions = nil
	}
	for i, r := range m.Reactions {
		if len(r.Users) == 0 {
			m.Reactions[i].Users = nil
		}
	}
	if m.Target != nil {
		t := plain(*m.Target)
		m.Target = &t
	}
	return m
}

// check compares a channel with the history, by every way of reading.
func (hs *history) check(t *testing.T, log parley.Log, when string) {
	t.Helper()
	all := readAll(t, log, room, 0)
	if len(all) != len(hs.entries) {
		t.Fatalf("%s: %d entries, want %d", when, len(all), len(hs.entries))
	}
	for root, want := range hs.replies {
		if got := replies(t, log, root); got != want {
			t.Fatalf("%s: message %d has %d replies, want %d", when, root, got, want)
		}
	}
	for i := range all {
		want := hs.entries[i]
		if want.Target != nil && hs.gone[want.Of] {
			gone := want.Target.Tombstone()
			want.Target = &gone
		}
		one, err := runOf(t.Context(), log, room, parley.Cursor{ID: int64(i)}, 1)
		if err != nil || len(one) != 1 {
			t.Fatalf("%s: entry %d: %+v, %v", when, i+1, one, err)
		}
		for _, got := range []parley.Message{all[i], one[0]} {
			if got, want := plain(got), plain(want); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: entry %d is %+v of %+v, want %+v of %+v", when, i+1, got, got.Target, want, want.Target)
			}
		}
	}
}

// grow appends random messages, replies and changes.
func (hs *history) grow(t *testing.T, log parley.Log, rnd *rand.Rand, n int) {
	t.Helper()
	for range n {
		user := parley.UserID(fmt.Sprintf("u%02d", rnd.IntN(30)))
		of := 1 + rnd.Int64N(int64(len(hs.entries)+1))
		text, data := fmt.Sprintf("text %d @u%d", rnd.IntN(3), rnd.IntN(3)), json.RawMessage(fmt.Sprintf(`{"n":%d}`, rnd.IntN(3)))
		none := json.RawMessage(nil)
		d := parley.Draft{User: user, Change: &parley.Change{Of: of}}
		switch c := d.Change; rnd.IntN(20) {
		case 0, 1:
			d = parley.Draft{User: user, Text: text, Data: data, Key: fmt.Sprint(len(hs.entries)), Join: true}
		case 2:
			d = parley.Draft{User: user, Text: text, Thread: of}
		case 3:
			c.Kind = parley.ChangeDelete
		case 4, 5:
			c.Kind, c.Text = parley.ChangeEdit, &text
		case 6:
			c.Kind, c.Data = parley.ChangeEdit, &data
		case 7:
			c.Kind, c.Data = parley.ChangeEdit, &none
		case 8:
			c.Kind, c.Text, c.Data = parley.ChangeEdit, &text, &data
		default:
			c.Kind, c.Emoji, c.Remove = parley.ChangeReact, []string{"a", "b", "c", "a\ufe0f"}[rnd.IntN(4)], rnd.IntN(3) == 0
		}
		r := log.Append(t.Context(), room, d)[0]
		switch m := r.Message; {
		case errors.Is(r.Err, parley.ErrUnknown), errors.Is(r.Err, parley.ErrUnavailable):
			t.Fatal(r.Err)
		case r.Err != nil || r.Unchanged:
		case m.Change == "":
			hs.entries = append(hs.entries, m)
			if m.Thread != 0 {
				hs.replies[m.Thread]++
			}
		default:
			hs.entries = append(hs.entries, m)
			if was := hs.entries[m.Of-1]; m.Change == parley.ChangeDelete {
				if hs.gone[m.Of] = true; was.Thread != 0 {
					hs.replies[was.Thread]--
				}
			}
			hs.entries[m.Of-1] = *m.Target
		}
	}
}

// After any history each message is read in its current form, and each change with the
// message as it was after the change.
func testChangeHistory(t *testing.T, h logHarness) {
	for seed := range uint64(histories(6, h.Slow)) {
		log := h.Open(t, nil)
		rnd := rand.New(rand.NewPCG(seed, 9))
		hs := &history{gone: map[int64]bool{}, replies: map[int64]int64{}}
		hs.entries = post(t, log, room, "first")
		for round := range 3 {
			hs.grow(t, log, rnd, 150)
			hs.check(t, log, fmt.Sprintf("seed %d, round %d", seed, round))
			if h.Reopen != nil {
				log = h.Reopen(t, log)
				hs.check(t, log, fmt.Sprintf("seed %d, after restart %d", seed, round))
			}
		}
	}
}

// A change is read as it was answered even while other changes are under way, and nothing is
// read before it exists.
func testChangeWhileRead(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "0", "0", strings.Repeat("x", parley.MaxText))
	const n = 100
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for of := range int64(3) {
		writing.Go(func() {
			for i := range n {
				text := fmt.Sprint(i + 1)
				for _, r := range log.Append(t.Context(), room, editing(of+1, text), reacting("u", of+1, text[len(text)-1:]),
					unreacting("u", of+1, text[len(text)-1:])) {
					if r.Err != nil || r.Message.Target.Text != text {
						t.Errorf("%+v", r)
					}
				}
			}
			if r := log.Append(t.Context(), room, deleting(of+1))[0]; r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
	for range 2 {
		reading.Go(func() {
			for {
				last := boundsOf(t, log, room).Last
				texts := map[int64]string{}
				all, err := runOf(t.Context(), log, room, parley.Cursor{}, 10_000)
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range all {
					switch {
					case m.Change == "":
						continue
					case m.Target.Deleted != (m.Target.Text == "") || m.Target.Deleted && len(m.Target.Reactions) != 0:
						t.Errorf("%+v of %+v", m, m.Target)
					case m.Change == parley.ChangeEdit && !m.Target.Deleted:
						texts[m.Of] = m.Target.Text
					case m.Change == parley.ChangeReact && !m.Target.Deleted && texts[m.Of] != "" && texts[m.Of] != m.Target.Text:
						t.Errorf("after the edit to %s comes %+v of %+v", texts[m.Of], m, m.Target)
					}
				}
				select {
				case <-done:
					if last == 3+3*(3*n+1) {
						return
					}
				default:
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
}
