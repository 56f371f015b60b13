package parleytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i + 1)
	}
	return out
}

func testRead(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, numbers(30)...)
	epoch := boundsOf(t, log, room).Epoch
	for _, ch := range []parley.ChannelID{room, "unknown"} {
		if run, err := log.Read(t.Context(), ch, parley.Cursor{ID: 30}, 10); err != nil || run.Epoch != epoch {
			t.Errorf("an empty run of %s is %+v, %v, want the epoch %s", ch, run, err, epoch)
		}
	}
	if r := log.Append(t.Context(), "other", keyed("u", "k", "x"), keyed("u", "k", "x"), deleting(7)); r[0].Epoch != epoch ||
		r[1].Epoch != epoch || r[2].Epoch != "" {
		t.Errorf("results have other epochs than %s: %+v", epoch, r)
	}
	for _, c := range []struct {
		after     int64
		limit     int
		from, len int64
	}{{0, 10, 1, 10}, {0, 1, 1, 1}, {0, 1000, 1, 30}, {10, 5, 11, 5}, {29, 10, 30, 1}, {25, 5, 26, 5}, {30, 5, 0, 0}, {7, 0, 0, 0}} {
		for _, e := range []string{"", epoch} {
			run, err := runOf(t.Context(), log, room, parley.Cursor{ID: c.after, Epoch: e}, c.limit)
			if err != nil || int64(len(run)) != c.len {
				t.Fatalf("read after %d limit %d: %d messages, %v; want %d", c.after, c.limit, len(run), err, c.len)
			}
			for i, m := range run {
				if m.ID != c.from+int64(i) || m.Text != fmt.Sprint(m.ID) {
					t.Fatalf("read after %d: %+v at %d", c.after, m, i)
				}
			}
		}
	}
}

func testReadLarge(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	const n = 48
	data := json.RawMessage(`{"d":"` + strings.Repeat("y", parley.MaxData-8) + `"}`)
	for range n {
		stored(t, log.Append(t.Context(), room, parley.Draft{User: "u", Data: data}))
	}
	run, err := runOf(t.Context(), log, room, parley.Cursor{}, 1000)
	if err != nil || len(run) == 0 || len(run) > 2*(1<<20)/parley.MaxData {
		t.Fatalf("a run of %d messages of 64 KiB, %v; want about 16", len(run), err)
	}
	if all := readAll(t, log, room, 0); len(all) != n {
		t.Fatalf("%d messages, want %d", len(all), n)
	}
}

func testReadEpoch(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "a")
	for _, ch := range []parley.ChannelID{room, "unknown"} {
		if _, err := runOf(t.Context(), log, ch, parley.Cursor{ID: 0, Epoch: "another"}, 10); !errors.Is(err, parley.ErrEpoch) {
			t.Fatalf("read %s with another epoch: %v", ch, err)
		}
	}
}

func testReadNothing(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	post(t, log, room, "a", "b")
	for _, c := range []struct {
		ch    parley.ChannelID
		after int64
	}{{room, 2}, {room, 3}, {room, 1 << 50}, {"unknown", 0}, {"unknown", 7}} {
		run, err := runOf(t.Context(), log, c.ch, parley.Cursor{ID: c.after}, 10)
		if err != nil || len(run) != 0 {
			t.Fatalf("read %s after %d: %v, %v", c.ch, c.after, run, err)
		}
	}
}

func testBoundsUnknown(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	m := post(t, log, room, "a")[0]
	b, err := log.Bounds(t.Context(), "x", room, "y", room)
	if err != nil || len(b) != 4 {
		t.Fatalf("%v, %v", b, err)
	}
	epoch := b[1].Epoch
	empty := func(ch parley.ChannelID) parley.Bounds { return parley.Bounds{Channel: ch, Epoch: epoch, First: 1} }
	known := parley.Bounds{Channel: room, Epoch: epoch, First: 1, Last: 1, Time: m.Time}
	if b[0] != empty("x") || b[1] != known || b[2] != empty("y") || b[3] != known || epoch == "" {
		t.Fatalf("%+v", b)
	}
	if none, err := log.Bounds(t.Context()); err != nil || len(none) != 0 {
		t.Fatalf("bounds of nothing: %v, %v", none, err)
	}
	if names, err := directory(log).Channels(t.Context(), "", 10); err != nil || len(names) != 1 {
		t.Fatalf("asking for bounds made channels: %v, %v", names, err)
	}
}

func testSeek(t *testing.T, h logHarness) {
	var now atomic.Int64
	now.Store(1_800_000_000_000_000)
	log := h.Open(t, func() time.Time { return time.UnixMicro(now.Load()) })
	for i := range 100 {
		post(t, log, room, fmt.Sprint(i))
		if i%10 != 0 { // some have the same time, as the clock shows it
			now.Add(1000)
		}
	}
	all := readAll(t, log, room, 0)
	for _, m := range all {
		for _, c := range []struct {
			t    parley.Timestamp
			want int64
		}{{m.Time - 1, m.ID - 1}, {m.Time, m.ID}} {
			got, err := parley.SeekTime(t.Context(), log, room, c.t)
			if err != nil || got.ID != c.want || got.Epoch != boundsOf(t, log, room).Epoch {
				t.Fatalf("seek %s, message %d has %s: %+v, %v; want %d", c.t, m.ID, m.Time, got, err, c.want)
			}
		}
	}
	for _, c := range []struct {
		ch   parley.ChannelID
		t    parley.Timestamp
		want int64
	}{{room, 0, 0}, {room, 1 << 60, 100}, {"unknown", 0, 0}, {"unknown", -5, 0}, {"unknown", 1 << 60, 0}} {
		if got, err := parley.SeekTime(t.Context(), log, c.ch, c.t); err != nil || got.ID != c.want {
			t.Fatalf("seek %s in %s: %+v, %v; want %d", c.t, c.ch, got, err, c.want)
		}
	}
}
