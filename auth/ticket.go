package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/internal/clock"
)

// TicketLife is how long a ticket is valid.
const TicketLife = 30 * time.Second

// onceFor is how long the use of a ticket is remembered: its life, plus as much again for clocks that differ.
const onceFor = 2 * TicketLife

// A user may have at most maxTicketsOfUser valid unused tickets made by this node; the node
// remembers at most maxTickets.
const (
	maxTickets       = 100_000
	maxTicketsOfUser = 100
)

// TicketsConfig configures Tickets.
type TicketsConfig struct {
	// Secret is shared by all nodes, at least 32 bytes: a ticket made by one node is valid on all.
	// nil: a random secret, for this node only.
	Secret []byte
	Once   parley.Once      // shared by all nodes; required
	Clock  func() time.Time // time.Now
}

// Tickets are valid for one connection each, so that tokens need not be in URLs. A ticket contains
// its caller, sealed; no node needs to remember it before it is used.
//
//	version, nonce, AES-GCM { caller, end }     in base64url; the nonce is what happens once
type Tickets struct {
	seal  cipher.AEAD
	once  parley.Once
	clock func() time.Time

	mu    sync.Mutex
	made  map[nonce]ticket // made on this node
	order []nonce          // oldest first; some may no longer be in made
	users map[parley.UserID]int
}

type nonce [12]byte

// ticket is what is remembered about a ticket, in order to limit tickets per user.
type ticket struct {
	user  parley.UserID
	until time.Time
}

// sealed is the content of a ticket.
type sealed struct {
	User  parley.UserID       `json:"u"`
	Name  string              `json:"n,omitempty"`
	As    *access.Credentials `json:"a,omitempty"`
	Until time.Time           `json:"e"`
}

const ticketVersion = 1

// NewTickets creates tickets with a secret. It panics if the secret is too short.
func NewTickets(cfg TicketsConfig) *Tickets {
	secret := cfg.Secret
	if secret == nil {
		secret = make([]byte, 32)
		_, _ = rand.Read(secret) // cannot fail
	}
	if len(secret) < 32 {
		panic(errShort)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "parley ticket", 32)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return &Tickets{seal: seal, once: cfg.Once, clock: clock.Steady(cfg.Clock), made: map[nonce]ticket{}, users: map[parley.UserID]int{}}
}

// Make creates a ticket for a caller. A user with too many unused tickets is refused with
// CodeRateLimited, except callers that act as any user.
func (t *Tickets) Make(c access.Caller) (string, error) {
	now := t.clock()
	n, err := t.count(c, now)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(sealed{c.User, c.Name, c.As, now.Add(TicketLife)})
	if err != nil {
		return "", fmt.Errorf("seal a ticket: %w", err)
	}
	text := append([]byte{ticketVersion}, n[:]...)
	text = t.seal.Seal(text, n[:], plain, text[:1])
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// count counts a caller's ticket, unless there are too many.
func (t *Tickets) count(c access.Caller, now time.Time) (n nonce, err error) {
	_, _ = rand.Read(n[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 && (len(t.order) >= maxTickets || t.made[t.order[0]].until.Before(now)) {
		t.usedLocked(t.order[0])
		t.order = t.order[1:]
	}
	if t.users[c.User] >= maxTicketsOfUser && !c.Any() {
		return n, &parley.Error{Code: parley.CodeRateLimited, Reason: "tickets", RetryAfter: TicketLife,
			Detail: fmt.Sprintf("%s has %d tickets that were not used", c.User, maxTicketsOfUser), Hint: "use those; each is good for 30 s"}
	}
	t.made[n] = ticket{c.User, now.Add(TicketLife)}
	t.order = append(t.order, n)
	t.users[c.User]++
	return n, nil
}

// used stops counting a ticket.
func (t *Tickets) used(n nonce) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.usedLocked(n)
}

func (t *Tickets) usedLocked(n nonce) {
	k, counted := t.made[n]
	if !counted {
		return
	}
	delete(t.made, n)
	if t.users[k.user]--; t.users[k.user] == 0 {
		delete(t.users, k.user)
	}
}

// Redeem uses up a ticket, whichever node made it. CodeUnauthorized: it is invalid, used or
// expired; CodeUnavailable: it is unknown whether it was used, and it may be used up now.
func (t *Tickets) Redeem(ctx context.Context, text string) (access.Caller, error) {
	n, k, ok := t.open(text)
	now := t.clock()
	if !ok || !now.Before(k.Until) {
		return access.Caller{}, refusedTicket()
	}
	first, err := t.once.First(ctx, "ticket/"+base64.RawURLEncoding.EncodeToString(n[:]), onceFor)
	t.used(n)
	if err != nil {
		return access.Caller{}, &parley.Error{Code: parley.CodeUnavailable, RetryAfter: time.Second, Err: err,
			Detail: "the store does not say whether the ticket was used", Hint: "get another one: POST /api/tickets"}
	}
	if !first {
		return access.Caller{}, refusedTicket()
	}
	if k.As != nil && !k.As.Expires.IsZero() {
		k.As.Expires = now.Add(k.As.Expires.Sub(now.Round(0))) // from now on elapsed time counts
	}
	return access.Caller{User: k.User, Name: k.Name, As: k.As}, nil
}

func (t *Tickets) open(text string) (n nonce, k sealed, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) <= 1+len(n) || b[0] != ticketVersion {
		return n, k, false
	}
	copy(n[:], b[1:])
	plain, err := t.seal.Open(nil, n[:], b[1+len(n):], b[:1])
	return n, k, err == nil && json.Unmarshal(plain, &k) == nil
}

func refusedTicket() *parley.Error {
	return refuse("the ticket is not known, was used, or is too old", "get another one: POST /api/tickets")
}
