package transport

import (
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/internal/together"
	"github.com/parley-server/parley/wire"
)

// A stream is admitted once, whatever its transport. Its share of the caller's limits,
// and the caller's presence, are acquired and released here and nowhere else:
//
//	admit(n channels) ──addChannel──▶ n+1 ──removeChannel──▶ n ──release──▶

// newStream initializes a stream that is not admitted yet.
func (t *Transports) newStream(s *stream, via parley.Transport, c access.Caller, form wire.Form) {
	s.t, s.via, s.who = t, via, t.keep(c)
	t.chat.Hub().Open(&s.session, form, &s.conn)
}

// authorize checks that the server can take one more stream, and that the caller may read all channels of the request, which
// it returns.
func (t *Transports) authorize(r *http.Request, req *Request) ([]hub.Wanted, error) {
	if t.cfg.Door != nil {
		if e := t.cfg.Door.Refusal(t.Streams()); e != nil {
			return nil, e
		}
	}
	t.chat.AskAbout(req.Caller, len(req.Follows))
	wanted, errs := make([]hub.Wanted, len(req.Follows)), make([]error, len(req.Follows))
	together.Do(len(wanted), func(i int) {
		f := req.Follows[i]
		sees, err := t.chat.Admit(r.Context(), req.Caller, f.Channel)
		wanted[i], errs[i] = hub.Wanted{Channel: f.Channel, After: f.After, Blind: !sees}, err
	})
	return wanted, firstOf(errs)
}

// firstOf returns the first error that is not nil.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// admit lets a stream begin and follow the channels of its request, or refuses it. The others
// are notified of the caller before the stream follows, so that a channel without other
// followers keeps nothing.
func (t *Transports) admit(r *http.Request, s *stream, req *Request) ([]hub.Start, error) {
	wanted, err := t.authorize(r, req)
	if err != nil {
		return nil, err
	}
	if e := t.cfg.Policy.Acquire(req.Caller, 1, len(req.Follows)); e != nil {
		return nil, e
	}
	channels := make([]parley.ChannelID, len(req.Follows))
	for i, f := range req.Follows {
		channels[i] = f.Channel
	}
	s.appear(channels)
	starts, errs := s.session.FollowAll(r.Context(), wanted...)
	if err := firstOf(errs); err != nil {
		s.ended = failed
		s.giveBack(slices.Values(channels), len(channels))
		return nil, err
	}
	return starts, nil
}

// open admits a WebSocket or event stream and sends its welcome.
func (t *Transports) open(r *http.Request, s *stream, req *Request) error {
	starts, err := t.admit(r, s, req)
	if err != nil {
		return err
	}
	for i := range starts {
		s.welcome(starts[i], "")
	}
	if len(req.Watch) > 0 {
		if err := t.chat.Watch(r.Context(), req.Caller, &s.session, req.Watch); err != nil {
			s.release()
			return err
		}
	}
	return nil
}

// welcome tells a stream its position in one channel.
func (s *stream) welcome(start hub.Start, key string) {
	form := s.session.Form()
	obj := wire.Welcome(nil, start.Bounds, start.Cursor, start.Resumed, key)
	s.session.Send(form.AppendControl(nil, s.session.CursorText(), "welcome", obj))
	if start.Reset != nil {
		s.session.SendReset(start.Bounds.Channel, start.Reset)
	}
	if start.More {
		s.tell("more", wire.More(nil, start.Bounds.Channel, start.Bounds.Last))
	}
}

// park takes the connection of an admitted stream out of net/http and passes it to the engine.
// changes is the number of rights changes before it was admitted.
func (t *Transports) park(w http.ResponseWriter, r *http.Request, p peer, first time.Duration, changes uint64) error {
	nc, err := t.detach(w, r)
	if err != nil {
		p.Gone()
		return err
	}
	s := p.base()
	listens := s.via == parley.TransportWebSocket
	if poll, ok := p.(*pollPeer); ok && len(nc.early) > 0 {
		poll.has().early = nc.early
	}
	if !listens {
		nc.early = nil
	}
	t.engine.Park(&s.conn, nc.Conn, nc.early, p, listens, first)
	t.settle(&s.conn, changes)
	return nil
}

// appear notes the caller's presence.
func (s *stream) appear(channels []parley.ChannelID) {
	c, chat := s.who.caller(), s.t.chat
	if s.via == parley.TransportLongPoll {
		chat.Hold(c, channels...)
		return
	}
	chat.Come(c, s.via)
	for _, channel := range channels {
		chat.Enter(channel, c, s.via)
	}
}

// giveBack ends what admit began, for n channels.
func (s *stream) giveBack(channels iter.Seq[parley.ChannelID], n int) {
	c, chat := s.who.caller(), s.t.chat
	if s.via == parley.TransportLongPoll {
		chat.Release(c, !endings[s.ended].denied, slices.Collect(channels)...)
	} else {
		chat.Unwatch(&s.session)
		for channel := range channels {
			chat.Leave(channel, c, s.via)
		}
		chat.Go(c, s.via, s.is(hides))
	}
	s.t.cfg.Policy.Release(c, 1, n)
	s.session.Close()
}

// release ends a stream that was admitted, with the channels that it follows now.
func (s *stream) release() { s.giveBack(s.channels, s.session.Len()) }

// channels yields the channels that the stream follows.
func (s *stream) channels(yield func(parley.ChannelID) bool) {
	more := true
	s.session.Channels(func(channel parley.ChannelID, _ int64) { more = more && yield(channel) })
}

// addChannel adds a channel to a stream, and the caller's presence there.
func (s *stream) addChannel(channel parley.ChannelID) error {
	c := s.who.caller()
	if e := s.t.cfg.Policy.Acquire(c, 0, 1); e != nil {
		return e
	}
	s.t.chat.Enter(channel, c, s.via)
	return nil
}

// removeChannel ends what addChannel, or admit, began for one channel.
func (s *stream) removeChannel(channel parley.ChannelID) {
	c := s.who.caller()
	s.t.chat.Leave(channel, c, s.via)
	s.t.cfg.Policy.Release(c, 0, 1)
}
