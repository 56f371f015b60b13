package chat

import (
	"context"

	"parley"
	"parley/access"
)

// Limits counts what callers do, and refuses what is too much: CodeRateLimited, with a
// reason and after how long to come back. It neither blocks nor reads a store; callers
// without an Address, such as back ends, are not limited. All methods may be called at
// the same time.
type Limits interface {
	// Spend counts messages to a channel, or what costs others as much; "" if that is of
	// no channel. 0 asks whether one more would be refused.
	Spend(c access.Caller, channel parley.ChannelID, messages int) *parley.Error
	// Ask counts what is asked for: 1 for what reads little.
	Ask(c access.Caller, units int) *parley.Error
	// Owe counts what turned out to cost more than Ask was told.
	Owe(c access.Caller, units int)
	// Make counts a channel that comes into being.
	Make(c access.Caller) *parley.Error
}

// unlimited limits nobody.
type unlimited struct{}

func (unlimited) Spend(access.Caller, parley.ChannelID, int) *parley.Error { return nil }
func (unlimited) Ask(access.Caller, int) *parley.Error                     { return nil }
func (unlimited) Owe(access.Caller, int)                                   {}
func (unlimited) Make(access.Caller) *parley.Error                         { return nil }

// What asking costs, beside the 1 of each request and frame.
const (
	answerUnit   = 16 << 10 // bytes of an answer
	channelsUnit = 8        // channels that are looked at
)

// spend counts what a caller sends, or refuses it.
func (s *Service) spend(c access.Caller, channel parley.ChannelID) error {
	return refusal(s.limits.Spend(c, channel, 1))
}

// Ask counts a request or a frame that reads, or refuses it.
func (s *Service) Ask(c access.Caller, units int) error { return refusal(s.limits.Ask(c, units)) }

// Waste counts what can't be used like messages, or refuses it; 0 asks whether anything
// would be refused.
func (s *Service) Waste(c access.Caller, messages int) error {
	return refusal(s.limits.Spend(c, "", messages))
}

// OweAnswer counts the bytes of an answer that was made of other things than messages.
func (s *Service) OweAnswer(c access.Caller, bytes int) { s.limits.Owe(c, bytes/answerUnit) }

// AskAbout counts that channels are looked at, beside the request.
func (s *Service) AskAbout(c access.Caller, channels int) {
	if n := channels / channelsUnit; n > 0 {
		s.limits.Owe(c, n)
	}
}

// make counts a channel that what a caller is about to do would make, or refuses it. A
// channel is there from its first message, member or setting on.
func (s *Service) make(ctx context.Context, c access.Caller, channel parley.ChannelID) error {
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
	return refusal(s.limits.Make(c))
}

// refusal is an error without a type if there is none.
func refusal(e *parley.Error) error {
	if e == nil {
		return nil
	}
	return e
}
