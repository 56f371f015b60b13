package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"parley/chat"
)

// TicketLife is how long a ticket is good.
const TicketLife = 30 * time.Second

// maxTickets wait at a time; beyond it the oldest go. A node that hands out more is being flooded.
const maxTickets = 100_000

// Tickets are good for one connection each, so that no token stands in a URL.
type Tickets struct {
	clock func() time.Time

	mu    sync.Mutex
	made  map[[32]byte]ticket // by the hash of their text
	order [][32]byte          // oldest first; some may be gone
}

type ticket struct {
	caller chat.Caller
	until  time.Time
}

// NewTickets makes an empty set; clock may be nil.
func NewTickets(clock func() time.Time) *Tickets {
	if clock == nil {
		clock = time.Now
	}
	return &Tickets{clock: clock, made: map[[32]byte]ticket{}}
}

// Make makes a ticket for a caller.
func (t *Tickets) Make(c chat.Caller) string {
	text := rand.Text()
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 && (len(t.order) >= maxTickets || t.made[t.order[0]].until.Before(now)) {
		delete(t.made, t.order[0])
		t.order = t.order[1:]
	}
	h := sha256.Sum256([]byte(text))
	t.made[h] = ticket{c, now.Add(TicketLife)}
	t.order = append(t.order, h)
	return text
}

// Take uses a ticket up.
func (t *Tickets) Take(text string) (chat.Caller, bool) {
	h := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.made[h]
	delete(t.made, h)
	return k.caller, ok && t.clock().Before(k.until)
}
