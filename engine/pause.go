package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// pausedAfter is how late the wheel may advance before the process has noticed that it
// was stopped for a while (by SIGSTOP, or with its machine) and may not know the current
// state. The time that the wheel rests counts too.
const pausedAfter = time.Second

// pause holds the connections after the process did not run for a while:
//
//	served ──the wheel is late──▶ held: nothing is read or written ──resume──▶ served, all rung
//
// A goroutine that is about to serve a connection notices it first, by the time of the wheel's
// last turn, not by what the wheel's goroutine may do later.
type pause struct {
	resume func(context.Context) error // fixed before Run; nil: no function is called

	turned  atomic.Int64 // when the wheel turned last, in nanoseconds since its beginning; 0: it does not run
	resumes atomic.Bool  // resume is being called

	mu    sync.Mutex
	ended chan struct{} // closed when the connections are served again; nil if nobody waits
}

// Now returns the time of the engine's clock.
func (e *Engine) Now() time.Time { return e.table.clock() }

func (e *Engine) sinceBegin() int64 { return int64(e.Now().Sub(e.table.begin)) }

// OnPause sets the function that is called after each pause of the process. Until it returns
// nil, nothing is read from a connection and nothing is written; after an error it is called
// again. It must be set before Run.
func (e *Engine) OnPause(resume func(context.Context) error) { e.pause.resume = resume }

// held reports whether connections must not be served now.
func (e *Engine) held() bool {
	if e.pause.resumes.Load() {
		return true
	}
	turned := e.pause.turned.Load()
	return turned != 0 && e.sinceBegin()-turned > int64(e.table.grain+pausedAfter)
}

// Await waits until connections may be served, or ctx ends.
func (e *Engine) Await(ctx context.Context) {
	for e.held() {
		e.pause.mu.Lock()
		if e.pause.ended == nil {
			e.pause.ended = make(chan struct{})
		}
		ended := e.pause.ended
		e.pause.mu.Unlock()
		if !e.held() {
			return
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return
		case <-e.ctx.Done():
			return
		}
	}
}

// begun marks the wheel as turned, now. If it is late, it first calls resume.
func (e *Engine) begun(ctx context.Context) {
	if e.held() && e.pause.resume != nil {
		e.pause.resumes.Store(true)
		for e.pause.resume(ctx) != nil {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return // held for good: the process is ending
			}
		}
	}
	e.serveAgain(max(e.sinceBegin(), 1))
}

// serveAgain ends a pause, if there is one.
func (e *Engine) serveAgain(turned int64) {
	late := e.held()
	e.pause.turned.Store(turned)
	e.pause.resumes.Store(false)
	if !late {
		return
	}
	e.pause.mu.Lock()
	if e.pause.ended != nil {
		close(e.pause.ended)
		e.pause.ended = nil
	}
	e.pause.mu.Unlock()
	for _, c := range e.all() {
		c.Ring()
	}
}
