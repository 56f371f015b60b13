// Package lastseen remembers when users who are gone were last seen, of a bounded number of them.
package lastseen

import (
	"slices"

	"github.com/parley-server/parley"
)

// Memory keeps Most moments, the latest noted. It is for one goroutine at a time.
type Memory struct {
	Most int

	of    map[parley.UserID]parley.Timestamp
	order []note // as they were noted, also those that a later one made void
}

type note struct {
	user parley.UserID
	at   parley.Timestamp
}

// Of is when a user was last seen; 0 if that is not known.
func (m *Memory) Of(user parley.UserID) parley.Timestamp { return m.of[user] }

// Note notes a moment, unless a later one of the user is known.
func (m *Memory) Note(user parley.UserID, at parley.Timestamp) {
	if at <= m.of[user] {
		return
	}
	if m.of == nil {
		m.of = map[parley.UserID]parley.Timestamp{}
	}
	m.of[user] = at
	m.order = append(m.order, note{user, at})
	if len(m.order) > 2*m.Most {
		m.order = slices.DeleteFunc(m.order, func(n note) bool { return m.of[n.user] != n.at })
	}
	for len(m.of) > m.Most {
		if first := m.order[0]; m.of[first.user] == first.at {
			delete(m.of, first.user)
		}
		m.order = m.order[1:]
	}
}
