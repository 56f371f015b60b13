package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
	"github.com/parley-server/parley/internal/codec"
)

// maxRebuilt is how often a change is rebuilt because its message has changed in the meantime.
const maxRebuilt = 50

// change stores a change: it reads the message with the id of its last change, and the script refuses a change of an older
// state.
func (s *Store) change(ctx context.Context, channel parley.ChannelID, d *parley.Draft) (parley.Result, error) {
	for try := range maxRebuilt {
		found, epoch, err := s.get(ctx, channel, d.Change.Of)
		if err != nil {
			return parley.Result{}, nothingStored(err)
		}
		was := found[0]
		if was.Message == nil || was.Of != 0 {
			return parley.Result{}, parley.ErrNoMessage
		}
		change := *d.Change
		change.Emoji = was.KindOf(change.Emoji)
		reaction := ""
		reacted := false
		if change.Kind == parley.ChangeReact {
			reaction = change.Emoji + "\x00" + string(d.User)
			if reacted, err = s.reacted(ctx, channel, change.Of, reaction); err != nil {
				return parley.Result{}, nothingStored(err)
			}
		}
		is, changed, err := change.Apply(*was.Message, d.User, reacted)
		if err != nil {
			return parley.Result{}, err
		}
		if !changed {
			return parley.Result{Message: is, Epoch: epoch, Unchanged: true}, nil
		}
		state := bodyOf(&is)
		is, err = codec.DecodeMessage(channel, state) // it shares nothing with the draft
		if err != nil {
			return parley.Result{}, err
		}
		left, tombstone := "", is.Tombstone()
		if change.Kind == parley.ChangeDelete {
			left = bodyOf(&tombstone)
		}
		m := parley.Message{User: d.User, Name: d.Name, Change: change.Kind, Of: change.Of, Target: &tombstone}
		author, names := "?", ""
		if change.Kind == parley.ChangeEdit {
			author, names = string(is.User), namesIn(&is)
		}
		a, epoch, err := s.storeChange(ctx, channel, strconv.FormatInt(change.Of, 10), was.version, bodyOf(&m),
			state, left, reaction, flag(change.Remove), author, names)
		switch {
		case err != nil:
			return parley.Result{}, err
		case len(a.exceptions) == 0:
			m.ID, m.Channel, m.Time, m.Count, m.Target = a.last, channel, a.time, a.count, &is
			r := parley.Result{Message: m, Epoch: epoch, Derived: true}
			if change.Kind == parley.ChangeEdit {
				r.Facts = mentioned(&is, was.Mentions(), m.ID)
			}
			return r, nil
		case a.exceptions[0].status == excNoMessage:
			return parley.Result{}, parley.ErrNoMessage
		}
		if try > 2 {
			backoff.Wait(ctx, 0)
		}
	}
	return parley.Result{}, fmt.Errorf("%w: others change message %d all the time", parley.ErrUnavailable, d.Change.Of)
}

// storeChange calls lua/change.lua.
func (s *Store) storeChange(ctx context.Context, channel parley.ChannelID, args ...string) (a answer, epoch string, err error) {
	if err = s.turns.take(ctx, channel); err != nil {
		return a, "", fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}
	defer s.turns.give(channel)
	args = append([]string{s.node, s.nextNumber()}, args...)
	m, epoch, err := s.resend(ctx, call{script: changeScript, channel: channel, args: args, waits: true})
	if err != nil {
		return a, "", err
	}
	text, err := m.ToString()
	if err == nil {
		a, err = answerOf(text)
	}
	if err != nil {
		return a, "", fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}
	return a, epoch, nil
}

// nothingStored is the error of a call before anything was stored.
func nothingStored(err error) error {
	if errors.Is(err, parley.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", parley.ErrUnavailable, err)
}

// reactions is the key of the users who reacted to a message.
func (s *Store) reactions(channel parley.ChannelID, of int64) string {
	return s.of(channel) + "r:" + strconv.FormatInt(of, 10)
}

func (s *Store) reacted(ctx context.Context, channel parley.ChannelID, of int64, reaction string) (bool, error) {
	err := s.do(ctx, s.client.B().Zscore().Key(s.reactions(channel, of)).Member(reaction).Build()).Error()
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	return err == nil, err
}

// Reactors implements parley.Reactions.
func (s *Store) Reactors(ctx context.Context, channel parley.ChannelID, of int64, emoji string, user, after parley.UserID, limit int) (
	r parley.Reactors, err error) {
	found, _, err := s.get(ctx, channel, of)
	if err != nil {
		return r, fmt.Errorf("who reacted to message %d of %s: %w", of, channel, err)
	}
	m := found[0].Message
	if m == nil || m.Change != "" {
		return r, fmt.Errorf("who reacted to message %d of %s: %w", of, channel, parley.ErrNoMessage)
	}
	i := m.Kind(emoji)
	if i < 0 {
		return r, nil
	}
	emoji = m.Reactions[i].Emoji
	r.Count = m.Reactions[i].Count
	from := emoji + "\x00"
	if r.Mine, err = s.reacted(ctx, channel, of, from+string(user)); err == nil {
		var names []string
		low := "[" + from
		if after != "" {
			low = "(" + from + string(after)
		}
		page := s.client.B().Zrangebylex().Key(s.reactions(channel, of)).Min(low).Max("("+emoji+"\x01").Limit(0, int64(limit)+1).Build()
		if names, err = s.do(ctx, page).AsStrSlice(); err == nil {
			r.More = len(names) > limit
			for _, name := range names[:min(limit, len(names))] {
				r.Users = append(r.Users, parley.UserID(name[len(from):]))
			}
		}
	}
	if err != nil {
		return parley.Reactors{}, fmt.Errorf("who reacted to message %d of %s: %w", of, channel, err)
	}
	return r, nil
}
