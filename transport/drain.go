package transport

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/parley-server/parley"
)

// Drain refuses new requests from now on; the engine drains open connections. retry returns for
// each client the delay after which to reconnect.
func (t *Transports) Drain(retry func() time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.draining {
		t.draining, t.retry = true, retry
		close(t.leaving)
	}
}

// Begin counts a request until End, or refuses it because the server is draining.
func (t *Transports) Begin(ctx context.Context) *parley.Error {
	t.engine.Await(ctx) // after a pause: nothing is served before it is known what was missed
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return t.refusalLocked()
	}
	t.requests.Add(1)
	return nil
}

// End ends a request that was begun.
func (t *Transports) End() { t.requests.Done() }

// Pause waits for d, or until draining begins or ctx ends.
func (t *Transports) Pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.leaving:
	case <-ctx.Done():
	}
}

// Finish waits until the requests that had begun before Drain have ended, or ctx has.
func (t *Transports) Finish(ctx context.Context) {
	done := make(chan struct{})
	go func() { t.requests.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Draining returns the refusal for new requests, nil if the server is not draining.
func (t *Transports) Draining() *parley.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.draining {
		return nil
	}
	return t.refusalLocked()
}

func (t *Transports) refusalLocked() *parley.Error {
	return goingDown(t.retry())
}

func goingDown(retry time.Duration) *parley.Error {
	return &parley.Error{Code: parley.CodeDraining, RetryAfter: retry, Detail: "the server is shutting down",
		Hint: "retry after the given delay"}
}

// Spread returns retry times between one and at most limit seconds.
func Spread(limit time.Duration) func() time.Duration {
	return func() time.Duration {
		return time.Second + time.Duration(rand.Int64N(int64(max(limit-time.Second, 1))))
	}
}
