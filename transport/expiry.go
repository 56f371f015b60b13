package transport

import (
	"context"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/wire"
)

// warning is how long before its token expires a stream receives token-expiring: a fifth of the token's life if
// that is less and known, so that a client that then requests a new one does not do so all the time.
const warning = time.Minute

func (w who) warning() time.Duration {
	as := w.rest.As
	if as == nil || as.Issued.IsZero() {
		return warning
	}
	return min(max(as.Expires.Sub(as.Issued)/5, 0), warning)
}

// never is later than anything that a stream waits for.
const never = time.Hour

// left returns for how long a caller's credentials are still valid, at most never.
func (w who) left(now time.Time) time.Duration {
	if w.rest.As == nil || w.rest.As.Expires.IsZero() {
		return never
	}
	return min(w.rest.As.Expires.Sub(now), never)
}

// untilLook returns after how long the credentials of a new stream must be checked: at once if
// they expire soon, so that the client receives token-expiring.
func (w who) untilLook(now time.Time) time.Duration {
	return max(w.left(now)-w.warning(), 0)
}

// expire warns a stream once that its token expires and ends the stream when it has. It returns
// after how long to check again.
func expire(p peer, now time.Time) time.Duration {
	s := p.base()
	switch left, warning := s.who.left(now), s.who.warning(); {
	case left == never:
		return never
	case left <= 0:
		end(p, expired, errExpired)
		return never
	case left <= warning:
		if !s.is(warned) {
			s.set(warned)
			s.tell("token-expiring", wire.TokenExpiring(nil, int64((left+time.Second-1)/time.Second)))
		}
		return left
	default:
		return left - warning
	}
}

var errExpired = &parley.Error{Code: parley.CodeUnauthorized, Detail: "the token has expired", Hint: "get a new one"}

// auth accepts new credentials of the same user.
func (p *wsPeer) auth(ctx context.Context, f *wire.Frame) error {
	if p.t.cfg.Credentials == nil {
		return p.done(f, "", nil) // in development there is nothing to prove
	}
	c, err := p.t.cfg.Credentials.Bearer(ctx, f.Token)
	if err != nil {
		if e := parley.AsError(err); e.Code == parley.CodeUnauthorized {
			p.t.cfg.OnRefused(p.who.caller(), f.Type, e)
			p.send(wire.Error(nil, e, "", f.Key))
			end(p, revoked, nil)
			return nil
		}
		return err
	}
	if c.User != p.who.user {
		return &parley.Error{Code: parley.CodeNotYou, Detail: "the token is another user's",
			Hint: "open another connection for another user"}
	}
	c.Address = p.who.caller().Address
	before := p.who.rest.As
	p.who = p.t.keep(c)
	p.set(stale)
	if as := c.As; as == nil || before == nil || !as.Expires.Equal(before.Expires) || !as.Issued.Equal(before.Issued) {
		p.clear(warned) // else it is the token that the warning was about
	}
	now := p.t.engine.Now()
	p.soon(p.who.untilLook(now), func() { expire(p, p.t.engine.Now()) })
	p.soon(p.who.left(now), func() { p.set(stale) })
	return p.done(f, "", nil)
}

// soon calls a function on a connection after a time, if that may be before its next tick.
func (p *wsPeer) soon(after time.Duration, do func()) {
	if after < p.t.cfg.HeartbeatInterval {
		time.AfterFunc(after, func() {
			p.t.engine.VisitOne(&p.conn, func(engine.Peer) bool { do(); return true })
		})
	}
}
