// Package sparelog keeps a log readable while one problem repeats itself: a full disk refuses every
// message, so clients control the number of lines. The package logs nothing itself.
package sparelog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// handler passes on the first warning or error of each cause immediately. Further ones within an
// interval are counted; at the end of the interval the last of them is written with the count:
//
//	first ──▶ written    second, third, … ──▶ counted    end ──▶ the last is written, repeated=n
//
// The next interval begins if there were any. Lines below a warning are passed on.
type handler struct {
	slog.Handler
	causes *causes
}

// causes are shared by all handlers derived from one.
type causes struct {
	every time.Duration // fixed

	mu     sync.Mutex // guards the rest
	recent map[cause]*repeats
}

// cause identifies lines that report the same problem. Other attributes, such as a path, are chosen
// by clients.
type cause struct{ message, code, file string }

// repeats are the lines of a cause since the last one written.
type repeats struct {
	n    int
	last slog.Record
	to   slog.Handler
}

// mostCauses limits the distinct causes; beyond it, all lines with the same message are one cause.
const mostCauses = 1000

// New returns a handler that writes to h: for each cause one line immediately, and then one per
// interval.
func New(h slog.Handler, every time.Duration) slog.Handler {
	return &handler{h, &causes{every: every, recent: map[cause]*repeats{}}}
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs), h.causes}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.causes}
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || h.causes.first(r, h.Handler) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

// first reports whether a line must be written now; otherwise it is counted.
func (c *causes) first(r slog.Record, to slog.Handler) bool {
	key := causeOf(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) >= mostCauses && c.recent[key] == nil {
		key = cause{message: r.Message}
	}
	if again := c.recent[key]; again != nil {
		again.n++
		again.last, again.to = r.Clone(), to
		return false
	}
	c.recent[key] = &repeats{}
	time.AfterFunc(c.every, func() { c.end(key) })
	return true
}

// end writes the line that an interval has counted, and begins the next interval if there was one.
func (c *causes) end(key cause) {
	c.mu.Lock()
	again := *c.recent[key]
	if again.n == 0 {
		delete(c.recent, key)
	} else {
		c.recent[key] = &repeats{}
		time.AfterFunc(c.every, func() { c.end(key) })
	}
	c.mu.Unlock()
	if again.n > 0 {
		again.last.AddAttrs(slog.Int("repeated", again.n))
		_ = again.to.Handle(context.Background(), again.last) // nowhere to report an error
	}
}

func causeOf(r slog.Record) cause {
	key := cause{message: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "code":
			key.code = a.Value.String()
		case "file":
			key.file = a.Value.String()
		}
		return true
	})
	return key
}
