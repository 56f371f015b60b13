package door

import (
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/limit"
	"github.com/parley-server/parley/transport"
)

// Policy limits what a caller may use of a node: connections and channels by a Limiter, bytes
// of responses by limit.Answers.
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
	for n := range streams {
		if e := p.Limiter.Callers.Acquire(c.User, c.Address); e != nil {
			p.Release(c, n, 0)
			return p.Limiter.hint(e, c.Address)
		}
	}
	if e := p.Limiter.Callers.Follow(c.User, channels); e != nil {
		p.Release(c, streams, 0)
		return e
	}
	return nil
}

func (p *Policy) Release(c access.Caller, streams, channels int) {
	if p.Limiter == nil || !c.Address.IsValid() {
		return
	}
	if channels > 0 {
		p.Limiter.Callers.Unfollow(c.User, channels)
	}
	for range streams {
		p.Limiter.Callers.Release(c.User, c.Address)
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
