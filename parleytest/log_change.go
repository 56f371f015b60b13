package parleytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/parley-server/parley"
)

func editing(of int64, text string) parley.Draft {
	return parley.Draft{User: "alice", Change: &parley.Change{Of: of, Kind: parley.ChangeEdit, Text: &text}}
}

func deleting(of int64) parley.Draft {
	return parley.Draft{User: "alice", Change: &parley.Change{Of: of, Kind: parley.ChangeDelete}}
}

func reacting(user parley.UserID, of int64, emoji string) parley.Draft {
	return parley.Draft{User: user, Change: &parley.Change{Of: of, Kind: parley.ChangeReact, Emoji: emoji}}
}

func unreacting(user parley.UserID, of int64, emoji string) parley.Draft {
	d := reacting(user, of, emoji)
	d.Change.Remove = true
	return d
}

// change appends one draft and demands that it was stored.
func change(t *testing.T, log parley.Log, d parley.Draft) parley.Message {
	t.Helper()
	r := log.Append(t.Context(), room, d)[0]
	if r.Err != nil || r.Unchanged {
		t.Fatalf("%+v of %d: %+v", d.Change.Kind, d.Change.Of, r)
	}
	return r.Message
}

func testChange(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	sent := stored(
		t,
		log.Append(t.Context(), room, parley.Draft{User: "alice", Name: "Alice", Text: "one", Key: "k", Data: json.RawMessage(`{"a":1}`)},
			parley.Draft{User: "bob", Text: "two"}),
	)
	first := change(t, log, editing(1, "uno"))
	second := change(t, log, editing(1, "eins"))
	want := sent[0]
	want.Text, want.Edited = "eins", true
	if !reflect.DeepEqual(*second.Target, want) || second.ID != 4 || second.Of != 1 || second.Change != parley.ChangeEdit ||
		second.Text != "" ||
		second.Count != 2 ||
		second.Time <= first.Time {
		t.Errorf("the change is %+v of %+v, want %+v", second, second.Target, want)
	}
	all := readAll(t, log, room, 0)
	if len(all) != 4 || !reflect.DeepEqual(all[0], want) || !reflect.DeepEqual(all[1], sent[1]) {
		t.Fatalf("read %+v, want first %+v", all, want)
	}
	if !reflect.DeepEqual(all[2], first) || !reflect.DeepEqual(all[3], second) || all[2].Target.Text != "uno" {
		t.Errorf("the changes are read as %+v and %+v", all[2], all[3])
	}
	if m := post(t, log, room, "three")[0]; m.ID != 5 || m.Count != 3 {
		t.Errorf("after two changes comes %+v", m)
	}
	none := json.RawMessage(nil)
	if m := change(t, log, parley.Draft{User: "alice", Change: &parley.Change{Of: 1, Kind: parley.ChangeEdit,
		Data: &none}}); m.Target.Data != nil ||
		m.Target.Text != "eins" {
		t.Errorf("without data it is %+v", m.Target)
	}
	if r := log.Append(t.Context(), room, keyed("alice", "k", "again"))[0]; !r.Duplicate || r.Message.Text != "eins" {
		t.Errorf("a repeat is answered with %+v", r)
	}
}

func testChangeNothing(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "one", "two")
	change(t, log, reacting("bob", 1, "👍"))
	change(t, log, deleting(2))
	for _, d := range []parley.Draft{editing(1, "one"), reacting("bob", 1, "👍"), unreacting("carol", 1, "👍"), unreacting("bob", 1, "👎"),
		deleting(2)} {
		if r := log.Append(t.Context(), room, d)[0]; r.Err != nil || !r.Unchanged || r.Message.ID != d.Change.Of {
			t.Errorf("%+v: %+v", d.Change, r)
		}
	}
	if b := boundsOf(t, log, room); b.Last != 4 {
		t.Errorf("something was stored: the head is %d", b.Last)
	}
}

func testChangeRefused(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "one", "two")
	change(t, log, deleting(2))
	for want, ds := range map[error][]parley.Draft{
		parley.ErrNoMessage: {editing(0, "x"), editing(-1, "x"), editing(3, "x"), editing(4, "x"), deleting(99)},
		parley.ErrDeleted:   {editing(2, "x"), reacting("bob", 2, "👍"), unreacting("bob", 2, "👍")},
		parley.ErrEmpty:     {editing(1, "")},
	} {
		for _, d := range ds {
			if r := log.Append(t.Context(), room, d)[0]; !errors.Is(r.Err, want) {
				t.Errorf("%+v: %v, want %v", d.Change, r.Err, want)
			}
		}
	}
	for i := range parley.MaxReactions {
		change(t, log, reacting("bob", 1, fmt.Sprint(i)))
	}
	if r := log.Append(t.Context(), room, reacting("bob", 1, "more"))[0]; !errors.Is(r.Err, parley.ErrFull) {
		t.Errorf("more reactions than there may be: %v", r.Err)
	}
}

func testChangeDelete(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	const secret = "s3cret"
	stored(t, log.Append(t.Context(), room, parley.Draft{User: "alice", Text: secret, Data: json.RawMessage(`{"s":"s3cret"}`), Key: "k"}))
	change(t, log, editing(1, secret+" edited"))
	change(t, log, reacting("bob", 1, "👍"))
	if m := change(t, log, deleting(1)); !m.Target.Deleted || m.Target.Reactions != nil || m.Change != parley.ChangeDelete {
		t.Errorf("%+v", m)
	}
	all := readAll(t, log, room, 0)
	for _, m := range append(all, *all[1].Target, *all[2].Target, *all[3].Target) {
		if strings.Contains(m.Text+string(m.Data), secret) || m.Reactions != nil {
			t.Errorf("content is left in %+v", m)
		}
	}
	if len(all) != 4 || !all[0].Deleted || !all[1].Target.Deleted || all[1].Change != parley.ChangeEdit || all[0].User != "alice" {
		t.Errorf("%+v", all)
	}
	if r := log.Append(t.Context(), room, keyed("alice", "k", "again"))[0]; !r.Duplicate || !r.Message.Deleted || r.Message.Text != "" {
		t.Errorf("a repeat is answered with %+v", r)
	}
}

func testChangeReactions(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "one")
	const users = parley.MaxReactors + 5
	for i := range users {
		change(t, log, reacting(parley.UserID(fmt.Sprintf("u%02d", i)), 1, "👍"))
	}
	change(t, log, reacting("u00", 1, "🎉"))
	change(t, log, unreacting("u00", 1, "👍"))
	change(t, log, unreacting(parley.UserID(fmt.Sprintf("u%02d", users-1)), 1, "👍"))
	m := readAll(t, log, room, 0)[0]
	if len(m.Reactions) != 2 || m.Reactions[0].Emoji != "👍" || m.Reactions[0].Count != users-2 ||
		len(m.Reactions[0].Users) != parley.MaxReactors-1 ||
		m.Reactions[0].Users[0] != "u01" {
		t.Errorf("%+v", m.Reactions)
	}
	if m := change(t, log, unreacting("u00", 1, "🎉")); len(m.Target.Reactions) != 1 {
		t.Errorf("the last of a kind is gone, and left %+v", m.Target.Reactions)
	}
}

// In one append and in many concurrent ones, from which a store may make one batch or several.
func testChangeConcurrent(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "one", "two")
	const users = 40
	var wait sync.WaitGroup
	for i := range users {
		wait.Go(func() {
			user := parley.UserID(fmt.Sprintf("u%02d", i))
			for _, r := range log.Append(t.Context(), room, reacting(user, 1, "👍"), reacting(user, 1, "🎉"), unreacting(user, 1, "🎉"),
				editing(2, string(user)), parley.Draft{User: user, Text: "reply", Thread: 2}) {
				if r.Err != nil {
					t.Error(r.Err)
				}
			}
		})
	}
	wait.Wait()
	rs := log.Append(t.Context(), room, editing(1, "x"), editing(1, "y"), deleting(1), editing(1, "z"))
	if rs[0].Err != nil || rs[1].Err != nil || rs[2].Err != nil || !errors.Is(rs[3].Err, parley.ErrDeleted) {
		t.Errorf("%+v", rs)
	}
	all := readAll(t, log, room, 0)
	if !all[0].Deleted || replies(t, log, 2) != users {
		t.Errorf("%+v, %+v", all[0], all[1])
	}
	last, most := "", int64(0)
	for _, m := range all {
		if m.Of == 2 {
			last = m.Target.Text
		}
		if m.Of == 1 && (m.Target.Text != "" || !m.Target.Deleted) {
			t.Errorf("the content of a deleted message is in %+v", m)
		}
		most = max(most, m.Count)
	}
	if all[1].Text != last || most != 2+users {
		t.Errorf("message 2 is %q and was last changed to %q; %d messages", all[1].Text, last, most)
	}
}

func testChangeReopen(t *testing.T, h logHarness) {
	if h.Reopen == nil {
		t.Skip("the store does not outlive its process")
	}
	log := h.Open(t, nil)
	post(t, log, room, "one", "two")
	change(t, log, editing(1, "uno"))
	change(t, log, reacting("bob", 1, "👍"))
	change(t, log, deleting(2))
	want := readAll(t, log, room, 0)
	log = h.Reopen(t, log)
	if got := readAll(t, log, room, 0); !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
	change(t, log, unreacting("bob", 1, "👍"))
	if m := post(t, log, room, "three")[0]; m.ID != 7 || m.Count != 3 {
		t.Errorf("%+v", m)
	}
}
