package presence

import (
	"time"

	"github.com/parley-server/parley"
)

// A user is visible on this node while something that is not hidden keeps the user here. Only WebSockets can be
// hidden. A GET by a page with a hidden WebSocket does not make its user visible (lease.go).

// hiding belongs to a user with hidden connections, or one who is not visible.
type hiding struct {
	conns uint32 // hidden WebSockets
	all   bool   // the user is here, and not visible
}

// Hide counts one of a user's open WebSockets as hidden.
func (t *Tracker) Hide(user parley.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.users.get(string(user)); u != nil {
		h := t.hidden[u.id]
		h.conns++
		t.hidden[u.id] = h
		t.lookLocked(u)
	}
}

// Show counts one of them as visible again.
func (t *Tracker) Show(user parley.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.users.get(string(user)); u != nil {
		t.shownLocked(u)
		t.lookLocked(u)
	}
}

// LeaveHidden is Leave for a hidden WebSocket, without a channel. A user whose last connection closes that way is
// not visible during the grace either.
func (t *Tracker) LeaveHidden(user parley.UserID, name string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.users.get(string(user)); u != nil {
		t.shownLocked(u)
		t.leaveLocked(use{presenceKey{user: user}, parley.TransportWebSocket}, name, true, now)
	}
}

func (t *Tracker) shownLocked(u *onlineUser) {
	h := t.hidden[u.id]
	h.conns = max(h.conns, 1) - 1
	t.hideLocked(u.id, h)
}

func (t *Tracker) hideLocked(user parley.UserID, h hiding) {
	if h != (hiding{}) {
		t.hidden[user] = h
	} else if delete(t.hidden, user); len(t.hidden) == 0 {
		t.hidden = map[parley.UserID]hiding{} // a map never shrinks
	}
}

// lookLocked updates whether a user is visible now, after something that may have changed it.
func (t *Tracker) lookLocked(u *onlineUser) {
	h := t.hidden[u.id]
	if all := !t.seesLocked(u, h); all != h.all {
		h.all = all
		t.hideLocked(u.id, h)
		if t.log.shared {
			t.log.list = append(t.log.list, t.hereLocked(presenceKey{user: u.id}))
		}
	}
}

// seesLocked reports whether something of a user on this node is visible.
func (t *Tracker) seesLocked(u *onlineUser, h hiding) bool {
	if u.open[parley.TransportSSE]|u.open[parley.TransportLongPoll] != 0 {
		return true
	}
	sockets := uint32(u.open[parley.TransportWebSocket])
	at := presenceKey{user: u.id}
	if sockets > h.conns || h.conns > 0 && sockets+t.beyond[use{at, parley.TransportWebSocket}] > h.conns {
		return true
	}
	for _, l := range t.pollsLocked(&u.uses, at) {
		if sockets == 0 || l.polls > 1 {
			return true
		}
	}
	if sockets > 0 || u.leases&(1<<grace) == 0 {
		return false
	}
	return !t.leases[use{at, grace}].hidden
}

// status returns a user's status on this node.
func (t *Tracker) status(user parley.UserID) parley.OnlineStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	here := t.users.get(string(user)) != nil
	return parley.OnlineStatus{User: user, Online: here, Visible: here && !t.hidden[user].all}
}
