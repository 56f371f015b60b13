package auth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/auth"
)

func newTickets(clock func() time.Time) *auth.Tickets {
	return auth.NewTickets(auth.TicketsConfig{Once: mem.NewOnce(clock), Clock: clock})
}

// A ticket made by one node is valid on all of them, but only once in total.
func TestATicketIsGoodOnceOnAllNodes(t *testing.T) {
	once := mem.NewOnce(nil)
	secret := []byte(strings.Repeat("s", 32))
	var nodes []*auth.Tickets
	for range 3 {
		nodes = append(nodes, auth.NewTickets(auth.TicketsConfig{Secret: secret, Once: once}))
	}
	expires := time.Now().Add(time.Hour)
	c := access.Caller{User: "alice", Name: "Alice", As: &access.Credentials{Listed: true, Issued: time.Now(), Expires: expires,
		Grants: []access.Grant{{Pattern: "room:*", Rights: access.Read | access.Presence}}}}
	for i := range 20 {
		ticket := made(t, nodes[i%3], c)
		var good atomic.Int32
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(func() {
				got, err := n.Redeem(t.Context(), ticket)
				if err != nil {
					return
				}
				good.Add(1)
				if got.User != "alice" || got.Name != "Alice" || !got.As.Listed || got.As.Rights("room:1") != access.Read|access.Presence ||
					got.As.Expires.Sub(expires).Abs() > time.Second || !got.As.Issued.Equal(c.As.Issued) || got.As.Any || got.As.Service {
					t.Errorf("%+v %+v", got, got.As)
				}
			})
		}
		if all.Wait(); good.Load() != 1 {
			t.Fatalf("it was good %d times", good.Load())
		}
	}
}

func TestATicketOfAnotherSecretOrChangedIsRefused(t *testing.T) {
	one, other := newTickets(nil), newTickets(nil)
	ticket := made(t, one, access.Caller{User: "alice"})
	if _, err := other.Redeem(t.Context(), ticket); parley.AsError(err).Code != parley.CodeUnauthorized {
		t.Errorf("another node's: %v", err)
	}
	for i := range len(ticket) - 1 { // the last character has unused bits
		changed := []byte(ticket)
		if changed[i] = 'A'; ticket[i] == 'A' {
			changed[i] = 'B'
		}
		if _, err := one.Redeem(t.Context(), string(changed)); parley.AsError(err).Code != parley.CodeUnauthorized {
			t.Fatalf("changed at %d: %v", i, err)
		}
	}
	if strings.Contains(ticket, "alice") {
		t.Errorf("%q tells its user", ticket)
	}
}

// away is a store that does not respond.
type away struct{}

func (away) First(context.Context, string, time.Duration) (bool, error) {
	return true, errors.New("away")
}

// If it is unknown whether a ticket was used, it is refused, but not as the client's error.
func TestATicketIsNoPassWhileTheStoreIsAway(t *testing.T) {
	tickets := auth.NewTickets(auth.TicketsConfig{Once: away{}})
	c, err := tickets.Redeem(t.Context(), made(t, tickets, access.Caller{User: "alice"}))
	if e := parley.AsError(err); e.Code != parley.CodeUnavailable || e.RetryAfter == 0 || c != (access.Caller{}) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestShortTicketSecretIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a secret of 31 bytes is taken")
		}
	}()
	auth.NewTickets(auth.TicketsConfig{Secret: make([]byte, 31), Once: away{}})
}
