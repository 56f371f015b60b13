package chat

import (
	"context"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Limiter counts what callers do, and refuses the excess with CodeRateLimited, a reason and the
// delay after which to retry. It neither blocks nor reads a store; callers without an Address,
// such as back ends, are not limited. All methods may be called concurrently.
type Limiter interface {
	// AllowSend counts messages to a channel, or anything that costs other users as much; the
	// channel is "" if it concerns none. With 0 it reports whether one more would be refused.
	AllowSend(c access.Caller, channel parley.ChannelID, messages int) *parley.Error
	// AllowRead counts a read: 1 unit for a small one.
	AllowRead(c access.Caller, units int) *parley.Error
	// ChargeRead counts units beyond those that were passed to AllowRead.
	ChargeRead(c access.Caller, units int)
	// AllowCreate counts the creation of a channel.
	AllowCreate(c access.Caller) *parley.Error
}

// unlimited has no limits.
type unlimited struct{}

func (unlimited) AllowSend(access.Caller, parley.ChannelID, int) *parley.Error { return nil }
func (unlimited) AllowRead(access.Caller, int) *parley.Error                   { return nil }
func (unlimited) ChargeRead(access.Caller, int)                                {}
func (unlimited) AllowCreate(access.Caller) *parley.Error                      { return nil }

// Units charged for reads, in addition to the 1 of each request and frame.
const (
	answerUnit   = 16 << 10 // bytes of a response
	channelsUnit = 8        // channels that are read
)

// allowSend counts a caller's messages, or refuses them.
func (s *Service) allowSend(c access.Caller, channel parley.ChannelID) error {
	return refusal(s.limits.AllowSend(c, channel, 1))
}

// Ask counts a request or a frame that reads, or refuses it.
func (s *Service) Ask(c access.Caller, units int) error { return refusal(s.limits.AllowRead(c, units)) }

// Waste counts unusable input as messages, or refuses it; with 0 it reports whether any would
// be refused.
func (s *Service) Waste(c access.Caller, messages int) error {
	return refusal(s.limits.AllowSend(c, "", messages))
}

// OweAnswer charges the bytes of a response that contains other things than messages.
func (s *Service) OweAnswer(c access.Caller, bytes int) { s.limits.ChargeRead(c, bytes/answerUnit) }

// AskAbout charges the reading of channels, in addition to the request.
func (s *Service) AskAbout(c access.Caller, channels int) {
	if n := channels / channelsUnit; n > 0 {
		s.limits.ChargeRead(c, n)
	}
}

// allowCreate counts a channel that a caller's next action would create, or refuses it. A channel
// exists from its first message, member or setting on.
func (s *Service) allowCreate(ctx context.Context, c access.Caller, channel parley.ChannelID) error {
	if !c.Address.IsValid() {
		return nil
	}
	bs, err := s.store.Bounds(ctx, channel)
	if err != nil || bs[0].Last > 0 {
		return err
	}
	set, err := s.settings(ctx, channel)
	if err != nil || set.Kind != "" || set.Title != "" || set.Topic != "" || set.Data != nil || set.Retention != nil {
		return err
	}
	return refusal(s.limits.AllowCreate(c))
}

// refusal converts a nil *parley.Error to a nil error.
func refusal(e *parley.Error) error {
	if e == nil {
		return nil
	}
	return e
}
