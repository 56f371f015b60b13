package transport

import (
	"parley"
	"parley/access"
	"parley/hub"
)

// A stay is a stream or held poll of a caller with the channels that it follows. What it takes of
// the caller's limits, it takes and gives back here and nowhere else:
//
//	come(n) ──enter one more──▶ n+1 ──exit one──▶ n ──gone(n)──▶

// come counts a stream or held poll of a caller with some channels, or refuses it.
func (t *Transports) come(c access.Caller, channels int) error {
	if e := t.cfg.Policy.Acquire(c, 1, channels); e != nil {
		return e
	}
	return nil
}

// gone ends what come has counted; channels are those that are followed now.
func (t *Transports) gone(c access.Caller, channels int) { t.cfg.Policy.Release(c, 1, channels) }

// enter lets a caller's stream have one channel more, of which the others hear.
func (t *Transports) enter(channel parley.ChannelID, c access.Caller, via parley.Transport) error {
	if e := t.cfg.Policy.Acquire(c, 0, 1); e != nil {
		return e
	}
	t.chat.Enter(channel, c, via)
	return nil
}

// exit ends what enter, or come, began for one channel.
func (t *Transports) exit(channel parley.ChannelID, c access.Caller, via parley.Transport) {
	t.chat.Leave(channel, c, via)
	t.cfg.Policy.Release(c, 0, 1)
}

// leaveAll ends a stream's session, and its caller's stay in its channels and here.
func (t *Transports) leaveAll(s *hub.Session, c access.Caller, via parley.Transport) {
	t.chat.Unwatch(s)
	s.Channels(func(channel parley.ChannelID, _ int64) { t.chat.Leave(channel, c, via) })
	t.chat.Go(c, via)
	t.gone(c, s.Len())
	s.Close()
}
