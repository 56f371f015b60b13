package door

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/limit"
)

// A refused stream gives back what it had counted: if it follows too many channels, it uses up
// no connection of its caller.
func TestARefusedStreamCountsNothing(t *testing.T) {
	p := &Policy{Limiter: NewLimiter(LimiterConfig{Config: limit.Config{PerUser: 1, Follows: 3}, Logger: slog.New(slog.DiscardHandler)})}
	alice := access.Caller{User: "alice", Address: netip.MustParseAddr("192.0.2.1")}
	if e := p.Acquire(alice, 1, 4); e == nil || e.Reason != "subscriptions_user" {
		t.Fatalf("four channels of three: %v", e)
	}
	if e := p.Acquire(alice, 1, 3); e != nil {
		t.Fatalf("after a refusal: %v", e)
	}
	if e := p.Acquire(alice, 1, 0); e == nil {
		t.Fatal("a second stream of one")
	}
	p.Release(alice, 1, 3)
	if e := p.Acquire(alice, 1, 3); e != nil {
		t.Fatalf("after a release: %v", e)
	}
}

// Back ends have no address; a node for development has no limits.
func TestCallersWithoutLimitsAreNotCounted(t *testing.T) {
	limiter := NewLimiter(LimiterConfig{Config: limit.Config{PerUser: 1, Follows: 1}, Logger: slog.New(slog.DiscardHandler)})
	for name, c := range map[string]struct {
		policy *Policy
		caller access.Caller
	}{
		"back end":    {&Policy{Limiter: limiter}, access.Caller{User: parley.Guest}},
		"development": {&Policy{}, access.Caller{User: "alice", Address: netip.MustParseAddr("192.0.2.1")}},
	} {
		for range 3 {
			if e := c.policy.Acquire(c.caller, 1, 5); e != nil {
				t.Errorf("%s: %v", name, e)
			}
		}
		c.policy.Release(c.caller, 3, 15)
	}
}
