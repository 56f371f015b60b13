package embedded_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func changing(t *testing.T, log parley.Log, user parley.UserID, c parley.Change) parley.Message {
	t.Helper()
	r := log.Append(t.Context(), "room", parley.Draft{User: user, Change: &c})[0]
	if r.Err != nil || r.Unchanged {
		t.Fatalf("%+v: %+v", c, r)
	}
	return r.Message
}

// A change stores only what it changes, not the whole message again.
func TestAChangeStoresTheDifference(t *testing.T) {
	log := start(t, "data", embedded.Config{FS: vfs.NewMem(), TrimEvery: time.Hour})
	large := parley.Draft{User: "eve", Text: strings.Repeat("x", parley.MaxText),
		Data: json.RawMessage(`{"d":"` + strings.Repeat("y", parley.MaxData-8) + `"}`)}
	if r := log.Append(t.Context(), "room", large, large)[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	text := func(i int) *string { s := fmt.Sprint(i); return &s }
	data := func(i int) *json.RawMessage { s := json.RawMessage(fmt.Sprintf(`{"a":%d}`, i)); return &s }
	for _, kind := range []struct {
		name string
		most uint64 // bytes of each
		do   func(i int)
	}{
		{"a reaction", 400, func(i int) {
			changing(t, log, "eve", parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "x", Remove: i%2 == 1})
		}},
		{"a reply", 400, func(i int) {
			if r := log.Append(t.Context(), "room", parley.Draft{User: "eve", Text: "x", Thread: 1})[0]; r.Err != nil {
				t.Error(r.Err)
			}
		}},
		{"an edit of the text", 400, func(i int) { changing(t, log, "eve", parley.Change{Of: 1, Kind: parley.ChangeEdit, Text: text(i)}) }},
		{"an edit of the data", 400, func(i int) { changing(t, log, "eve", parley.Change{Of: 2, Kind: parley.ChangeEdit, Data: data(i)}) }},
		{"a reaction beside all kinds", 1000, func(i int) {
			if i == 0 {
				for k := range parley.MaxReactions - 2 {
					for u := range parley.MaxReactors {
						changing(t, log, parley.UserID(fmt.Sprint(strings.Repeat("u", 120), u)), parley.Change{Of: 2,
							Kind: parley.ChangeReact, Emoji: fmt.Sprint(k)})
					}
				}
			}
			changing(t, log, "eve", parley.Change{Of: 2, Kind: parley.ChangeReact, Emoji: "x", Remove: i%2 == 1})
		}},
		{"a reaction beside many of the kind", 5000, func(i int) {
			changing(t, log, "eve", parley.Change{Of: 2, Kind: parley.ChangeReact, Emoji: "0", Remove: i%2 == 1})
		}},
	} {
		kind.do(0)
		kind.do(1)
		before := log.Written()
		const n = 20
		for i := range n {
			kind.do(i + 2)
		}
		if each := (log.Written() - before) / n; each > kind.most {
			t.Errorf("%s stores %d bytes, want %d at most", kind.name, each, kind.most)
		}
	}
}

// Changes stored by earlier versions can be read and changed.
func TestChangesInTheOlderForm(t *testing.T) {
	cfg := embedded.Config{FS: vfs.NewMem(), TrimEvery: time.Hour}
	log := start(t, "data", cfg)
	for i := range 4 {
		if r := log.Append(t.Context(), "room", parley.Draft{User: "alice", Name: "Alice", Text: fmt.Sprint("secret ", i),
			Data: json.RawMessage(`{"a":"secret"}`), Key: fmt.Sprint(i)})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	text, none := "edited secret @bob", json.RawMessage(nil)
	for _, c := range []parley.Change{
		{Of: 1, Kind: parley.ChangeReact, Emoji: "a"}, {Of: 1, Kind: parley.ChangeReact, Emoji: "b"}, {Of: 1, Kind: parley.ChangeEdit,
			Text: &text}, {Of: 1, Kind: parley.ChangeReact, Emoji: "c"},
		{Of: 1, Kind: parley.ChangeReact, Emoji: "b", Remove: true}, {Of: 2, Kind: parley.ChangeEdit, Text: &text, Data: &none}, {Of: 3,
			Kind: parley.ChangeEdit, Text: &text}, {Of: 3, Kind: parley.ChangeDelete},
	} {
		changing(t, log, "bob", c)
	}
	if r := log.Append(t.Context(), "room", parley.Draft{User: "bob", Text: "reply", Thread: 1})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	want := entries(t, log)
	replies := func() int64 {
		t.Helper()
		th, err := log.Thread(t.Context(), "room", 1, parley.ThreadQuery{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return th.Count
	}
	age := func() {
		t.Helper()
		if err := log.Age("room"); err != nil {
			t.Fatal(err)
		}
		log.stop(t)
		log = start(t, "data", cfg)
	}
	age()
	if rows, err := log.Holds("room", "secret"); err != nil || rows < 5 {
		t.Fatalf("the older form has content in %d rows, %v", rows, err)
	}
	if got := entries(t, log); !reflect.DeepEqual(got, want) || replies() != 1 {
		t.Fatalf("read as %+v, want %+v", got, want)
	}
	m := changing(t, log, "carol", parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "c"}).Target
	if len(m.Reactions) != 2 || m.Reactions[0].Emoji != "a" || m.Reactions[1].Count != 2 || m.Text != text || !m.Edited ||
		m.Data == nil {
		t.Errorf("%+v", m)
	}
	if m = changing(t, log, "bob", parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "a",
		Remove: true}).Target; len(m.Reactions) != 1 || m.Reactions[0].Emoji != "c" {
		t.Errorf("%+v", m)
	}
	other := "other"
	if m = changing(t, log, "bob", parley.Change{Of: 1, Kind: parley.ChangeEdit, Text: &other}).Target; m.Text != other ||
		len(m.Reactions) != 1 || m.Data == nil {
		t.Errorf("%+v", m)
	}
	if r := log.Append(t.Context(), "room", parley.Draft{User: "bob", Text: "reply", Thread: 1})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	all := entries(t, log)
	if all[0].Text != other || replies() != 2 || !reflect.DeepEqual(all[4:13], want[4:13]) {
		t.Errorf("%+v, want after the first %+v", all, want[1:])
	}
	log.stop(t)
	log = start(t, "data", cfg)
	if again := entries(t, log); !reflect.DeepEqual(again, all) {
		t.Errorf("after a restart %+v, want %+v", again, all)
	}
	age() // also converts the newer ones, next to older ones
	if again := entries(t, log); !reflect.DeepEqual(again, all) {
		t.Errorf("in the older form %+v, want %+v", again, all)
	}
	for of := range int64(4) {
		if of != 2 {
			changing(t, log, "alice", parley.Change{Of: of + 1, Kind: parley.ChangeDelete})
		}
	}
	if rows, err := log.Holds("room", "secret"); err != nil || rows != 0 {
		t.Errorf("%d rows hold the content of deleted messages, %v", rows, err)
	}
	for _, m := range entries(t, log) {
		if m.Change != "" && (!m.Target.Deleted || m.Target.Text != "" || m.Target.Reactions != nil) {
			t.Errorf("%+v of %+v", m, m.Target)
		}
	}
	if mentions, err := log.Holds("room", "\x00bob\x00\x00"); err != nil || mentions != 0 {
		t.Errorf("%d mentions are left of deleted messages, %v", mentions, err)
	}
}

// A change outlives its message; afterwards it only says that there was a change.
func TestChangeOfATrimmedMessage(t *testing.T) {
	log := start(t, "data", embedded.Config{FS: vfs.NewMem(), TrimEvery: time.Hour})
	for _, user := range []parley.UserID{"alice", "bob"} {
		log.Append(t.Context(), "room", parley.Draft{User: user, Text: "secret @carol"})
	}
	text := "edited secret"
	for i := range 20 {
		changing(t, log, "dave", parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: fmt.Sprint(i)})
	}
	changing(t, log, "alice", parley.Change{Of: 1, Kind: parley.ChangeEdit, Text: &text})
	last := changing(t, log, "dave", parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "x"})
	if _, _, err := log.SetChannel(t.Context(), "room", parley.Settings{Retention: &parley.Retention{Messages: 3}}.Replace); err != nil {
		t.Fatal(err)
	}
	if err := log.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, err := runOf(t.Context(), log, "room", parley.Cursor{ID: last.ID - 2}, 10)
	if err != nil || len(kept) != 2 {
		t.Fatalf("%+v, %v", kept, err)
	}
	for _, m := range kept {
		if g := m.Target; g == nil || g.ID != 1 || g.User != "alice" || g.Time == 0 || g.Text != "" || g.Reactions != nil ||
			!g.Deleted || m.User == "" || m.Of != 1 {
			t.Errorf("%+v of %+v", m, m.Target)
		}
	}
	if rows, err := log.Holds("room", "\x00carol\x00"); err != nil || rows != 0 {
		t.Errorf("%d mentions are left, %v", rows, err)
	}
}

func entries(t *testing.T, log parley.Log) []parley.Message {
	t.Helper()
	all, err := runOf(t.Context(), log, "room", parley.Cursor{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
