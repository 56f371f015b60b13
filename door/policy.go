package door

import (
	"time"

	"parley"
	"parley/access"
	"parley/limit"
	"parley/transport"
)

// Policy is what a caller may use of a node: connections and channels by a Limiter, bytes of
// answers by limit.Answers.
type Policy struct {
	Limiter *Limiter // nil: not limited
	Answers *limit.Answers
}

var _ transport.Policy = (*Policy)(nil)

// Acquire implements transport.Policy, as do the others. Back ends have no address and no limits.
func (p *Policy) Acquire(c access.Caller, streams, channels int) *parley.Error {
	if p.Limiter == nil || !c.Address.IsValid() {
		return nil
	}
	return p.Limiter.acquire(c, streams, channels)
}

func (p *Policy) Release(c access.Caller, streams, channels int) {
	if p.Limiter != nil && c.Address.IsValid() {
		p.Limiter.release(c, streams, channels)
	}
}

func (p *Policy) Patience(c access.Caller) time.Duration {
	if p.Limiter == nil {
		return 0
	}
	return p.Limiter.Callers.NoteRefusal(c.Address)
}

func (p *Policy) Charge(c access.Caller, bytes int) *parley.Error {
	return p.Answers.Charge(c.Limited(), bytes)
}

func (p *Policy) Discharge(c access.Caller, bytes int) { p.Answers.Discharge(c.Limited(), bytes) }
