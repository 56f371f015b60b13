package transport

import (
	"parley"
	"parley/chat"
)

// who keeps the caller of a connection. Most callers differ in their users alone, so
// that they share the rest.
type who struct {
	user parley.UserID
	rest *chat.Caller // without the user; not to be changed
}

func (t *Transports) keep(c chat.Caller) who {
	w := who{user: c.User}
	c.User = ""
	if last := t.alike.Load(); last != nil && *last == c {
		w.rest = last
		return w
	}
	rest := c
	w.rest = &rest
	t.alike.Store(w.rest)
	return w
}

func (w who) caller() chat.Caller {
	c := *w.rest
	c.User = w.user
	return c
}
