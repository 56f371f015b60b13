package transport

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/internal/clock"
)

func TestAPollThatWaitsInItsHandlerIsCounted(t *testing.T) {
	store := mem.NewStore(mem.StoreConfig{}).Open()
	f := feed.New(store, feed.Config{})
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	ways := New(chat.New(store, f, chat.Config{}), e, Config{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &Request{Caller: access.Caller{User: parley.Guest, As: access.Developer}, Follows: []Follow{{Channel: "c"}}, Limit: 10,
			Timeout: time.Minute}
		if err := ways.LongPoll(w, r, req); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	answered := make(chan string)
	go func() {
		res, err := http.Get(server.URL)
		if err != nil {
			answered <- err.Error()
			return
		}
		res.Body.Close()
		answered <- res.Status
	}()
	for late := time.Now().Add(20 * time.Second); ways.Streams() != 1; runtime.Gosched() {
		select {
		case status := <-answered:
			t.Fatalf("answered %s at once", status)
		default:
		}
		if time.Now().After(late) {
			t.Fatalf("%d streams while a poll waits", ways.Streams())
		}
	}
	f.PublishAll("c", []parley.Draft{{User: "alice", Text: "x"}})
	if status := <-answered; status != "200 OK" || ways.Streams() != 0 {
		t.Errorf("answered %s, %d streams then", status, ways.Streams())
	}
}

// A poll that waits in its handler ends like a parked one: its handler answers with the reason.
func TestAPollInItsHandlerEndsWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, s heldPoll)
		want parley.Code // "": no answer
	}{
		"drained":        {func(t *testing.T, s heldPoll) { s.drain(t) }, parley.CodeDraining},
		"revoked":        {func(_ *testing.T, s heldPoll) { s.revoked.Store(true); s.ways.Recheck() }, parley.CodeUnauthorized},
		"engine closed":  {func(_ *testing.T, s heldPoll) { s.ways.engine.Close() }, parley.CodeDraining},
		"client is gone": {func(_ *testing.T, s heldPoll) { s.cancel() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			revoked := new(atomic.Bool)
			ways, _, e := running(t, clock.NewJumping(), Config{Credentials: credentials{valid: func(access.Caller) error {
				if revoked.Load() {
					return errExpired
				}
				return nil
			}}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w, answered := httptest.NewRecorder(), make(chan error, 1)
			go func() {
				r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
				answered <- ways.LongPoll(w, r, &Request{Caller: access.Caller{User: "alice", As: access.Developer},
					Follows: []Follow{{Channel: "c"}}, Limit: 10, Timeout: time.Hour})
			}()
			for late := time.Now().Add(20 * time.Second); e.Len() == 0; runtime.Gosched() {
				if time.Now().After(late) {
					t.Fatal("it does not wait")
				}
			}
			c.end(t, heldPoll{ways, revoked, cancel})
			switch err := <-answered; {
			case c.want == "" && (err != nil || w.Body.Len() > 0):
				t.Errorf("it is answered with %v and %q", err, w.Body)
			case c.want != "" && (err == nil || parley.AsError(err).Code != c.want):
				t.Errorf("it ends with %v, want %s", err, c.want)
			}
			if n := ways.Streams(); n != 0 {
				t.Errorf("%d streams are left", n)
			}
		})
	}
}

type heldPoll struct {
	ways    *Transports
	revoked *atomic.Bool
	cancel  func()
}

func (s heldPoll) drain(t *testing.T) {
	s.ways.engine.Drain(t.Context(), 0, func() time.Duration { return time.Second })
}
