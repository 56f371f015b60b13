package parleytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

func testDense(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	want := int64(0)
	for calls := range 20 {
		texts := make([]string, calls%5+1)
		for i := range texts {
			texts[i] = fmt.Sprint(calls, ".", i)
		}
		for i, m := range post(t, log, room, texts...) {
			want++
			if m.ID != want || m.Count != want || m.Text != texts[i] || m.Channel != room {
				t.Fatalf("message %+v; want id and count %d, text %s", m, want, texts[i])
			}
			if b := boundsOf(t, log, room); b.First != 1 || b.Last < want || b.Epoch == "" {
				t.Fatalf("bounds %+v after message %d", b, want)
			}
		}
	}
	if got := log.Append(t.Context(), room); len(got) != 0 {
		t.Fatalf("an append of nothing returned %v", got)
	}
	if b, all := boundsOf(t, log, room), readAll(t, log, room, 0); b.Time != all[len(all)-1].Time {
		t.Fatalf("bounds %+v, the last message is of %v", b, all[len(all)-1].Time)
	}
}

func testConcurrentAppends(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	const callers, calls, drafts = 16, 25, 3
	var wg sync.WaitGroup
	for p := range callers {
		wg.Go(func() {
			last := int64(0)
			for c := range calls {
				var ds []parley.Draft
				for d := range drafts {
					ds = append(ds, parley.Draft{User: parley.UserID(fmt.Sprint("u", p)), Text: fmt.Sprint(c*drafts + d)})
				}
				for _, r := range log.Append(t.Context(), room, ds...) {
					if r.Err != nil || r.Message.ID <= last {
						t.Errorf("after id %d: %d, %v", last, r.Message.ID, r.Err)
						return
					}
					last = r.Message.ID
				}
			}
		})
	}
	wg.Wait()
	all := readAll(t, log, room, 0)
	if len(all) != callers*calls*drafts {
		t.Fatalf("%d messages, want %d", len(all), callers*calls*drafts)
	}
	next := map[parley.UserID]int{}
	var before parley.Message
	for _, m := range all {
		if m.Text != fmt.Sprint(next[m.User]) {
			t.Fatalf("message %d: %s says %s, want %d", m.ID, m.User, m.Text, next[m.User])
		}
		next[m.User]++
		if m.Time <= before.Time || m.Count != before.Count+1 {
			t.Fatalf("time and count do not rise: %+v, %+v", before, m)
		}
		before = m
	}
}

func testChannels(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	var wg sync.WaitGroup
	for c := range 20 {
		wg.Go(func() {
			ch := parley.ChannelID(fmt.Sprint("c", c))
			for i := range 20 {
				r := log.Append(t.Context(), ch, parley.Draft{User: "u", Text: string(ch)})[0]
				if r.Err != nil || r.Message.ID != int64(i+1) || r.Message.Count != int64(i+1) {
					t.Errorf("%s: %+v", ch, r)
					return
				}
			}
		})
	}
	wg.Wait()
	for c := range 20 {
		ch := parley.ChannelID(fmt.Sprint("c", c))
		for _, m := range readAll(t, log, ch, 0) {
			if m.Text != string(ch) || m.Channel != ch {
				t.Fatalf("%s has %+v", ch, m)
			}
		}
	}
}

func testClock(t *testing.T, h logHarness) {
	var now atomic.Int64
	start := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixMicro())
	log := h.Open(t, func() time.Time { return time.UnixMicro(now.Load()) })
	first := post(t, log, room, "a")[0]
	if want := parley.Timestamp(start.UnixMicro()); first.Time < want || first.Time > want+1000 {
		t.Fatalf("stamped %s, the clock says %s", first.Time, want)
	}
	now.Add(-int64(time.Hour / time.Microsecond))
	back := post(t, log, room, "b", "c")
	now.Add(2 * int64(time.Hour/time.Microsecond))
	on := post(t, log, room, "d")[0]
	if back[0].Time <= first.Time || back[1].Time <= back[0].Time || on.Time <= back[1].Time {
		t.Fatalf("times %s, %s, %s, %s do not rise", first.Time, back[0].Time, back[1].Time, on.Time)
	}
	if on.Time < parley.Timestamp(now.Load()) {
		t.Fatalf("stamped %s, behind the clock", on.Time)
	}
}

func testRoundTrip(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	drafts := []parley.Draft{
		{User: "alice", Text: "plain"},
		{User: "alice", Name: "Alice Ångström", Text: "emoji 👩‍👩‍👧 and \x00 NUL\r\n", Thread: 1, Key: "k\x00 \xff"},
		{
			User: parley.UserID(strings.Repeat("u", 128)),
			Name: strings.Repeat("é", 128),
			Text: strings.Repeat("x", parley.MaxText),
			Key:  strings.Repeat("k", parley.MaxKey),
		},
		{User: "guest", Data: json.RawMessage(`{}`)},
		{
			User: "guest",
			Data: json.RawMessage(`{"d":"` + strings.Repeat("y", parley.MaxData-8) + `"}`),
			Text: strings.Repeat("z", parley.MaxText),
		},
		{User: "bob", Data: json.RawMessage("{\"a\":\"\xe2\x80\xa8\"}"), Thread: 1},
		{User: "bob", Data: json.RawMessage(`{"bytes": "AQID","none": "","text":"AQID"}`)},
	}
	got := stored(t, log.Append(t.Context(), room, drafts...))
	for i, m := range readAll(t, log, room, 0) {
		d := drafts[i]
		want := parley.Message{ID: int64(i + 1), Channel: room, User: d.User, Name: d.Name, Text: d.Text, Data: d.Data,
			Thread: d.Thread, Key: d.Key, Time: m.Time, Count: int64(i + 1)}
		if !reflect.DeepEqual(m, want) {
			t.Errorf("message %d was read as %.200v", i+1, m)
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("message %d was answered as %.200v", i+1, got[i])
		}
	}
}

func testOwnership(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	data := []byte(`{"n":1}`)
	answered := stored(t, log.Append(t.Context(), room, parley.Draft{User: "u", Data: data}))[0]
	copy(data, `{"n":2}`)
	read := readAll(t, log, room, 0)[0]
	if string(answered.Data) != `{"n":1}` || string(read.Data) != `{"n":1}` {
		t.Fatalf("answered %s, read %s after the draft's bytes changed", answered.Data, read.Data)
	}
	copy(read.Data, `{"n":3}`)
	copy(answered.Data, `{"n":4}`)
	if again := readAll(t, log, room, 0)[0]; !bytes.Equal(again.Data, []byte(`{"n":1}`)) {
		t.Fatalf("read %s after what was read before changed", again.Data)
	}
}

func testReadYourAppend(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	ids := make(chan int64)
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for id := range ids {
				run, err := runOf(t.Context(), log, room, parley.Cursor{ID: id - 1}, 1)
				b, berr := log.Bounds(t.Context(), room)
				if err != nil || len(run) != 1 || run[0].ID != id || berr != nil || b[0].Last < id {
					t.Errorf("id %d was returned, but read as %v, %v; bounds %v, %v", id, run, err, b, berr)
				}
			}
		})
	}
	for range 4 {
		writers.Go(func() {
			for range 50 {
				r := log.Append(t.Context(), room, parley.Draft{User: "u", Text: "x"})[0]
				if r.Err != nil {
					t.Error(r.Err)
					return
				}
				ids <- r.Message.ID
			}
		})
	}
	writers.Wait()
	close(ids)
	readers.Wait()
}

func testContext(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i, r := range log.Append(ctx, room, parley.Draft{User: "u", Text: "a", Key: "a"}, parley.Draft{User: "u", Text: "b", Key: "b"}) {
		if r.Err != nil && !errors.Is(r.Err, parley.ErrUnknown) {
			t.Fatalf("result %d of an append that nobody waited for: %v", i, r.Err)
		}
	}
	// Whatever the outcome was, a retry with the key stores it once.
	stored(t, log.Append(t.Context(), room, parley.Draft{User: "u", Text: "a", Key: "a"}, parley.Draft{User: "u", Text: "b", Key: "b"}))
	if all := readAll(t, log, room, 0); len(all) != 2 || all[0].Text != "a" || all[1].Text != "b" {
		t.Fatalf("after the second try there is %v", all)
	}
}
