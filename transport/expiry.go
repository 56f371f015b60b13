package transport

import (
	"context"
	"time"

	"parley"
	"parley/engine"
	"parley/wire"
)

// warning is how long before its token expires a stream is told: a fifth of the token's life if
// that is less and known, so that who asks for a new one then does not ask all the time.
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

// left is how long a caller's credentials are still good, at most never.
func (w who) left(now time.Time) time.Duration {
	if w.rest.As == nil || w.rest.As.Expires.IsZero() {
		return never
	}
	return min(w.rest.As.Expires.Sub(now), never)
}

// untilLook is after how long a stream that begins is to be looked at because of its
// credentials: at once if they expire soon, for it is to be told.
func (w who) untilLook(now time.Time) time.Duration {
	return max(w.left(now)-w.warning(), 0)
}

// untilExpiry is after how long a stream's credentials are to be looked at again. tell
// tells it once, before they expire.
func (w who) untilExpiry(now time.Time, tell func(left time.Duration)) (next time.Duration, expired bool) {
	switch left, warning := w.left(now), w.warning(); {
	case left == never:
		return never, false
	case left <= 0:
		return 0, true
	case left <= warning:
		tell(left)
		return left, false
	default:
		return left - warning, false
	}
}

// expiring tells a stream how long its token is good.
func expiring(left time.Duration) []byte {
	return wire.TokenExpiring(nil, int64((left+time.Second-1)/time.Second))
}

// expire looks at the credentials, and returns after how long to look again.
func (p *wsPeer) expire(now time.Time) time.Duration {
	next, expired := p.who.untilExpiry(now, func(left time.Duration) {
		if d := p.deal(); !d.warned {
			d.warned = true
			p.send(expiring(left))
		}
	})
	if expired {
		p.unauthorized(errExpired, "")
		return p.t.cfg.HeartbeatInterval
	}
	return next
}

// unauthorized ends a connection whose credentials are good no longer; key is that of the
// frame that showed them.
func (p *wsPeer) unauthorized(e *parley.Error, key string) {
	p.send(wire.Error(nil, e, "", key))
	p.close(4401, string(e.Code))
}

// auth takes new credentials of the same user.
func (p *wsPeer) auth(ctx context.Context, f *wire.Frame) error {
	if p.t.cfg.Credentials == nil {
		return p.done(f, "", nil) // in development there is nothing to prove
	}
	c, err := p.t.cfg.Credentials.Bearer(ctx, f.Token)
	if err != nil {
		if e := parley.AsError(err); e.Code == parley.CodeUnauthorized {
			p.t.cfg.OnRefused(p.who.caller(), f.Type, e)
			p.unauthorized(e, f.Key)
			return nil
		}
		return err
	}
	if c.User != p.who.user {
		return &parley.Error{Code: parley.CodeNotYou, Detail: "the token is another user's", Hint: "open another connection for another user"}
	}
	c.Address = p.who.caller().Address
	before := p.who.rest.As
	p.who, p.doubtful = p.t.keep(c), true
	if as := c.As; as == nil || before == nil || !as.Expires.Equal(before.Expires) || !as.Issued.Equal(before.Issued) {
		p.deal().warned = false // else it is the token of which it was told
	}
	now := p.t.engine.Now()
	p.soon(p.who.untilLook(now), func() { p.expire(p.t.engine.Now()) })
	p.soon(p.who.left(now), func() { p.doubtful = true })
	return p.done(f, "", nil)
}

// soon does something to a connection after a time, if that may be before its next tick.
func (p *wsPeer) soon(after time.Duration, do func()) {
	if after < p.t.cfg.HeartbeatInterval {
		time.AfterFunc(after, func() {
			p.t.engine.VisitOne(&p.conn, func(engine.Peer) bool { do(); return true })
		})
	}
}

// expire ends the stream when its token does; the client comes back with another.
func (p *ssePeer) expire(now time.Time) time.Duration {
	next, expired := p.who.untilExpiry(now, func(left time.Duration) {
		if !p.warned {
			p.warned = true
			p.session.Send(p.session.Form().AppendControl(nil, "", "token-expiring", expiring(left)))
		}
	})
	if expired {
		p.ended = true
		p.conn.Ring()
		return p.t.cfg.Comment
	}
	return next
}

var errExpired = &parley.Error{Code: parley.CodeUnauthorized, Detail: "the token has expired", Hint: "get a new one"}
