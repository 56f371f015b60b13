package chat

import (
	"context"
	"errors"
	"sync"

	"parley"
	"parley/hub"
	"parley/presence"
)

// sharers are the streams that watch users and may know only of those with whom they share
// a channel. Each remembers of whom it was told so; a membership that begins or ends makes
// it forget what that may have changed, and it asks again before it tells of them.
//
//	Watch: asked ──▶ known ──a membership ended, begun──▶ forgotten ──to be told of──▶ asked again
type sharers struct {
	mu sync.Mutex
	of map[*hub.Session]*sharer
	by map[parley.UserID]map[*sharer]struct{} // the callers'
}

type sharer struct {
	caller  Caller
	session *hub.Session
	known   map[parley.UserID]bool // whether they share a channel; not there: it is to be asked
	changes int                    // how often something was forgotten
}

func newSharers() sharers {
	return sharers{of: map[*hub.Session]*sharer{}, by: map[parley.UserID]map[*sharer]struct{}{}}
}

// set makes a stream one of them, or with no caller one no more.
func (ss *sharers) set(session *hub.Session, c *Caller) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if old := ss.of[session]; old != nil {
		delete(ss.of, session)
		if delete(ss.by[old.caller.User], old); len(ss.by[old.caller.User]) == 0 {
			delete(ss.by, old.caller.User)
		}
	}
	if c == nil {
		return
	}
	one := &sharer{caller: *c, session: session, known: map[parley.UserID]bool{}}
	ss.of[session] = one
	if ss.by[c.User] == nil {
		ss.by[c.User] = map[*sharer]struct{}{}
	}
	ss.by[c.User][one] = struct{}{}
}

// forget says that a user's memberships have changed. watching are those that watch the user.
// What it returns is whom each may now know of.
func (ss *sharers) forget(user parley.UserID, joined bool, watching []presence.Watcher) map[*hub.Session][]parley.UserID {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	again := map[*hub.Session][]parley.UserID{}
	drop := func(one *sharer, u parley.UserID) {
		if shares, known := one.known[u]; !known || shares == joined { // more channels part nobody, fewer join nobody
			return
		}
		delete(one.known, u)
		one.changes++
		if joined {
			again[one.session] = append(again[one.session], u)
		}
	}
	for one := range ss.by[user] {
		for u := range one.known {
			drop(one, u)
		}
	}
	for _, w := range watching {
		if one := ss.of[w.(*hub.Session)]; one != nil {
			drop(one, user)
		}
	}
	return again
}

// errChanged: memberships changed while they were read.
var errChanged = errors.New("memberships have changed")

// mayKnow returns those of the users of whom a stream may be told.
func (s *Service) mayKnow(ctx context.Context, session *hub.Session, users []parley.UserID) (may []parley.UserID, err error) {
	ss := &s.sharers
	ss.mu.Lock()
	one := ss.of[session]
	if one == nil {
		ss.mu.Unlock()
		return users, nil
	}
	changes, caller := one.changes, one.caller
	answers := map[parley.UserID]bool{}
	var ask []parley.UserID
	for _, user := range users {
		shares, known := one.known[user]
		if answers[user] = shares; !known {
			ask = append(ask, user)
		}
	}
	ss.mu.Unlock()
	for _, user := range ask {
		if answers[user], err = s.shares(ctx, caller, user); err != nil {
			return nil, err
		}
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if one.changes != changes {
		return nil, errChanged
	}
	for _, user := range ask {
		one.known[user] = answers[user]
	}
	for _, user := range users {
		if answers[user] {
			may = append(may, user)
		}
	}
	return may, nil
}

// membersChanged asks again, where it matters, who shares a channel with a user whose
// memberships have changed.
func (s *Service) membersChanged(user parley.UserID, joined bool) {
	for session, users := range s.sharers.forget(user, joined, s.presence.Watching(user)) {
		s.presence.Tell(session, users...)
	}
}
