package parleytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

func testSettings(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	d := directory(log)
	if s, err := settingsOf(t.Context(), d, room); err != nil || !reflect.DeepEqual(s, parley.Settings{}) {
		t.Fatalf("settings of a channel that has none: %+v, %v", s, err)
	}
	want := parley.Settings{
		Title:     "Räume",
		Topic:     "t",
		Data:      json.RawMessage(`{"a":1}`),
		Retention: &parley.Retention{Messages: 5, Seconds: 6},
	}
	if _, _, err := d.SetChannel(t.Context(), room, want.Replace); err != nil {
		t.Fatal(err)
	}
	if h.Reopen != nil {
		log = h.Reopen(t, log)
		d = directory(log)
	}
	if s, err := settingsOf(t.Context(), d, room); err != nil || !reflect.DeepEqual(s, want) {
		t.Fatalf("settings %+v, %v; want %+v", s, err, want)
	}
	if _, _, err := d.SetChannel(t.Context(), room, parley.Settings{Title: "x"}.Replace); err != nil {
		t.Fatal(err)
	}
	if s, err := settingsOf(t.Context(), d, room); err != nil || !reflect.DeepEqual(s, parley.Settings{Title: "x"}) {
		t.Fatalf("settings are merged, not replaced: %+v, %v", s, err)
	}
	if b := boundsOf(t, log, room); b.First != 1 || b.Last != 0 {
		t.Fatalf("settings gave a channel messages: %+v", b)
	}
}

func testListing(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	d := directory(log)
	var want []parley.ChannelID
	for i, ch := range names {
		if i%3 != 0 {
			post(t, log, ch, "x")
		}
		if i%3 != 1 {
			if _, _, err := d.SetChannel(t.Context(), ch, parley.Settings{}.Replace); err != nil {
				t.Fatal(err)
			}
		}
		want = append(want, ch)
	}
	slices.Sort(want)
	for _, page := range []int{1, 2, 3, 1000} {
		var got []parley.ChannelID
		for after := parley.ChannelID(""); ; {
			some, err := d.Channels(t.Context(), after, page)
			if err != nil || len(some) > page {
				t.Fatalf("%d channels after %s, %v", len(some), after, err)
			}
			if len(some) == 0 {
				break
			}
			got, after = append(got, some...), some[len(some)-1]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("in pages of %d: %v; want %v", page, got, want)
		}
	}
}

func testRemove(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	d := directory(log)
	if err := d.RemoveChannel(t.Context(), room); err != nil {
		t.Fatalf("removing a channel that does not exist: %v", err)
	}
	for _, ch := range names {
		stored(t, log.Append(t.Context(), ch, keyed("u", "k1", "one"), keyed("u", "k2", "two")))
		if _, _, err := d.SetChannel(t.Context(), ch, parley.Settings{Title: "x"}.Replace); err != nil {
			t.Fatal(err)
		}
	}
	const gone = parley.ChannelID("a")
	before := boundsOf(t, log, gone)
	if err := d.RemoveChannel(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		if b := boundsOf(t, log, gone); b.First != 3 || b.Last != 2 || b.Time != before.Time {
			t.Fatalf("bounds of a removed channel: %+v, before %+v", b, before)
		}
		if _, err := runOf(t.Context(), log, gone, parley.Cursor{}, 10); !errors.Is(err, parley.ErrTrimmed) {
			t.Fatalf("read of a removed channel: %v", err)
		}
		if run, err := runOf(t.Context(), log, gone, parley.Cursor{ID: 2}, 10); err != nil || len(run) != 0 {
			t.Fatalf("read after the head of a removed channel: %v, %v", run, err)
		}
		if s, err := settingsOf(t.Context(), d, gone); err != nil || s.Title != "" {
			t.Fatalf("settings of a removed channel: %+v, %v", s, err)
		}
		all, err := d.Channels(t.Context(), "", 1000)
		if err != nil || len(all) != len(names)-1 || slices.Contains(all, gone) {
			t.Fatalf("channels after one was removed: %v, %v", all, err)
		}
	}
	check()
	if h.Reopen != nil {
		log = h.Reopen(t, log)
		d = directory(log)
		check()
	}
	r := log.Append(t.Context(), gone, keyed("u", "k1", "again"))[0]
	if r.Err != nil || r.Duplicate || r.Message.ID != 3 || r.Message.Time <= before.Time {
		t.Fatalf("after the removal: %+v", r)
	}
	for _, ch := range names {
		if ch != gone && len(readAll(t, log, ch, 0)) != 2 {
			t.Fatalf("%s lost something with %s", ch, gone)
		}
	}
}

func testTrim(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	d := directory(log)
	const keep, n = 50, 300
	if _, _, err := d.SetChannel(t.Context(), room, parley.Settings{Retention: &parley.Retention{Messages: keep}}.Replace); err != nil {
		t.Fatal(err)
	}
	post(t, log, "room-2", "stays")
	for i := range n {
		stored(t, log.Append(t.Context(), room, keyed("u", fmt.Sprint(i), "x")))
		if b := boundsOf(t, log, room); b.Last-b.First+1 < min(keep, int64(i+1)) {
			t.Fatalf("fewer than %d are kept: %+v", keep, b)
		}
	}
	eventually(t, "no more than 60 are kept", func() bool {
		b := boundsOf(t, log, room)
		return b.Last == n && b.Last-b.First+1 <= keep+10
	})
	check := func() {
		t.Helper()
		b := boundsOf(t, log, room)
		for _, after := range []int64{0, 1, b.First - 2} {
			if _, err := runOf(t.Context(), log, room, parley.Cursor{ID: after}, 10); !errors.Is(err, parley.ErrTrimmed) {
				t.Fatalf("read after %d, kept from %d on: %v", after, b.First, err)
			}
		}
		if got := len(readAll(t, log, room, b.First-1)); got < keep || got > keep+10 {
			t.Fatalf("%d are kept, want %d", got, keep)
		}
		if len(readAll(t, log, "room-2", 0)) != 1 {
			t.Fatal("another channel was trimmed too")
		}
		for _, when := range []parley.Timestamp{0, b.Time} {
			c, err := parley.SeekTime(t.Context(), log, room, when)
			if err != nil || (when == 0 && c.ID != b.First-1) || (when > 0 && c.ID != b.Last) {
				t.Fatalf("seek %s in a trimmed channel: %+v, %v", when, c, err)
			}
		}
	}
	check()
	if h.Reopen != nil {
		log = h.Reopen(t, log)
		check()
	}
	// The key of a trimmed message is free, the key of a kept one is not.
	rs := log.Append(t.Context(), room, keyed("u", "0", "new"), keyed("u", fmt.Sprint(n-1), "old"))
	if ms := stored(t, rs); rs[0].Duplicate || ms[0].ID != n+1 || !rs[1].Duplicate || ms[1].ID != n || ms[0].Count != n+1 {
		t.Fatalf("%+v", rs)
	}
}

func testTrimAge(t *testing.T, h logHarness) {
	var now atomic.Int64
	now.Store(1_800_000_000_000_000)
	log := h.Open(t, func() time.Time { return time.UnixMicro(now.Load()) })
	d := directory(log)
	if _, _, err := d.SetChannel(t.Context(), room, parley.Settings{Retention: &parley.Retention{Seconds: 60}}.Replace); err != nil {
		t.Fatal(err)
	}
	post(t, log, room, numbers(25)...)
	now.Add(40e6)
	post(t, log, room, numbers(5)...)
	now.Add(40e6)
	eventually(t, "the first 25 are gone", func() bool { return boundsOf(t, log, room).First > 1 })
	if all := readAll(t, log, room, boundsOf(t, log, room).First-1); len(all) != 5 || all[0].ID != 26 {
		t.Fatalf("kept: %v", all)
	}
	last := boundsOf(t, log, room)
	now.Add(40e6)
	eventually(t, "all are gone", func() bool { return boundsOf(t, log, room).First == 31 })
	if b := boundsOf(t, log, room); b.Last != 30 || b.Time != last.Time {
		t.Fatalf("bounds %+v when all are gone, before %+v", b, last)
	}
	if run, err := runOf(t.Context(), log, room, parley.Cursor{ID: 30}, 10); err != nil || len(run) != 0 {
		t.Fatalf("read at the head when all are gone: %v, %v", run, err)
	}
	if m := post(t, log, room, "on")[0]; m.ID != 31 || m.Count != 31 || m.Time <= last.Time {
		t.Fatalf("when all were gone came %+v", m)
	}
}
