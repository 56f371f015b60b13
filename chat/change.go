package chat

import (
	"context"

	"parley"
)

// Change edits, deletes or reacts to a message, and returns the entry that says so, or
// with Unchanged the message if there was nothing to change. A caller edits and deletes
// their own messages, an administrator all.
func (s *Service) Change(ctx context.Context, c Caller, channel parley.ChannelID, change parley.Change) (parley.Result, error) {
	if err := s.Authorize(ctx, c, Write, channel); err != nil {
		return parley.Result{}, err
	}
	if change.Kind != parley.React {
		if err := s.mayChange(ctx, c, channel, change.Of); err != nil {
			return parley.Result{}, err
		}
	}
	space := s.spaces.Of(channel)
	if err := space.fits(change.Text, change.Data); err != nil {
		return parley.Result{}, err
	}
	if err := s.spend(c, channel); err != nil {
		return parley.Result{}, err
	}
	answer := make(chan parley.Result, 1)
	s.hub.Publish(channel, parley.Draft{User: c.User, Name: c.Name, Change: &change}, func(r parley.Result) { answer <- r })
	select {
	case r := <-answer:
		return r, r.Err
	case <-ctx.Done():
		return parley.Result{}, parley.ErrUnknown
	}
}

// mayChange refuses who is neither the author of a message nor an administrator. An
// author never changes, so nothing can happen between this and the change.
func (s *Service) mayChange(ctx context.Context, c Caller, channel parley.ChannelID, id int64) error {
	before := id + 1
	page, err := s.History(ctx, c, channel, Query{Before: &before, Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Messages) == 0 || page.Messages[0].ID != id || page.Messages[0].Change != "" {
		return parley.ErrNoMessage
	}
	if c.Named() && page.Messages[0].User == c.User {
		return nil
	}
	return s.Authorize(ctx, c, Administer, channel)
}

// Thread reads a message and its replies, those after an id.
func (s *Service) Thread(ctx context.Context, c Caller, channel parley.ChannelID, root, after int64, limit int) (Page, error) {
	b, err := s.Bounds(ctx, c, channel)
	if err != nil {
		return Page{}, err
	}
	ms, err := s.store.Thread(ctx, channel, root, after, limit)
	return s.page(c, b, ms, err)
}
