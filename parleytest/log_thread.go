package parleytest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/parley-server/parley"
)

func testThread(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	threads := index(log)
	post(t, log, room, "root", "other")
	for i := range 5 {
		stored(t, log.Append(t.Context(), room, parley.Draft{User: "bob", Text: fmt.Sprint(i), Thread: 1}, parley.Draft{User: "bob",
			Text: "x", Thread: 2}))
	}
	change(t, log, deleting(5))
	ids := func(root int64, q parley.ThreadQuery) (ids []int64) {
		th, err := threads.Thread(t.Context(), room, root, q)
		if err != nil {
			t.Fatal(err)
		}
		if th.Root != nil {
			ids = append(ids, th.Root.ID)
		}
		for _, m := range th.Replies {
			ids = append(ids, m.ID)
		}
		return ids
	}
	at := func(id int64) *int64 { return &id }
	for _, c := range []struct {
		root          int64
		after, before *int64
		limit         int
		want          []int64
	}{
		{1, nil, nil, 10, []int64{1, 3, 5, 7, 9, 11}}, {1, nil, nil, 2, []int64{1, 9, 11}}, {1, nil, at(9), 2, []int64{1, 5,
			7}}, {1, nil, at(4), 2, []int64{1, 3}},
		{1, at(0), nil, 2, []int64{1, 3, 5}}, {1, at(3), nil, 2, []int64{1, 5, 7}}, {1, at(9), nil, 2, []int64{1, 11}}, {1, at(11),
			nil, 2, []int64{1}},
		{1, nil, at(3), 2, []int64{1}}, {1, nil, at(0), 2, []int64{1}}, {1, at(math.MaxInt64), nil, 2, []int64{1}}, {1, nil,
			at(math.MaxInt64), 1, []int64{1, 11}},
		{1, at(math.MinInt64), nil, 1, []int64{1, 3}}, {1, nil, at(math.MinInt64), 1, []int64{1}},
		{7, nil, nil, 1, []int64{1, 11}}, // a reply counts as its root
		{2, nil, nil, 1, []int64{2, 12}}, {13, nil, nil, 9, nil}, {99, nil, nil, 9, nil}, {0, nil, nil, 9, nil}, {math.MaxInt64,
			nil, nil, 9, nil},
	} {
		if got := ids(c.root, parley.ThreadQuery{After: c.after, Before: c.before, Limit: c.limit}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("thread %d %+v: %v, want %v", c.root, c, got, c.want)
		}
	}
	for root, want := range map[int64]int64{1: 4, 7: 4, 13: 0, 99: 0} {
		if got := replies(t, log, root); got != want {
			t.Errorf("message %d has %d replies, want %d", root, got, want)
		}
	}
}

// A reply is to an existing message, and a thread is flat.
func testReplies(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	replying := func(to int64) parley.Draft { return parley.Draft{User: "bob", Text: "x", Thread: to} }
	if r := log.Append(t.Context(), "other", replying(1))[0]; !errors.Is(r.Err, parley.ErrNoThread) {
		t.Errorf("a reply in an empty channel: %+v", r)
	}
	rs := log.Append(t.Context(), room, replying(1), parley.Draft{User: "bob", Text: "root"}, replying(1), replying(2), replying(3),
		editing(1, "edited"), replying(5), replying(4))
	for i, want := range []struct {
		id, thread int64
		err        error
	}{{err: parley.ErrNoThread}, {id: 1}, {id: 2, thread: 1}, {id: 3, thread: 1}, {id: 4,
		thread: 1}, {id: 5}, {err: parley.ErrNoThread}, {id: 6, thread: 1}} {
		if r := rs[i]; !errors.Is(r.Err, want.err) || r.Err == nil && (r.Message.ID != want.id || r.Message.Thread != want.thread) {
			t.Errorf("draft %d: %+v, want %+v", i, r, want)
		}
	}
	change(t, log, deleting(1))
	change(t, log, deleting(2))
	for _, to := range []int64{1, 2} { // deleted messages exist
		if m := stored(t, log.Append(t.Context(), room, replying(to)))[0]; m.Thread != 1 {
			t.Errorf("a reply to %d is one to %d", to, m.Thread)
		}
	}
	for _, to := range []int64{99, -1, math.MaxInt64, math.MinInt64, 7} {
		if r := log.Append(t.Context(), room, replying(to))[0]; !errors.Is(r.Err, parley.ErrNoThread) {
			t.Errorf("a reply to %d: %+v", to, r)
		}
	}
	first := stored(t, log.Append(t.Context(), room, parley.Draft{User: "bob", Text: "x", Thread: 3, Key: "k"}))[0]
	if r := log.Append(t.Context(), room, parley.Draft{User: "bob", Text: "x", Thread: 99, Key: "k"})[0]; !r.Duplicate ||
		!reflect.DeepEqual(r.Message, first) {
		t.Errorf("a repeat that replies to nothing: %+v, want %+v", r, first)
	}
	if h.Reopen != nil {
		log = h.Reopen(t, log)
	}
	if all := readAll(t, log, room, 0); replies(t, log, 1) != 7-1 || all[len(all)-1].Thread != 1 {
		t.Errorf("%+v", all)
	}
}

// Emoji that differ only in variation selectors are one kind, under the form that was used first.
func testEmojiKinds(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "one")
	const text, picture = "\u2764", "\u2764\ufe0f"
	change(t, log, reacting("alice", 1, picture))
	change(t, log, reacting("bob", 1, text))
	for _, d := range []parley.Draft{reacting("alice", 1, text), reacting("bob", 1, picture), unreacting("carol", 1,
		"\u2764\ufe0e"), unreacting("alice", 1, "\ufe0f")} {
		if r := log.Append(t.Context(), room, d)[0]; r.Err != nil || !r.Unchanged {
			t.Errorf("%+v: %+v", d.Change, r)
		}
	}
	if m := readAll(t, log, room, 0)[0]; len(m.Reactions) != 1 || m.Reactions[0].Count != 2 || m.Reactions[0].Emoji != picture {
		t.Errorf("%+v", m.Reactions)
	}
	change(t, log, unreacting("alice", 1, text))
	if m := change(t, log, unreacting("bob", 1, picture)); len(m.Target.Reactions) != 0 {
		t.Errorf("%+v", m.Target.Reactions)
	}
	if m := change(t, log, reacting("bob", 1, text)); m.Target.Reactions[0].Emoji != text {
		t.Errorf("%+v", m.Target.Reactions)
	}
}

func testReactors(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	reactions := log.(parley.Reactions)
	post(t, log, room, "one", "two")
	const n = parley.MaxReactors + 5
	users := make([]parley.UserID, n)
	for i := range n {
		users[i] = parley.UserID(fmt.Sprintf("u%02d", i))
		change(t, log, reacting(users[i], 1, "\u2764"))
	}
	change(t, log, reacting("v", 1, "\u2764\u2764"))
	for _, c := range []struct {
		of          int64
		emoji       string
		user, after parley.UserID
		limit       int
		want        parley.Reactors
	}{
		{1, "\u2764", "u22", "", 100, parley.Reactors{Count: n, Mine: true, Users: users}},
		{1, "\u2764\ufe0f", "u22", "", n, parley.Reactors{Count: n, Mine: true, Users: users}},
		{1, "\u2764", "v", "", 10, parley.Reactors{Count: n, Users: users[:10], More: true}},
		{1, "\u2764", "u2", "u09", 10, parley.Reactors{Count: n, Users: users[10:20], More: true}},
		{1, "\u2764", "u00", "u20", 10, parley.Reactors{Count: n, Mine: true, Users: users[21:]}},
		{1, "\u2764", "u00", "v", 10, parley.Reactors{Count: n, Mine: true}},
		{1, "x", "u00", "", 10, parley.Reactors{}}, {2, "\u2764", "u00", "", 10, parley.Reactors{}},
	} {
		if got, err := reactions.Reactors(t.Context(), room, c.of, c.emoji, c.user, c.after, c.limit); err != nil ||
			!reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
	for _, of := range []int64{0, -1, 3, 99} {
		if _, err := reactions.Reactors(t.Context(), room, of, "x", "u", "", 10); !errors.Is(err, parley.ErrNoMessage) {
			t.Errorf("of message %d: %v", of, err)
		}
	}
	change(t, log, deleting(1))
	if got, err := reactions.Reactors(t.Context(), room, 1, "\u2764", "u00", "", 10); err != nil || got.Count != 0 || got.Mine ||
		got.Users != nil {
		t.Errorf("of a deleted message: %+v, %v", got, err)
	}
}
