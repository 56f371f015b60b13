package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"parley"
	"parley/access"
)

// TicketLife is how long a ticket is good.
const TicketLife = 30 * time.Second

// maxTickets wait at a time; beyond it the oldest go. A node that hands out more is being
// flooded, but not by few: a user has at most maxTicketsOfUser.
const (
	maxTickets       = 100_000
	maxTicketsOfUser = 100
)

// Tickets are good for one connection each, so that no token stands in a URL.
type Tickets struct {
	clock func() time.Time

	mu    sync.Mutex
	made  map[[32]byte]ticket // by the hash of their text
	order [][32]byte          // oldest first; some may be gone
	users map[parley.UserID]int
}

type ticket struct {
	caller access.Caller
	until  time.Time
}

// NewTickets makes an empty set; clock may be nil.
func NewTickets(clock func() time.Time) *Tickets {
	if clock == nil {
		clock = time.Now
	}
	return &Tickets{clock: clock, made: map[[32]byte]ticket{}, users: map[parley.UserID]int{}}
}

// Make makes a ticket for a caller. Who has many that were not used is CodeRateLimited,
// but for those who speak for any user.
func (t *Tickets) Make(c access.Caller) (string, error) {
	text := rand.Text()
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 && (len(t.order) >= maxTickets || t.made[t.order[0]].until.Before(now)) {
		t.takeLocked(t.order[0])
		t.order = t.order[1:]
	}
	if t.users[c.User] >= maxTicketsOfUser && !c.Any() {
		return "", &parley.Error{Code: parley.CodeRateLimited, Reason: "tickets", RetryAfter: TicketLife,
			Detail: fmt.Sprintf("%s has %d tickets that were not used", c.User, maxTicketsOfUser), Hint: "use those; each is good for 30 s"}
	}
	h := sha256.Sum256([]byte(text))
	t.made[h] = ticket{c, now.Add(TicketLife)}
	t.order = append(t.order, h)
	t.users[c.User]++
	return text, nil
}

// Take uses a ticket up.
func (t *Tickets) Take(text string) (access.Caller, bool) {
	h := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.takeLocked(h)
	return k.caller, ok && t.clock().Before(k.until)
}

func (t *Tickets) takeLocked(h [32]byte) (k ticket, ok bool) {
	if k, ok = t.made[h]; !ok {
		return k, false
	}
	delete(t.made, h)
	if t.users[k.caller.User]--; t.users[k.caller.User] == 0 {
		delete(t.users, k.caller.User)
	}
	return k, true
}
