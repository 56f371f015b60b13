// Package lastseen remembers when offline users were last seen, for a limited number of them.
package lastseen

import (
	"slices"

	"github.com/parley-server/parley"
)

// Memory keeps the Most times noted last. It is for one goroutine at a time.
type Memory struct {
	Most int

	of    map[parley.UserID]parley.Timestamp
	order []note // in the order noted, including notes that a later one replaced
}

type note struct {
	user parley.UserID
	at   parley.Timestamp
}

// Of returns when a user was last seen; 0 if unknown.
func (m *Memory) Of(user parley.UserID) parley.Timestamp { return m.of[user] }

// Note records when a user was seen, unless a later time is known.
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
