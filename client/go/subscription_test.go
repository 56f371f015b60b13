package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
)

func ctxFor(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// next returns the next event that is an entry or a reset.
func next(t *testing.T, s *client.Subscription) client.Event {
	t.Helper()
	for {
		e, err := s.Next(ctxFor(t))
		if err != nil {
			t.Fatalf("next over %s: %v", s.Transport(), err)
		}
		if e.ID > 0 || e.Type == "reset" {
			return e
		}
	}
}

func wantIDs(t *testing.T, s *client.Subscription, from, to int64) {
	t.Helper()
	for id := from; id <= to; id++ {
		if e := next(t, s); e.ID != id || e.Message == nil {
			t.Fatalf("over %s: got %s %d, want message %d", s.Transport(), e.Type, e.ID, id)
		}
	}
}

func ptr(id int64) *int64 { return &id }

func eachTransport(t *testing.T, test func(t *testing.T, tr client.Transport, f *fake)) {
	for _, tr := range client.Transports() {
		t.Run(string(tr), func(t *testing.T) { test(t, tr, newFake(t)) })
	}
}

func TestSubscriptionBeginsNow(t *testing.T) {
	eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
		f.add(5)
		s := f.client().Subscribe("room", client.Options{Transport: tr})
		defer s.Close()
		e, err := s.Next(ctxFor(t))
		if err != nil || e.Welcome == nil || e.Welcome.Cursor != 5 || e.Welcome.Epoch != "e1" {
			t.Fatalf("got %+v, %v; want the welcome at 5", e, err)
		}
		f.add(3)
		wantIDs(t, s, 6, 8)
	})
}

func TestWelcomeNamesTheHead(t *testing.T) {
	for name, from := range map[string]client.Options{
		"from the first":  {From: client.At(0)},
		"resumed":         {From: client.Position{After: ptr(2), Epoch: "e1"}},
		"from now on":     {},
		"of another time": {From: client.Position{After: ptr(2), Epoch: "e0"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
				f.add(3)
				from.Transport = tr
				s := f.client().Subscribe("room", from)
				defer s.Close()
				if e, err := s.Next(ctxFor(t)); err != nil || e.Welcome == nil || e.Welcome.Last != 3 {
					t.Errorf("got %+v, %v; want a welcome whose head is 3", e.Welcome, err)
				}
			})
		})
	}
}

func TestSubscriptionResumesAfterEachCut(t *testing.T) {
	eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
		f.add(20)
		f.cut = 3
		s := f.client().Subscribe("room", client.Options{From: client.At(0), Transport: tr})
		defer s.Close()
		wantIDs(t, s, 1, 20)
		f.add(5)
		wantIDs(t, s, 21, 25)
		if c := s.Position(); *c.After != 25 || c.Epoch != "e1" {
			t.Fatalf("cursor %d %s, want 25 e1", *c.After, c.Epoch)
		}
	})
}

func TestSubscriptionReturnsResets(t *testing.T) {
	for _, c := range []struct {
		name, epoch  string
		after        int64
		reason       string
		first, until int64 // entries that follow what is kept
	}{
		{"expired", "", 2, "expired", 11, 20},
		{"ahead", "", 99, "ahead", 0, 0},
		{"epoch", "e0", 15, "epoch", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
				f.add(20)
				f.trim(11)
				s := f.client().Subscribe("room", client.Options{From: client.Position{After: &c.after, Epoch: c.epoch}, Transport: tr})
				defer s.Close()
				if e := next(t, s); e.Type != "reset" || e.Reset.Reason != c.reason {
					t.Fatalf("got %s %d, want reset %s", e.Type, e.ID, c.reason)
				}
				if c.first > 0 {
					wantIDs(t, s, c.first, c.until)
				}
				f.add(2)
				wantIDs(t, s, 21, 22)
				if got := s.Position(); got.Epoch != "e1" {
					t.Fatalf("epoch %q after the reset, want e1", got.Epoch)
				}
			})
		})
	}
}

func TestHopContinuesAtTheCursor(t *testing.T) {
	f := newFake(t)
	f.add(40)
	s := f.client().Subscribe("room", client.Options{From: client.At(0)})
	defer s.Close()
	for i := range int64(20) {
		wantIDs(t, s, 2*i+1, 2*i+2)
		s.Hop(client.Transports()[i%4])
	}
}

func TestHopInterruptsANextThatWaits(t *testing.T) {
	eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
		s := f.client().Subscribe("room", client.Options{From: client.At(0), Transport: tr,
			OnTrouble: func(tr client.Trouble) { t.Errorf("a hop was taken for %+v", tr) }})
		defer s.Close()
		if _, err := s.Next(ctxFor(t)); err != nil { // welcome
			t.Fatal(err)
		}
		type result struct {
			e   client.Event
			err error
		}
		got := make(chan result, 1)
		go func() {
			e, err := s.Next(t.Context())
			got <- result{e, err}
		}()
		s.Hop(client.SSE) // before, during or after the wait: all must end in a welcome over SSE
		r := <-got
		if r.err != nil || r.e.Welcome == nil || r.e.Welcome.Last != 0 {
			t.Fatalf("got %+v, %v; want the next welcome", r.e, r.err)
		}
	})
}

func TestCloseEndsANextThatWaits(t *testing.T) {
	eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
		s := f.client().Subscribe("room", client.Options{From: client.At(0), Transport: tr})
		if _, err := s.Next(ctxFor(t)); err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		go func() { _, err := s.Next(t.Context()); got <- err }()
		s.Close()
		if err := <-got; !errors.Is(err, client.ErrClosed) {
			t.Fatalf("got %v, want ErrClosed", err)
		}
	})
}

func TestSubscriptionObeysRetryAfter(t *testing.T) {
	eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
		f.add(1)
		left := 1
		f.refuse = func() (int, http.Header, string) {
			if left--; left < 0 {
				return 0, nil, ""
			}
			return 503, http.Header{"Retry-After": {"1"}}, `{"code":"draining","detail":"going"}`
		}
		var told client.Trouble
		s := f.client().Subscribe("room", client.Options{From: client.At(0), Transport: tr,
			OnTrouble: func(tr client.Trouble) { told = tr }})
		defer s.Close()
		begun := time.Now()
		wantIDs(t, s, 1, 1)
		if d := time.Since(begun); d < time.Second || told.Wait != time.Second {
			t.Fatalf("came back after %v having announced %+v, want 1 s", d, told)
		}
	})
}

func TestSubscriptionEndsWhenRefused(t *testing.T) {
	eachTransport(t, func(t *testing.T, tr client.Transport, f *fake) {
		f.refuse = func() (int, http.Header, string) {
			return 403, nil, `{"code":"forbidden","detail":"no","hint":"ask"}`
		}
		s := f.client().Subscribe("room", client.Options{From: client.At(0), Transport: tr})
		for range 2 {
			_, err := s.Next(ctxFor(t))
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "forbidden" || e.Status != 403 || e.Hint != "ask" {
				t.Fatalf("got %v, want forbidden", err)
			}
		}
	})
}

func TestSubscriptionDropsWhatItHasSeen(t *testing.T) {
	f := newFake(t)
	f.add(3)
	f.log = append(f.log[:2], f.log[1], f.log[2]) // a server that repeats 2
	s := f.client().Subscribe("room", client.Options{From: client.At(0), Transport: client.SSE})
	defer s.Close()
	wantIDs(t, s, 1, 3)
}

func TestSocketCloseCodes(t *testing.T) {
	f := newFake(t)
	ctx := ctxFor(t)
	for text, want := range map[string]struct {
		status   int
		code     string
		after    time.Duration
		terminal bool
	}{"close": {4403, "forbidden", 0, true}, "drain": {1012, "", 7 * time.Millisecond, false}} {
		sock, err := f.client().Dial(ctx, "room", client.Position{})
		if err != nil {
			t.Fatal(err)
		}
		if err := sock.Send(ctx, map[string]string{"text": text}); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = sock.Receive(ctx)
		}
		e, ok := errors.AsType[*client.Error](err)
		if !ok || e.Status != want.status || e.Code != want.code || e.RetryAfter != want.after || e.Terminal() != want.terminal {
			t.Errorf("after %s: %#v (%v)", text, e, err)
		}
	}
}

func TestSocketPipelinesPublishes(t *testing.T) {
	f := newFake(t)
	ctx := ctxFor(t)
	sock, err := f.client().Dial(ctx, "room", client.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer sock.CloseNow()
	var keys []string
	for range 50 {
		key, err := sock.SendDraft(ctx, client.Draft{Text: "x"})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	for i := 0; i < len(keys); {
		e, err := sock.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.Ack != nil {
			if e.Ack.Key != keys[i] || e.Ack.ID != int64(i+1) {
				t.Fatalf("ack %d is %+v, want key %s", i, e.Ack, keys[i])
			}
			i++
		}
	}
}

func TestPublishIsStoredOnceDespiteALostAnswer(t *testing.T) {
	f := newFake(t)
	a, err := f.client().Publish(ctxFor(t), "room", client.Draft{Text: "x"})
	if err != nil || a.ID != 1 || !a.Duplicate || a.Key == "" || f.posts != 2 || f.last() != 1 {
		t.Fatalf("ack %+v, %v after %d tries, %d stored", a, err, f.posts, f.last())
	}
}

func TestPublishTriesUntilTheContextEnds(t *testing.T) {
	f := newFake(t)
	f.refuse = func() (int, http.Header, string) { return 503, nil, `{"code":"unavailable","detail":"disk"}` }
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	a, err := f.client().Publish(ctx, "room", client.Draft{Text: "x"})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "unavailable: disk") || a.Key == "" {
		t.Fatalf("got %+v, %v; want the deadline, the last refusal and the key", a, err)
	}
	f.mu.Lock() // an abandoned try may still be on its way
	f.refuse = func() (int, http.Header, string) { return 413, nil, `{"code":"too_large"}` }
	f.mu.Unlock()
	_, err = f.client().Publish(t.Context(), "room", client.Draft{Text: "x"})
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "too_large" {
		t.Fatalf("got %v, want too_large at once", err)
	}
}
