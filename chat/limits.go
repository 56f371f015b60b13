package chat

import (
	"context"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Limiter counts what callers do, and refuses what is too much: CodeRateLimited, with a
// reason and after how long to come back. It neither blocks nor reads a store; callers
// without an Address, such as back ends, are not limited. All methods may be called at
// the same time.
type Limiter interface {
	// AllowSend counts messages to a channel, or what costs others as much; "" if that is of
	// no channel. 0 asks whether one more would be refused.
	AllowSend(c access.Caller, channel parley.ChannelID, messages int) *parley.Error
	// AllowRead counts what is asked for: 1 for what reads little.
	AllowRead(c access.Caller, units int) *parley.Error
	// ChargeRead counts what turned out to cost more than Ask was told.
	ChargeRead(c access.Caller, units int)
	// AllowCreate counts a channel that comes into being.
	AllowCreate(c access.Caller) *parley.Error
}

// unlimited limits nobody.
type unlimited struct{}

func (unlimited) AllowSend(access.Caller, parley.ChannelID, int) *parley.Error { return nil }
func (unlimited) AllowRead(access.Caller, int) *parley.Error                   { return nil }
func (unlimited) ChargeRead(access.Caller, int)                                {}
func (unlimited) AllowCreate(access.Caller) *parley.Error                      { return nil }

// What asking costs, beside the 1 of each request and frame.
const (
	answerUnit   = 16 << 10 // bytes of an answer
	channelsUnit = 8        // channels that are looked at
)

// allowSend counts what a caller sends, or refuses it.
func (s *Service) allowSend(c access.Caller, channel parley.ChannelID) error {
	return refusal(s.limits.AllowSend(c, channel, 1))
}

// Ask counts a request or a frame that reads, or refuses it.
func (s *Service) Ask(c access.Caller, units int) error { return refusal(s.limits.AllowRead(c, units)) }

// Waste counts what can't be used like messages, or refuses it; 0 asks whether anything
// would be refused.
func (s *Service) Waste(c access.Caller, messages int) error {
	return refusal(s.limits.AllowSend(c, "", messages))
}

// OweAnswer counts the bytes of an answer that was made of other things than messages.
func (s *Service) OweAnswer(c access.Caller, bytes int) { s.limits.ChargeRead(c, bytes/answerUnit) }

// AskAbout counts that channels are looked at, beside the request.
func (s *Service) AskAbout(c access.Caller, channels int) {
	if n := channels / channelsUnit; n > 0 {
		s.limits.ChargeRead(c, n)
	}
}

// allowCreate counts a channel that what a caller is about to do would allowCreate, or refuses it. A
// channel is there from its first message, member or setting on.
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

// refusal is an error without a type if there is none.
func refusal(e *parley.Error) error {
	if e == nil {
		return nil
	}
	return e
}
