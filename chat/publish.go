package chat

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/wire"
)

// Publish stores a caller's draft and calls done when its outcome is known, from
// another goroutine; done must not block. A refusal is returned and done not called.
func (s *Service) Publish(ctx context.Context, c access.Caller, channel parley.ChannelID, d parley.Draft, done func(parley.Result)) error {
	a, err := s.mayPost(ctx, c, channel, &d.Text, &d.Data)
	if err != nil {
		return err
	}
	if err := s.allowSend(c, channel); err != nil {
		return err
	}
	if !a.made {
		if err := s.allowCreate(ctx, c, channel); err != nil {
			return err
		}
		if a.made = true; !a.direct { // by the next time
			s.known.put(channel, c.User, a)
		}
	}
	d.User, d.Name = c.User, c.Name
	d.Join = a.kind == parley.KindPublic
	if a.direct {
		if err := s.openDirect(ctx, channel, c.User); err != nil {
			return err
		}
	}
	s.feed.Publish(channel, d, done)
	return nil
}

// mayPost checks the right to write to a channel and the namespace's limits for posting: the
// role, and the sizes of text and data, nil for none. Everything that reaches other clients in a
// caller's name is checked here, stored or not.
func (s *Service) mayPost(ctx context.Context, c access.Caller, channel parley.ChannelID, text *string, data *json.RawMessage) (
	facts, error) {
	a, err := s.authorize(ctx, c, access.Write, channel)
	if err != nil {
		return a, err
	}
	space := s.spaces.Of(channel)
	if !space.mayPublish(c, channel, a) {
		return a, forbidden(c, access.Write, channel)
	}
	return a, space.fits(text, data)
}

// grown notes that a channel has new entries, whichever node stored them.
func (s *Service) grown(channel parley.ChannelID) {
	inbox, isInbox := strings.CutPrefix(string(channel), inboxTopics)
	user, isUser := strings.CutPrefix(string(channel), userTopics)
	switch {
	case channel == controlChannel:
		s.control.kicked()
	case isInbox:
		s.unread.Changed(parley.UserID(inbox))
	case isUser:
		s.watches.Changed(parley.UserID(user))
	case channel[0] != '@' && !channel.Internal():
		s.unread.Grown(channel)
	}
}

// follows sends what is derived from new entries.
func (s *Service) follows(channel parley.ChannelID, facts []parley.Fact) {
	for _, f := range facts {
		if f.Kind == parley.FactJoined {
			s.tellMembership(channel, f.User, parley.Member{User: f.User, Role: parley.RoleMember})
		}
	}
}

// Post is Publish for a caller that waits. ctx bounds only the waiting.
func (s *Service) Post(ctx context.Context, c access.Caller, channel parley.ChannelID, d parley.Draft) (parley.Result, error) {
	answer := make(chan parley.Result, 1)
	if err := s.Publish(ctx, c, channel, d, func(r parley.Result) { answer <- r }); err != nil {
		return parley.Result{}, err
	}
	select {
	case r := <-answer:
		if !s.shows(ctx, c, channel) {
			r.Message = r.Message.Receipt()
		}
		return r, r.Err
	case <-ctx.Done():
		return parley.Result{}, parley.ErrUnknown
	}
}

// Repeat answers a draft that cannot be stored because of why. If its key already names a
// stored message, the result is that message, since a repeat returns the first message whatever
// it contains; else the result is why.
func (s *Service) Repeat(ctx context.Context, c access.Caller, channel parley.ChannelID, key string, why error) (parley.Result, error) {
	if key == "" {
		return parley.Result{}, why
	}
	if err := s.Authorize(ctx, c, access.Write, channel); err != nil {
		return parley.Result{}, err
	}
	m, found, err := s.store.Lookup(ctx, channel, c.User, key)
	if err != nil {
		return parley.Result{}, err
	}
	if !found {
		return parley.Result{}, why
	}
	if !s.shows(ctx, c, channel) {
		m = m.Receipt()
	}
	return parley.Result{Message: m, Duplicate: true}, nil
}

// Item is one message of a batch, or the reason why it cannot be stored.
type Item struct {
	Caller  access.Caller
	Channel parley.ChannelID
	Draft   parley.Draft
	Err     error // with a Draft.Key it may be a repeat
}

// PostAll stores the items that can be stored, those of one channel in their order, and returns
// a result for each.
func (s *Service) PostAll(ctx context.Context, items []Item) []parley.Result {
	results := make([]parley.Result, len(items))
	var wait sync.WaitGroup
	for i := range items {
		it := &items[i]
		if it.Err == nil {
			wait.Add(1)
			it.Err = s.Publish(ctx, it.Caller, it.Channel, it.Draft, func(r parley.Result) { results[i] = r; wait.Done() })
			if it.Err != nil {
				it.Draft.Key = ""
				wait.Done()
			}
		}
	}
	wait.Wait()
	for i := range items { // by now the first message may be stored, from this very batch
		it := &items[i]
		if it.Err == nil && results[i].Err == nil && !s.shows(ctx, it.Caller, it.Channel) {
			results[i].Message = results[i].Message.Receipt()
		}
		if it.Err != nil {
			var err error
			if results[i], err = s.Repeat(ctx, it.Caller, it.Channel, it.Draft.Key, it.Err); err != nil {
				results[i].Err = err
			}
		}
	}
	return results
}

// Event sends an application's event to the channel's streams, except to those of the identity
// skip.
func (s *Service) Event(ctx context.Context, c access.Caller, channel parley.ChannelID, name string, data json.RawMessage,
	skip string) error {
	if _, err := s.mayPost(ctx, c, channel, nil, &data); err != nil {
		return err
	}
	if err := s.allowSend(c, channel); err != nil {
		return err
	}
	s.feed.Event(channel, parley.Event{Name: name, Object: wire.Event(nil, channel, c.User, c.Name, name, data), Skip: skip})
	return nil
}

// Typing notifies the others that a user is typing, at most once in two seconds.
func (s *Service) Typing(ctx context.Context, c access.Caller, channel parley.ChannelID, skip string) error {
	if _, err := s.mayPost(ctx, c, channel, nil, nil); err != nil {
		return err
	}
	if err := s.Ask(c, 1); err != nil {
		return err
	}
	if s.typing.due(typist{channel, c.User}, s.clock()) {
		s.feed.Event(channel, parley.Event{Name: "typing", Object: wire.UserEvent(nil, "typing", channel, c.User, c.Name), Skip: skip})
	}
	return nil
}

const typingEvery = 2 * time.Second

// typing remembers which users were reported as typing in the last two seconds.
type typing struct {
	mu     sync.Mutex
	last   map[typist]time.Time
	forgot time.Time // when the older ones were forgotten
}

type typist struct {
	channel parley.ChannelID
	user    parley.UserID
}

func (t *typing) due(who typist, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.last[who]) < typingEvery {
		return false
	}
	if now.Sub(t.forgot) >= typingEvery {
		t.forgetLocked(now)
	}
	t.last[who] = now
	return true
}

func (t *typing) forgetLocked(now time.Time) {
	t.forgot = now
	for who, at := range t.last {
		if now.Sub(at) >= typingEvery {
			delete(t.last, who)
		}
	}
}
