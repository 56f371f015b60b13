package watch

import (
	"context"
	"errors"
	"sync"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/presence"
)

// Shares reports whether a stream's user shares a channel with another user. It may block.
type Shares func(ctx context.Context, user parley.UserID) (bool, error)

// sharers are the streams that watch users and may see only those with whom they share
// a channel. Each remembers the answers; a membership that begins or ends makes it forget
// the affected answers, and it asks again before it sends their status.
//
//	Watch: asked ──▶ known ──a membership began or ended──▶ forgotten ──status to send──▶ asked again
type sharers struct {
	mu sync.Mutex
	of map[Stream]*sharer
	by map[parley.UserID]map[*sharer]struct{} // the streams' own users
}

type sharer struct {
	self    parley.UserID
	shares  Shares
	stream  Stream
	known   map[parley.UserID]bool // whether they share a channel; absent: must be asked
	changes int                    // how often something was forgotten
}

func newSharers() sharers {
	return sharers{of: map[Stream]*sharer{}, by: map[parley.UserID]map[*sharer]struct{}{}}
}

func (ss *sharers) set(stream Stream, self parley.UserID, shares Shares) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.removeLocked(stream)
	one := &sharer{self: self, shares: shares, stream: stream, known: map[parley.UserID]bool{}}
	ss.of[stream] = one
	if ss.by[self] == nil {
		ss.by[self] = map[*sharer]struct{}{}
	}
	ss.by[self][one] = struct{}{}
}

func (ss *sharers) remove(stream Stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.removeLocked(stream)
}

func (ss *sharers) removeLocked(stream Stream) {
	old := ss.of[stream]
	if old == nil {
		return
	}
	delete(ss.of, stream)
	if delete(ss.by[old.self], old); len(ss.by[old.self]) == 0 {
		delete(ss.by, old.self)
	}
}

// forget notes that a user's memberships have changed. watching are the streams that watch the
// user. It returns the users whom each stream may now see.
func (ss *sharers) forget(user parley.UserID, joined bool, watching []presence.Watcher) map[Stream][]parley.UserID {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	again := map[Stream][]parley.UserID{}
	drop := func(one *sharer, u parley.UserID) {
		if shares, known := one.known[u]; !known || shares == joined { // joining ends no sharing, leaving starts none
			return
		}
		delete(one.known, u)
		one.changes++
		if joined {
			again[one.stream] = append(again[one.stream], u)
		}
	}
	for one := range ss.by[user] {
		for u := range one.known {
			drop(one, u)
		}
	}
	for _, w := range watching {
		if one := ss.of[w.(Stream)]; one != nil {
			drop(one, user)
		}
	}
	return again
}

// errChanged: memberships changed while they were read.
var errChanged = errors.New("memberships have changed")

// mayKnow returns the users whom a stream may see.
func (ss *sharers) mayKnow(ctx context.Context, stream Stream, users []parley.UserID) (may []parley.UserID, err error) {
	ss.mu.Lock()
	one := ss.of[stream]
	if one == nil {
		ss.mu.Unlock()
		return users, nil
	}
	changes := one.changes
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
		if answers[user], err = one.shares(ctx, user); err != nil {
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
