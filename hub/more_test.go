package hub_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/wire"
)

// In a channel that is fanned out on read, streams receive "more" at once and then once
// a second; polls receive the messages.
func TestOnReadStreamsGetMoreOnceASecondAndPollsRead(t *testing.T) {
	var now atomic.Int64
	h, _, _ := start(t, hub.Config{Clock: func() time.Time { return time.UnixMilli(now.Load()) },
		OnRead: func(c parley.ChannelID) bool { return strings.HasPrefix(string(c), "feed:") }})
	stream, poll := open(h, wire.FormWS), open(h, wire.FormJSON)
	defer stream.Close()
	defer poll.Close()
	for _, s := range []*hub.Session{stream, poll} {
		if st, err := s.Follow(t.Context(), "feed:a", &parley.Cursor{}); err != nil || st.More {
			t.Fatal(st, err)
		}
	}
	told, last := 0, ""
	for i := range 40 {
		publish(t, h, "feed:a", 1, "s3cret")
		now.Add(100)
		h.Point() // what Run does ten times a second
		got := takeAll(t, stream)
		if strings.Contains(got, "s3cret") {
			t.Fatalf("a stream got %q", got)
		}
		last += got
		n := strings.Count(got, `"type":"more","channel":"feed:a","last_id":`)
		if told += n; n > 1 || i == 0 && n != 1 {
			t.Fatalf("after message %d the stream was told %d times: %q", i+1, n, got)
		}
	}
	now.Add(1000)
	h.Point()
	if last += takeAll(t, stream); told > 5 || !strings.HasSuffix(last, `"last_id":40}`) {
		t.Errorf("in 4 s it was told %d times, and last %q", told, last)
	}
	if got := takeAll(t, poll); strings.Count(got, "s3cret") != 40 {
		t.Errorf("a poll read %d messages", strings.Count(got, "s3cret"))
	}
	late := open(h, wire.FormSSE)
	defer late.Close()
	if st, err := late.Follow(t.Context(), "feed:a", &parley.Cursor{ID: 7}); err != nil || !st.More || st.Bounds.Last != 40 {
		t.Errorf("%+v, %v", st, err)
	}
	if got := takeAll(t, late); got != "" {
		t.Errorf("who comes late was sent %q", got)
	}
}

// takeAll takes everything that a session has, from the store too.
func takeAll(t *testing.T, s *hub.Session) (all string) {
	t.Helper()
	for {
		b, err := s.Next("", 1<<20, 1<<20)
		switch {
		case err == hub.ErrBehind:
			if err := s.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatal(err)
		case len(b) == 0:
			return all
		}
		all += string(b)
	}
}

// A "more" that is pending is sent by Run after a second, also if Run had nothing to do for long.
func TestPendingMoreIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := start(t, hub.Config{OnRead: func(parley.ChannelID) bool { return true }})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = h.Run(ctx) })
		defer running.Wait()
		defer stop()
		s := open(h, wire.FormWS)
		defer s.Close()
		if _, err := s.Follow(t.Context(), "feed", &parley.Cursor{}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{`"last_id":2}`, `"last_id":4}`} {
			time.Sleep(10 * time.Minute)
			publish(t, h, "feed", 1, "x")
			takeAll(t, s)
			publish(t, h, "feed", 1, "x")
			if got := takeAll(t, s); got != "" {
				t.Fatalf("%q was sent at once", got)
			}
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			if got := takeAll(t, s); !strings.Contains(got, want) {
				t.Errorf("round %d: %q was sent, want %s", i, got, want)
			}
		}
	})
}
