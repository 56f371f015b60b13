package transport

import (
	"context"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/wire"
)

// A stream was allowed when it began. When rights may have shrunk, the streams that this may
// affect are marked as stale. They deliver nothing until Load has rechecked their rights, and then
// continue without the channels that they lost.
//
// The same holds while this node cannot read which rights were taken away on other nodes: a stream
// of a channel that is not known to be public delivers nothing until it can.
//
// A stream that is just beginning compares the number of rights changes before it was admitted
// with the number after the engine knew it, so that it misses none.

// rightsChange marks the streams that a change in chat may affect: those of a user, or of all
// users if it is "", that follow a channel, or any channel if it is "".
func (t *Transports) rightsChange(channel parley.ChannelID, user parley.UserID) {
	t.rightsChanges.Add(1)
	t.engine.Visit(func(p engine.Peer) bool {
		s, ok := p.(peer)
		return ok && s.base().affectedBy(channel, user) && s.base().markStale()
	})
}

func (s *stream) affectedBy(channel parley.ChannelID, user parley.UserID) bool {
	return s.ended == open && (user == "" || user == s.who.user) && (channel == "" || s.session.Follows(channel))
}

func (s *stream) markStale() bool { s.set(stale); return true }

// behind reports whether a stream must deliver nothing, because its rights may have shrunk and this
// node would not know.
func (s *stream) behind() bool {
	if !s.t.chat.Behind() {
		return false
	}
	for channel := range s.channels {
		if !s.t.chat.KnownPublic(channel) {
			return true
		}
	}
	return false
}

// settle marks a stream that the engine now knows as stale if rights have changed since it began
// to be admitted.
func (t *Transports) settle(c *engine.Conn, changes uint64) {
	if t.rightsChanges.Load() != changes {
		t.engine.VisitOne(c, func(p engine.Peer) bool { return p.(peer).base().markStale() })
	}
}

// Recheck has every stream recheck its credentials and rights, after some were removed.
func (t *Transports) Recheck() { t.rightsChange("", "") }

// resume has every stream recheck its rights after a pause of the process, when chat has read
// the rights changes that it missed: a token may have expired. What clients sent in the
// meantime is still unread, so none of them counts as silent.
func (t *Transports) resume(ctx context.Context) error {
	if err := t.chat.CatchUp(ctx); err != nil {
		return err
	}
	now := t.millis(t.engine.Now())
	t.engine.Visit(func(p engine.Peer) bool {
		if p, ok := p.(peer); ok {
			p.base().quiet = now
		}
		return false
	})
	t.Recheck()
	return nil
}

// recheckRights checks the credentials of a stale stream and its rights to read again. The
// error is the store's.
func recheckRights(ctx context.Context, p peer) error {
	s := p.base()
	refused, err := s.t.valid(ctx, s.who.caller())
	if err != nil {
		return err
	}
	if refused != nil {
		end(p, revoked, refused)
		return nil
	}
	channels, err := s.lostChannels(ctx)
	if err != nil {
		return err
	}
	if s.clear(stale); len(channels) > 0 {
		p.lost(channels)
	}
	return nil
}

// lostChannels checks the rights to read and to see presence again, and returns the channels
// that may no longer be read. The error is the store's.
func (s *stream) lostChannels(ctx context.Context) (lost []parley.ChannelID, err error) {
	c, hidden := s.who.caller(), map[parley.ChannelID]bool{}
	for channel := range s.channels {
		sees, denied := s.t.chat.Admit(ctx, c, channel)
		switch {
		case denied == nil && !sees:
			hidden[channel] = true
		case denied == nil:
		case parley.AsError(denied).Code != parley.CodeForbidden:
			return nil, denied
		default:
			lost = append(lost, channel)
		}
	}
	s.session.See(func(channel parley.ChannelID) bool { return !hidden[channel] })
	return lost, nil
}

// drop removes channels from a stream, and notifies it.
func (s *stream) drop(channels []parley.ChannelID) {
	for _, channel := range channels {
		if s.session.Unfollow(channel) {
			s.removeChannel(channel)
		}
		s.session.Send(s.session.Form().AppendControl(nil, s.session.CursorText(), "forbidden", wire.Forbidden(nil, channel)))
	}
}
