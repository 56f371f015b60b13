package presence

import (
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
)

// Watcher receives users' arrivals and departures; any comparable value.
type Watcher any

// watches says which watchers watch which users.
type watches struct {
	watchers map[Watcher]*watch
	of       map[parley.UserID]map[*watch]struct{}
	queue    []*watch // with something to send, in the order of the first change
	queued   *clock.OnDemand
}

// watch is the state of one watcher.
type watch struct {
	watcher Watcher
	users   map[parley.UserID]stands
	changed map[parley.UserID]struct{}
	held    bool // receives nothing before it has received the current status
	queued  bool
	ended   bool
}

// stands is the status of a user that a watcher received last.
type stands uint8

const (
	untold stands = iota
	offline
	online
)

func newWatches(queued *clock.OnDemand) watches {
	return watches{watchers: map[Watcher]*watch{}, of: map[parley.UserID]map[*watch]struct{}{}, queued: queued}
}

// Watch makes w watch these users and no others; no users ends it. Changed does not return w
// before Tell was called. It returns the users that w watched before.
func (t *Tracker) Watch(w Watcher, users []parley.UserID) (before []parley.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ws := &t.watches
	before = ws.endLocked(w)
	if len(users) == 0 {
		return before
	}
	new := &watch{watcher: w, users: map[parley.UserID]stands{}, changed: map[parley.UserID]struct{}{}, held: true}
	ws.watchers[w] = new
	for _, user := range users {
		new.users[user] = untold
		if ws.of[user] == nil {
			ws.of[user] = map[*watch]struct{}{}
		}
		ws.of[user][new] = struct{}{}
	}
	return before
}

// News records the status of users as found, and returns those whose status differs from what w
// was sent last.
func (t *Tracker) News(w Watcher, found []parley.OnlineStatus) (news []parley.OnlineStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.watches.watchers[w]
	if one == nil {
		return nil
	}
	for _, f := range found {
		is := offline
		if f.Online {
			is = online
		}
		if was, watched := one.users[f.User]; watched && was != is {
			one.users[f.User] = is
			news = append(news, f)
		}
	}
	return news
}

// Watching returns the watchers of a user.
func (t *Tracker) Watching(user parley.UserID) (all []Watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for one := range t.watches.of[user] {
		all = append(all, one.watcher)
	}
	return all
}

// Watchers returns the number of watchers.
func (t *Tracker) Watchers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.watches.watchers)
}

func (ws *watches) endLocked(w Watcher) (users []parley.UserID) {
	old := ws.watchers[w]
	if old == nil {
		return nil
	}
	old.ended = true
	delete(ws.watchers, w)
	for user := range old.users {
		users = append(users, user)
		if delete(ws.of[user], old); len(ws.of[user]) == 0 {
			delete(ws.of, user)
		}
	}
	return users
}

// Tell says that w has received the status of its users. With again, the status of those users,
// which Changed has returned, could not be sent: Changed returns them again.
func (t *Tracker) Tell(w Watcher, again ...parley.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.watches.watchers[w]; one != nil {
		one.held = false
		for _, user := range again {
			if _, still := one.users[user]; still {
				one.changed[user] = struct{}{}
			}
		}
		t.watches.queueLocked(one)
	}
}

// changedLocked notes that a user came or went.
func (ws *watches) changedLocked(user parley.UserID) {
	for w := range ws.of[user] {
		w.changed[user] = struct{}{}
		ws.queueLocked(w)
	}
}

func (ws *watches) queueLocked(w *watch) {
	if !w.queued && !w.held && len(w.changed) > 0 {
		w.queued = true
		ws.queue = append(ws.queue, w)
		ws.queued.Need()
	}
}

// Changed returns the next watcher that must be notified, and of which users. The caller then
// calls ChargeBudget, or Tell if the watcher cannot be notified now. ok is false if there is
// nothing, or nothing may be sent yet.
func (t *Tracker) Changed(now time.Time) (w Watcher, users []parley.UserID, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ws := &t.watches
	for len(ws.queue) > 0 && t.news.affordsLocked(t.since(now)) {
		one := ws.queue[0]
		ws.queue[0] = nil
		if ws.queue = ws.queue[1:]; len(ws.queue) == 0 {
			ws.queue = nil
		}
		one.queued = false
		if one.ended {
			continue
		}
		for user := range one.changed {
			users = append(users, user)
		}
		clear(one.changed)
		return one.watcher, users, true
	}
	return nil, nil, false
}
