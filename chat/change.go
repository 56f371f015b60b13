package chat

import (
	"context"
	"errors"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Change edits, deletes or reacts to a message. It returns the message after the change, nil
// for a caller without the right to read it, and whether anything changed. Callers edit and
// delete their own messages, administrators all.
func (s *Service) Change(ctx context.Context, c access.Caller, channel parley.ChannelID, change parley.Change) (
	m *parley.Message, changed bool, err error) {
	if err := s.Authorize(ctx, c, access.Write, channel); err != nil {
		return nil, false, err
	}
	if change.Kind != parley.ChangeReact {
		if err := s.mayChange(ctx, c, channel, change.Of); err != nil {
			return nil, false, err
		}
	}
	space := s.spaces.Of(channel)
	if err := space.fits(change.Text, change.Data); err != nil {
		return nil, false, err
	}
	if err := s.allowSend(c, channel); err != nil {
		return nil, false, err
	}
	answer := make(chan parley.Result, 1)
	s.feed.Publish(channel, parley.Draft{User: c.User, Name: c.Name, Change: &change}, func(r parley.Result) { answer <- r })
	var r parley.Result
	select {
	case r = <-answer:
	case <-ctx.Done():
		return nil, false, parley.ErrUnknown
	}
	if r.Err != nil {
		return nil, false, r.Err
	}
	if m = r.Message.Target; r.Unchanged {
		m = &r.Message
	}
	if !s.shows(ctx, c, channel) {
		m = nil
	}
	return m, !r.Unchanged, nil
}

// shows reports whether a response may show a caller more of a message than its receipt.
func (s *Service) shows(ctx context.Context, c access.Caller, channel parley.ChannelID) bool {
	return s.Authorize(ctx, c, access.Read, channel) == nil
}

// mayChange refuses a caller who is neither the author of a message nor an administrator. An
// author never changes, so nothing can happen between this and the change. Only callers who
// could have seen the message learn that it does not exist.
func (s *Service) mayChange(ctx context.Context, c access.Caller, channel parley.ChannelID, id int64) error {
	run, err := s.store.Read(ctx, channel, parley.Cursor{ID: id - 1}, 1)
	if err != nil && !errors.Is(err, parley.ErrTrimmed) {
		return err
	}
	ms := run.Entries
	found := id > 0 && len(ms) == 1 && ms[0].Change == ""
	if found && c.Named() && ms[0].User == c.User {
		return nil
	}
	if denied := s.Authorize(ctx, c, access.Administer, channel); denied != nil && (found || !s.shows(ctx, c, channel)) {
		return denied
	}
	if !found {
		return parley.ErrNoMessage
	}
	return nil
}

// Thread reads a message and a run of its replies, and counts all replies.
func (s *Service) Thread(ctx context.Context, c access.Caller, channel parley.ChannelID, root int64, q parley.ThreadQuery) (
	p Page, replies int64, err error) {
	b, err := s.Bounds(ctx, c, channel)
	if err != nil {
		return Page{}, 0, err
	}
	s.feed.Projected(ctx, channel)
	t, err := s.store.Thread(ctx, channel, root, q)
	if err != nil {
		return Page{}, 0, err
	}
	var ms []parley.Message
	most := s.maxAnswer
	if t.Root != nil {
		ms = append(ms, *t.Root)
		most -= size(t.Root)
	}
	if fit, _ := fitting(t.Replies, most, true); q.After != nil {
		ms = append(ms, t.Replies[:fit]...)
	} else {
		fit, _ = fittingLast(t.Replies, most, true)
		ms = append(ms, t.Replies[len(t.Replies)-fit:]...)
	}
	p, err = s.page(c, b, ms, nil)
	return p, t.Count, err
}

// Reactors lists the users who reacted to a message with an emoji, after the given one, at most
// limit.
func (s *Service) Reactors(ctx context.Context, c access.Caller, channel parley.ChannelID, of int64, emoji string, after parley.UserID,
	limit int) (parley.Reactors, error) {
	if err := s.Authorize(ctx, c, access.Read, channel); err != nil {
		return parley.Reactors{}, err
	}
	r, err := s.store.Reactors(ctx, channel, of, emoji, c.User, after, limit)
	s.limits.ChargeRead(c, len(r.Users)*parley.MaxName/answerUnit)
	return r, err
}
