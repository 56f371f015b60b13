package transport

import (
	"context"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"parley"
	"parley/access"
	"parley/internal/clock"
)

// A poll that waits in its handler ends like one that is parked: its handler answers with the
// reason.
func TestAPollInItsHandlerEndsWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, s heldPoll)
		want parley.Code // "": nothing is answered
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
