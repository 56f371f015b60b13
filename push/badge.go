package push

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
	"github.com/parley-server/parley/worker"
)

// badges lower the number that devices show when messages are read elsewhere: at most once in a window for each user. The
// number that a user's devices show is a row, which exists while it is not 0.
type badges struct {
	p     *Pusher
	mu    sync.Mutex
	users map[parley.UserID]*badge
}

type badge struct {
	due  time.Time // zero: nothing to do
	last time.Time // when one was sent last
}

const (
	badgeDelay   = time.Second // several channels are often read together
	badgeWorkers = 4
	badgeLook    = 100 * time.Millisecond
	badgeMost    = 100_000 // waiting users; the badges of further ones are not updated
)

func newBadges(p *Pusher) *badges {
	return &badges{p: p, users: map[parley.UserID]*badge{}}
}

// Read is called when a user has read something, on any node. It does not block.
func (p *Pusher) Read(user parley.UserID) { p.badges.read(user) }

func (b *badges) read(user parley.UserID) {
	now := b.p.cfg.Clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.users[user]
	switch {
	case u == nil && len(b.users) >= badgeMost:
		return
	case u == nil:
		u = &badge{}
		b.users[user] = u
	case !u.due.IsZero():
		return
	}
	u.due = now.Add(min(badgeDelay, b.p.cfg.Delay))
	if !u.last.IsZero() {
		u.due = later(u.due, u.last.Add(b.p.cfg.Window))
	}
}

// run sends badges until ctx ends.
func (b *badges) run(ctx context.Context) {
	t := clock.NewPulse(badgeLook)
	defer t.Stop()
	for t.Wait(ctx) {
		due := b.takeDue(b.p.cfg.Clock())
		var all sync.WaitGroup
		for i := range min(badgeWorkers, len(due)) {
			all.Go(func() {
				for k := i; k < len(due); k += badgeWorkers {
					b.update(ctx, due[k])
				}
			})
		}
		all.Wait()
	}
}

func (b *badges) takeDue(now time.Time) (due []parley.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for user, u := range b.users {
		switch {
		case u.due.IsZero():
			if now.Sub(u.last) >= b.p.cfg.Window {
				delete(b.users, user)
			}
		case !u.due.After(now):
			u.due = time.Time{}
			due = append(due, user)
		}
	}
	return due
}

// badgeGroup returns one of few groups, so that many users are written in few calls.
func badgeGroup(user parley.UserID) string { return worker.Group("push-badges", string(user), 16) }

// badgeRow is the number that a user's devices show.
func badgeRow(user parley.UserID, n int64) (row parley.Row) {
	if row.Key = string(user); n > 0 {
		row.Value = strconv.AppendInt(nil, n, 10)
	}
	return row
}

// update sends a user's devices the current number, if they show another.
func (b *badges) update(ctx context.Context, user parley.UserID) {
	p := b.p
	rows, err := p.cfg.Store.Get(ctx, badgeGroup(user), string(user))
	if err != nil || rows[0] == nil {
		return // the next notification has the right number
	}
	shows, err := strconv.ParseInt(string(rows[0]), 10, 64)
	if err != nil {
		return
	}
	_, _, total, err := p.unreadOf(ctx, user, "")
	if err != nil || total >= shows {
		return
	}
	devices, err := p.cfg.Devices.Devices(ctx, user)
	if err != nil {
		return
	}
	sent := false
	for _, d := range devices {
		if d.Platform == parley.PlatformAPNs || d.Platform == parley.PlatformFCM {
			n := parley.Notification{User: user, Badge: total, Collapse: collapse("", user), TTL: keptFor}
			sent = p.try(ctx, d, n, 0).sent || sent
		}
	}
	if !sent {
		return
	}
	if err := p.cfg.Store.Put(ctx, badgeGroup(user), badgeRow(user, total)); err != nil {
		p.cfg.Logger.Warn("the badge that a user's devices show could not be noted", "error", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if u := b.users[user]; u != nil {
		u.last = p.cfg.Clock()
	} else {
		b.users[user] = &badge{last: p.cfg.Clock()}
	}
}
