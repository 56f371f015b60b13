package transport

import (
	"sync/atomic"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// who keeps the caller of a connection. Most callers differ only in their users, so they share
// the rest.
type who struct {
	user parley.UserID
	rest *access.Caller // without the user; must not be changed
}

func (t *Transports) keep(c access.Caller) who {
	rest := c
	rest.User = ""
	return who{c.User, t.callers.share(rest)}
}

func (w who) caller() access.Caller {
	c := *w.rest
	c.User = w.user
	return c
}

// shared keeps one copy of a value that many connections have.
type shared[T comparable] struct{ last atomic.Pointer[T] }

// share returns the copy, which must not be changed.
func (s *shared[T]) share(v T) *T {
	if last := s.last.Load(); last != nil && *last == v {
		return last
	}
	own := v
	s.last.Store(&own)
	return &own
}
