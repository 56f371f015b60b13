package cassandra

import (
	"context"
	"fmt"

	"github.com/parley-server/parley"
)

// appendChange stores a change, computed from the message as all entries up to the head leave it: the batch is refused if
// the head has moved, and then the change is computed again.
func (s *Store) appendChange(channel parley.ChannelID, d *parley.Draft) parley.Result {
	for try := range maxConflict {
		ctx, cancel := context.WithTimeout(context.Background(), batchTime)
		r, lost, err := s.changeOnce(ctx, channel, d, try > 0)
		cancel()
		switch {
		case err != nil:
			return parley.Result{Err: err}
		case !lost:
			return r
		}
		backOff(try)
	}
	return parley.Result{Err: fmt.Errorf("%w: other nodes append to the channel all the time", parley.ErrUnavailable)}
}

// changeOnce makes one attempt. That nothing must be stored is only certain with a fresh head: until then
// the attempt is lost.
func (s *Store) changeOnce(ctx context.Context, channel parley.ChannelID, d *parley.Draft, fresh bool) (
	r parley.Result, lost bool, err error) {
	h, ok := s.known(channel)
	if fresh || !ok {
		fresh = true
		if h, err = s.freshHead(ctx, channel); err != nil {
			return r, false, unavailable(err)
		}
	}
	made, err := s.make(ctx, channel, h, d)
	switch {
	case err != nil:
		return r, false, unavailable(err)
	case made.err != nil || !made.changed:
		return parley.Result{Message: made.target, Unchanged: made.err == nil, Err: made.err}, !fresh, nil
	}
	m := parley.Message{ID: h.id + 1, Channel: channel, User: d.User, Name: d.Name, Time: max(s.now(), h.time+1), Count: h.count,
		Change: d.Change.Kind, Of: d.Change.Of, Target: &made.target}
	b := batch{channel: channel, bucket: s.bucketOf(m.ID), from: h, is: head{m.ID, m.Count, m.Time, m.ID}}
	b.add(m, made.extra.bytes())
	applied, err := s.send(ctx, &b)
	if err != nil || !applied {
		return r, true, err
	}
	// Until it is folded, readers fold it.
	if s.foldChange(ctx, &row{m, made.extra}) == nil {
		_ = s.raise(ctx, channel, "folded", m.ID)
	}
	return parley.Result{Message: m}, false, nil
}

// made is the result of a change to a message.
type made struct {
	target  parley.Message
	changed bool
	extra   extra
	err     error // of the change
}

func (s *Store) make(ctx context.Context, channel parley.ChannelID, h head, d *parley.Draft) (is made, err error) {
	c, err := s.channel(ctx, channel)
	if err != nil {
		return is, err
	}
	change := *d.Change
	if change.Of < c.floor || change.Of > h.id {
		is.err = parley.ErrNoMessage
		return is, nil
	}
	if c.folded < h.changed {
		if err := s.fold(ctx, channel, max(c.folded, c.floor-1), h.changed); err != nil {
			return is, err
		}
	}
	ms, states, err := s.windowStates(ctx, channel, &view{c, h}, change.Of, change.Of, 1)
	if err != nil {
		return is, err
	}
	if len(ms) == 0 || ms[0].Change != "" {
		is.err = parley.ErrNoMessage
		return is, nil
	}
	was := ms[0]
	change.Emoji = was.KindOf(change.Emoji)
	reacted := false
	switch change.Kind {
	case parley.ChangeReact:
		is.extra = extra{emoji: change.Emoji, remove: change.Remove}
		if reacted, err = s.reacted(ctx, channel, change.Of, change.Emoji, d.User); err != nil {
			return is, err
		}
	default:
		is.extra.had = was.Mentions()
	}
	is.extra.prev = states[change.Of].v
	if is.target, is.changed, is.err = change.Apply(was, d.User, reacted); is.err == nil {
		is.target, err = messageOf(channel, bodyOf(&is.target)) // it shares nothing with the draft
	}
	return is, err
}

// fold writes the effects of the changes among the entries from+1…to on their messages.
func (s *Store) fold(ctx context.Context, channel parley.ChannelID, from, to int64) error {
	for from < to {
		rs, err := s.rows(ctx, channel, from+1, to, maxRun)
		if err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		if len(rs) == 0 { // retention took them away since
			break
		}
		err = each(len(rs), func(i int) error {
			if rs[i].Change == "" {
				return nil
			}
			return s.foldChange(ctx, &rs[i])
		})
		if err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		from = rs[len(rs)-1].ID
	}
	return s.raise(ctx, channel, "folded", to)
}

// foldChange writes the effect of a change on its message. The timestamps let the newest change win in any
// order.
func (s *Store) foldChange(ctx context.Context, r *row) error {
	channel := string(r.Channel)
	err := s.write(ctx, `INSERT INTO now (channel, bucket, target, v, state) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`, channel,
		s.bucketOf(r.Of), r.Of, r.ID, bodyOf(r.Target), r.ID)
	switch {
	case err != nil:
		return err
	case r.Change == parley.ChangeDelete:
		return s.write(ctx, `DELETE FROM reactors USING TIMESTAMP ? WHERE channel = ? AND target = ?`, r.ID, channel, r.Of)
	case r.Change != parley.ChangeReact || r.emoji == "": // a restored one: its message came with all who reacted
		return nil
	case r.remove:
		return s.write(ctx, `DELETE FROM reactors USING TIMESTAMP ? WHERE channel = ? AND target = ? AND emoji = ? AND user = ?`, r.ID,
			channel, r.Of, r.emoji, string(r.User))
	}
	return s.write(ctx, `INSERT INTO reactors (channel, target, emoji, user) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`, channel, r.Of, r.emoji,
		string(r.User), r.ID)
}

func (s *Store) reacted(ctx context.Context, channel parley.ChannelID, of int64, emoji string, user parley.UserID) (bool, error) {
	var is string
	return one(ctx, s.read(`SELECT user FROM reactors WHERE channel = ? AND target = ? AND emoji = ? AND user = ?`, string(channel), of, emoji,
		string(user)), &is)
}

// Reactors implements parley.Reactions.
func (s *Store) Reactors(ctx context.Context, channel parley.ChannelID, of int64, emoji string, user, after parley.UserID, limit int) (
	r parley.Reactors, err error) {
	err = s.in(ctx, func() error {
		m, err := s.current(ctx, channel, of)
		if err != nil {
			return err
		}
		if m == nil {
			return parley.ErrNoMessage
		}
		i := m.Kind(emoji)
		if i < 0 {
			return nil
		}
		emoji := m.Reactions[i].Emoji
		r.Count = m.Reactions[i].Count
		if r.Mine, err = s.reacted(ctx, channel, of, emoji, user); err != nil {
			return err
		}
		rs := s.read(`SELECT user FROM reactors WHERE channel = ? AND target = ? AND emoji = ? AND user > ? LIMIT ?`, string(channel), of, emoji,
			string(after), limit+1).IterContext(ctx)
		for name := ""; rs.Scan(&name); {
			r.Users = append(r.Users, parley.UserID(name))
		}
		if r.More = len(r.Users) > limit; r.More {
			r.Users = r.Users[:limit]
		}
		return rs.Close()
	}, "who reacted to message %d of %s", of, channel)
	if err != nil {
		return parley.Reactors{}, err
	}
	return r, nil
}
