package transport

import (
	"context"

	"parley"
	"parley/access"
	"parley/engine"
	"parley/hub"
	"parley/wire"
)

// A stream was allowed when it began. When rights may have become fewer, the streams
// that it may be about are put in doubt:
//
//	served ──order──▶ in doubt: gives nothing more ──Load: asks again──▶ served, without
//	                                                    the channels that were lost
//
// A stream that is just beginning compares the number of orders from before it asked
// with that from after the engine knew it, so that none passes between.

// doubter is a peer whose rights can come into doubt.
type doubter interface {
	concerns(channel parley.ChannelID, user parley.UserID) bool
	doubt()
}

// order puts the streams in doubt that an order of chat is about.
func (t *Transports) order(channel parley.ChannelID, user parley.UserID) {
	t.orders.Add(1)
	t.engine.Visit(func(p engine.Peer) bool {
		d, ok := p.(doubter)
		if !ok || !d.concerns(channel, user) {
			return false
		}
		d.doubt()
		return true
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.reconsider)
	t.reconsider = make(chan struct{})
}

// resume has every stream ask again for its rights after the process did not run for a
// while, when it has followed the orders that it missed: a token may have expired. What
// clients sent meanwhile is still unread, so none counts as silent.
func (t *Transports) resume(ctx context.Context) error {
	if err := t.chat.CatchUp(ctx); err != nil {
		return err
	}
	now := t.millis(t.engine.Now())
	t.engine.Visit(func(p engine.Peer) bool {
		if p, ok := p.(sleeper); ok {
			p.slept(now)
		}
		return false
	})
	t.order("", "")
	return nil
}

// sleeper is a peer that measures its client's silence.
type sleeper interface{ slept(now uint32) }

func (p *wsPeer) slept(now uint32) { p.lastHeard = now }

func (p *ssePeer) slept(now uint32) { p.silent = now }

// Recheck has every stream ask again for its credentials and rights: some were removed.
func (t *Transports) Recheck() { t.order("", "") }

// nextOrder is closed with the next order.
func (t *Transports) nextOrder() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reconsider
}

// lostRight answers a poll that lost the right to read a channel while it was held.
func lostRight(channel parley.ChannelID) *parley.Error {
	return &parley.Error{Code: parley.CodeForbidden, Channel: channel, Detail: "the right to read the channel was lost", Hint: "poll without it"}
}

// settled puts a stream in doubt if there was an order since it began to ask.
func (t *Transports) settled(c *engine.Conn, since uint64) {
	if t.orders.Load() != since {
		t.engine.VisitOne(c, func(p engine.Peer) bool { p.(doubter).doubt(); return true })
	}
}

// concerns tells whether a session of a caller is among those that an order is about.
func concerns(s *hub.Session, c access.Caller, channel parley.ChannelID, user parley.UserID) bool {
	return (user == "" || user == c.User) && (channel == "" || s.Follows(channel))
}

// lost asks again for the right to read, and to see who is there, and returns the channels
// of a session to which the first is gone. The error is the store's.
func (t *Transports) lost(ctx context.Context, s *hub.Session, c access.Caller) (lost []parley.ChannelID, err error) {
	blind := map[parley.ChannelID]bool{}
	s.Channels(func(channel parley.ChannelID, _ int64) {
		if err != nil {
			return
		}
		sees, denied := t.chat.Admit(ctx, c, channel)
		if denied == nil {
			if !sees {
				blind[channel] = true
			}
			return
		}
		if parley.AsError(denied).Code != parley.CodeForbidden {
			err = denied
			return
		}
		lost = append(lost, channel)
	})
	if err == nil {
		s.See(func(channel parley.ChannelID) bool { return !blind[channel] })
	}
	return lost, err
}

// drop ends what a session has of channels, and tells it.
func (t *Transports) drop(s *hub.Session, c access.Caller, via parley.Transport, channels []parley.ChannelID) {
	for _, channel := range channels {
		if s.Unfollow(channel) {
			t.exit(channel, c, via)
		}
		s.Send(s.Form().AppendControl(nil, s.CursorText(), "forbidden", wire.Forbidden(nil, channel)))
	}
}

func (p *wsPeer) concerns(channel parley.ChannelID, user parley.UserID) bool {
	return !p.closing() && concerns(&p.session, p.who.caller(), channel, user)
}

func (p *wsPeer) doubt() { p.doubtful = true }

// reconsider asks again for the rights of the connection.
func (p *wsPeer) reconsider(ctx context.Context) error {
	refused, err := p.t.valid(ctx, p.who.caller())
	if err != nil {
		return err
	}
	if refused != nil {
		p.doubtful = false
		p.unauthorized(refused, "")
		return nil
	}
	lost, err := p.t.lost(ctx, &p.session, p.who.caller())
	if err != nil {
		return err
	}
	p.doubtful = false
	switch {
	case len(lost) == 0:
	case p.many:
		p.t.drop(&p.session, p.who.caller(), parley.WebSocket, lost)
	default:
		p.close(4403, "forbidden")
	}
	return nil
}

func (p *ssePeer) concerns(channel parley.ChannelID, user parley.UserID) bool {
	return !p.ended && concerns(&p.session, p.who.caller(), channel, user)
}

func (p *ssePeer) doubt() { p.doubtful = true }

func (p *ssePeer) reconsider(ctx context.Context) error {
	refused, err := p.t.valid(ctx, p.who.caller())
	if err != nil {
		return err
	}
	if refused != nil {
		p.doubtful, p.ended = false, true
		return nil
	}
	lost, err := p.t.lost(ctx, &p.session, p.who.caller())
	if err != nil {
		return err
	}
	p.doubtful = false
	p.t.drop(&p.session, p.who.caller(), parley.SSE, lost)
	p.ended = p.session.Len() == 0
	return nil
}

func (p *pollPeer) concerns(channel parley.ChannelID, user parley.UserID) bool {
	return !p.sent && concerns(&p.session, p.who.caller(), channel, user)
}

func (p *pollPeer) doubt() { p.doubtful = true }

func (p *pollPeer) reconsider(ctx context.Context) error {
	refused, err := p.t.refused(ctx, &p.poll)
	if err != nil {
		return err
	}
	if p.doubtful = false; refused != nil {
		p.has().refused = refused
	}
	return nil
}
