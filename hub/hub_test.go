package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/testenv"
	"github.com/parley-server/parley/wire"
)

// counted is a log that counts its reads.
type counted struct {
	parley.Log
	mu    sync.Mutex
	reads int
}

func (c *counted) Read(ctx context.Context, ch parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	c.mu.Lock()
	c.reads++
	c.mu.Unlock()
	return c.Log.Read(ctx, ch, after, limit)
}

func TestFirstEventAfterAQuietTimeIsNotLost(t *testing.T) {
	var now atomic.Int64
	h, _, _ := start(t, hub.Config{Clock: func() time.Time { return time.Unix(now.Load(), 0) }})
	s := open(h, wire.FormWS)
	defer s.Close()
	if _, err := s.Follow(t.Context(), "c", nil); err != nil {
		t.Fatal(err)
	}
	take := func() string { b, _ := s.Next("", 1<<20, 1<<20); return string(b) }
	take()
	for range 3 {
		publish(t, h, "c", 1, "x")
		take()
		now.Add(120)
		h.Sweep()
		if h.Recent() != 0 {
			t.Fatalf("%d bytes are kept after two quiet minutes", h.Recent())
		}
		h.Event("c", parley.Event{Name: "typing", Object: []byte(`{"type":"typing"}`)})
		if got := take(); !strings.Contains(got, "typing") {
			t.Fatalf("after a quiet time it got %q", got)
		}
	}
}

// node is a hub and its source.
type node struct {
	*hub.Hub
	feed *feed.Feed
}

func start(t testing.TB, cfg hub.Config) (node, *counted, *mem.Handle) {
	t.Helper()
	store := mem.NewStore(mem.StoreConfig{}).Open()
	c := &counted{Log: store}
	f := feed.New(c, feed.Config{Hub: cfg})
	return node{f.Hub(), f}, c, store
}

func publish(t *testing.T, h node, channel parley.ChannelID, n int, text string) {
	t.Helper()
	ds := make([]parley.Draft, n)
	for i := range ds {
		ds[i] = parley.Draft{User: "alice", Text: text}
	}
	for _, r := range h.feed.PublishAll(channel, ds) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

type noBell struct{}

func (noBell) Ring() {}

func open(h node, form wire.Form) *hub.Session {
	s := new(hub.Session)
	h.Open(s, form, noBell{})
	return s
}

// reader takes everything available and remembers the ids.
type reader struct {
	*hub.Session
	t   *testing.T
	ids []int64
}

func follow(t *testing.T, h node, channel parley.ChannelID, after *parley.Cursor) *reader {
	t.Helper()
	r := &reader{t: t, Session: open(h, wire.FormJSON)}
	if _, err := r.Follow(t.Context(), channel, after); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func (r *reader) drain(limit, count int) {
	r.t.Helper()
	for {
		before := r.Sum()
		b, err := r.Next("", limit, count)
		switch {
		case errors.Is(err, hub.ErrBehind):
			if err := r.Load(r.t.Context()); err != nil {
				r.t.Fatal(err)
			}
			continue
		case len(b) == 0:
			return
		}
		if n := int(r.Sum() - before); n != strings.Count(string(b), `{"type":"message"`) {
			r.t.Fatalf("the cursor moved by %d over %q", n, b)
		}
		for i := before + 1; i <= r.Sum(); i++ {
			r.ids = append(r.ids, i)
		}
	}
}

func (r *reader) want(from, to int64) {
	r.t.Helper()
	var want []int64
	for i := from; i <= to; i++ {
		want = append(want, i)
	}
	if fmt.Sprint(r.ids) != fmt.Sprint(want) {
		r.t.Fatalf("took %v, want %d…%d", r.ids, from, to)
	}
}

func TestAReaderFarBehindReadsPagesAndThenTheRecentBytes(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	publish(t, h, "c", 700, "old")
	r := follow(t, h, "c", &parley.Cursor{})
	publish(t, h, "c", 50, "new")
	r.drain(1000, 7)
	r.want(1, 750)
}

func TestAReaderThatFallsBehindTheRecentBytesIsServedFromTheStore(t *testing.T) {
	h, c, _ := start(t, hub.Config{})
	r := follow(t, h, "c", nil)
	publish(t, h, "c", 1, "first")
	r.drain(1<<20, 1<<20)
	publish(t, h, "c", 600, strings.Repeat("x", 1000)) // more than the recent bytes hold
	if c.reads != 0 {
		t.Fatalf("%d reads before anybody was behind", c.reads)
	}
	r.drain(1<<20, 1<<20)
	r.want(1, 601)
	if c.reads == 0 {
		t.Fatal("nothing was read from the store, so the test tests nothing")
	}
}

// Ten thousand readers resume at once from different cursors: they read each of the four
// pages that they need once, besides the bounds.
func TestManyResumingReadersCostFewReads(t *testing.T) {
	h, c, _ := start(t, hub.Config{})
	const messages, readers, atATime = 1000, 10_000, 100
	publish(t, h, "c", messages, "old")
	var reading sync.WaitGroup
	for part := range atATime {
		reading.Go(func() {
			for i := part; i < readers; i += atATime {
				after := int64(i % messages)
				s := open(h, wire.FormWS)
				if _, err := s.Follow(t.Context(), "c", &parley.Cursor{ID: after}); err != nil {
					t.Error(err)
					return
				}
				taken := 0
				for {
					b, err := s.Next("", 1<<20, 1<<20)
					if errors.Is(err, hub.ErrBehind) {
						err = s.Load(t.Context())
					} else if len(b) == 0 {
						break
					}
					if err != nil {
						t.Error(err)
						return
					}
					taken += bytes.Count(b, []byte(`{"type":"message"`))
				}
				if taken != int(messages-after) || s.Sum() != messages {
					t.Errorf("after %d it took %d messages, up to %d", after, taken, s.Sum())
				}
				s.Close()
			}
		})
	}
	reading.Wait()
	t.Logf("%d readers, %d reads of the store", readers, c.reads)
	if c.reads > 5 {
		t.Errorf("%d reads for %d readers of four pages", c.reads, readers)
	}
}

func TestEventsReachReadersAtTheHeadButNotTheirSender(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	take := func(self string) string {
		s := open(h, wire.FormWS)
		if _, err := s.Follow(t.Context(), "c", nil); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		h.Event("c", parley.Event{Name: "typing", Object: []byte(`{"type":"typing"}`), Skip: "alice"})
		b, _ := s.Next(self, 1000, 1000)
		return string(b)
	}
	if got := take("alice"); got != "" {
		t.Errorf("its sender got %q", got)
	}
	if got := take("bob"); !strings.Contains(got, "typing") {
		t.Errorf("another got %q", got)
	}
}

// An event is for the sessions that are present when it is sent: a session that resumes
// gets the messages after its cursor, and the events from then on.
func TestEarlierEventsAreNotSentToResumingSessions(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	other := open(h, wire.FormWS) // keeps the channel's recent bytes
	defer other.Close()
	if _, err := other.Follow(t.Context(), "c", nil); err != nil {
		t.Fatal(err)
	}
	event := func(name string) { h.Event("c", parley.Event{Name: name, Object: []byte(`{"type":"` + name + `"}`)}) }
	for range 3 {
		publish(t, h, "c", 2, "recent")
		event("before")
	}
	for after := range int64(7) {
		s := open(h, wire.FormWS)
		if _, err := s.Follow(t.Context(), "c", &parley.Cursor{ID: after}); err != nil {
			t.Fatal(err)
		}
		event("since")
		publish(t, h, "c", 1, "live")
		event("since")
		got := ""
		for b, err := s.Next("", 100, 1); len(b) > 0 || err != nil; b, err = s.Next("", 100, 1) {
			if err != nil {
				t.Fatal(err)
			}
			got += string(b)
		}
		if strings.Contains(got, `"before"`) || strings.Count(got, `"since"`) != 2 || s.Sum() != 7+after {
			t.Errorf("after %d it was told %q", after, got)
		}
		s.Close()
	}
}

func TestTrimmedMessagesCauseAReset(t *testing.T) {
	h, _, store := start(t, hub.Config{})
	publish(t, h, "c", 300, "old")
	s := open(h, wire.FormSSE)
	defer s.Close()
	if _, err := s.Follow(t.Context(), "c", &parley.Cursor{ID: 10}); err != nil {
		t.Fatal(err)
	}
	if err := store.RemoveChannel(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for {
		b, err := s.Next("", 1<<20, 1<<20)
		if errors.Is(err, hub.ErrBehind) {
			if err := s.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if len(b) == 0 {
			break
		}
		got.Write(b)
	}
	if !strings.Contains(got.String(),
		"id: 300\nevent: reset\ndata: {\"type\":\"reset\",\"channel\":\"c\",\"reason\":\"expired\",\"first_id\":301,\"last_id\":300}\n") {
		t.Errorf("the reader was told %q", got.String())
	}
}

func TestPublishersOfOneChannelKeepTheirOrderAndReadersSeeAll(t *testing.T) {
	h, _, _ := start(t, hub.Config{RecentLimit: 1 << 10})
	r := follow(t, h, "c", nil)
	var wait sync.WaitGroup
	for p := range 8 {
		wait.Add(200)
		go func() {
			last := int64(0)
			for range 200 {
				h.feed.Publish("c", parley.Draft{User: parley.UserID(fmt.Sprint("p", p)), Text: "x"}, func(r parley.Result) {
					if r.Err != nil || r.Message.ID <= last {
						t.Errorf("message %d after %d, %v", r.Message.ID, last, r.Err)
					}
					last = r.Message.ID
					wait.Done()
				})
			}
		}()
	}
	wait.Wait()
	r.drain(500, 1<<20)
	r.want(1, 1600)
}

func TestAnUnfollowedChannelKeepsNothing(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	r := follow(t, h, "c", nil)
	publish(t, h, "c", 10, "x")
	if h.Recent() == 0 {
		t.Fatal("nothing is kept though it is followed")
	}
	r.Close()
	publish(t, h, "c", 10, "x")
	if h.Recent() != 0 {
		t.Errorf("%d bytes are kept", h.Recent())
	}
}

func TestReconnectingReaderSeesEachMessageOnce(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	const n = 3000
	var done sync.WaitGroup
	done.Go(func() {
		for i := 0; i < n; i += 3 {
			publish(t, h, "c", 3, "x")
		}
	})
	last := int64(0)
	for hops := 0; last < n; hops++ {
		s := open(h, wire.Form(1+hops%3))
		if _, err := s.Follow(t.Context(), "c", &parley.Cursor{ID: last}); err != nil {
			t.Fatal(err)
		}
		for range 1 + hops%4 {
			b, err := s.Next("", 1<<20, 1+hops%5)
			if errors.Is(err, hub.ErrBehind) {
				err = s.Load(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range strings.Split(string(b), `{"type":"message","id":`)[1:] {
				id := int64(0)
				fmt.Sscan(part[:strings.IndexByte(part, ',')], &id)
				if id != last+1 {
					t.Fatalf("message %d after %d", id, last)
				}
				last = id
			}
		}
		s.Close()
	}
	done.Wait()
}

func TestAMissedMessageIsNotSkipped(t *testing.T) {
	for name, learn := range map[string]func(h node){
		"from another follower's bounds": func(h node) { follow(t, h, "c", nil) },
		"from a later message":           func(node) {},
	} {
		h, c, _ := start(t, hub.Config{})
		r := follow(t, h, "c", nil)
		r.drain(1<<20, 1<<20) // it is at the end of the recent bytes
		if res := c.Append(t.Context(), "c", parley.Draft{User: "another node", Text: "x"}); res[0].Err != nil {
			t.Fatal(res[0].Err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = h.feed.Run(ctx) })
		learn(h)
		publish(t, h, "c", 1, "x")
		for end := time.Now().Add(testenv.Patience); len(r.ids) < 2 && time.Now().Before(end); time.Sleep(time.Millisecond) {
			r.drain(1<<20, 1<<20)
		}
		stop()
		running.Wait()
		if fmt.Sprint(r.ids) != "[1 2]" {
			t.Errorf("%s: took %v", name, r.ids)
		}
	}
}

// TestAMessageThatWasLostIsFoundWhileOthersAreKept: a head that the log names is looked after at once, although the
// bytes of an earlier message are dropped only after a minute.
func TestAMessageThatWasLostIsFoundWhileOthersAreKept(t *testing.T) {
	var now atomic.Int64
	h, c, _ := start(t, hub.Config{Clock: func() time.Time { return time.Unix(now.Load(), 0) }})
	r := follow(t, h, "c", nil)
	publish(t, h, "c", 1, "x")
	h.Sweep()
	r.drain(1<<20, 1<<20)
	if res := c.Append(t.Context(), "c", parley.Draft{User: "another node", Text: "x"}); res[0].Err != nil {
		t.Fatal(res[0].Err)
	}
	follow(t, h, "c", nil) // names the head
	for range 2 {
		now.Add(1)
		h.Sweep()
	}
	if r.drain(1<<20, 1<<20); fmt.Sprint(r.ids) != "[1 2]" {
		t.Errorf("two seconds after the head was named it has taken %v", r.ids)
	}
	if h.Recent() != 0 {
		t.Errorf("%d bytes are kept before the gap", h.Recent())
	}
}

func TestAnEventIsNotMistakenForTheMessageBeforeIt(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	publish(t, h, "c", 2, "x")
	other := follow(t, h, "c", nil) // the head is known, but no bytes are kept
	h.Event("c", parley.Event{Name: "typing", Object: []byte(`{}`)})
	r := follow(t, h, "c", &parley.Cursor{ID: 1})
	publish(t, h, "c", 1, "x")
	r.drain(1<<20, 1<<20)
	r.want(2, 3)
	other.drain(1<<20, 1<<20)
	other.want(3, 3)
}

func TestAnEventBeforeTheHeadIsKnownHidesNothing(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	publish(t, h, "c", 5, "x")
	early := open(h, wire.FormWS)
	defer early.Close()
	if _, err := early.Follow(t.Context(), "c", &parley.Cursor{ID: 5}); err != nil {
		t.Fatal(err)
	}
	h.Event("c", parley.Event{Name: "typing", Object: []byte(`{}`)})
	r := follow(t, h, "c", &parley.Cursor{ID: 2})
	r.drain(1<<20, 1<<20)
	r.want(3, 5)
}

func TestARetryOfAnOldMessageHidesNoneFromResumingSessions(t *testing.T) {
	h, _, _ := start(t, hub.Config{})
	ds := make([]parley.Draft, 10)
	for i := range ds {
		ds[i] = parley.Draft{User: "alice", Text: "x", Key: fmt.Sprint(i + 1)}
	}
	h.feed.PublishAll("c", ds)
	other := follow(t, h, "c", &parley.Cursor{ID: 10})
	if r := h.feed.PublishAll("c", ds[4:5]); !r[0].Duplicate || r[0].Message.ID != 5 {
		t.Fatalf("the retry was answered with %+v", r[0])
	}
	r := follow(t, h, "c", &parley.Cursor{ID: 4})
	r.drain(1<<20, 1<<20)
	r.want(5, 10)
	other.drain(1<<20, 1<<20)
	other.want(11, 10)
}

// trimmed is a log that keeps trimming: after each read of its bounds one more message
// is gone.
type trimmed struct {
	parley.Log
	first, until int64
}

func (l *trimmed) Read(ctx context.Context, ch parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	if after.ID < l.first-1 {
		return parley.Run{}, parley.ErrTrimmed
	}
	return l.Log.Read(ctx, ch, after, limit)
}

func (l *trimmed) Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	bs, err := l.Log.Bounds(ctx, channels...)
	bs[0].First = l.first
	l.first = min(l.first+1, l.until)
	return bs, err
}

func TestTrimmingDoesNotResetReadersAhead(t *testing.T) {
	h, _, store := start(t, hub.Config{})
	publish(t, h, "c", 300, "old")
	s := follow(t, node{Hub: feed.New(&trimmed{Log: store, first: 261, until: 285}, feed.Config{}).Hub()}, "c", &parley.Cursor{ID: 290})
	s.drain(1<<20, 1<<20)
	s.want(291, 300)
}
