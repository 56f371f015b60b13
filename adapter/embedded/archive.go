package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-server/parley"
)

var _ parley.Archive = (*Log)(nil)

// EachChannel implements parley.Archive. The record of a removed channel remains.
func (l *Log) EachChannel(ctx context.Context, do func(parley.ChannelID, bool) error) error {
	exists := map[parley.ChannelID]bool{}
	var names []parley.ChannelID
	err := l.inside(ctx, func() error {
		for _, kind := range []byte("hs") {
			it, err := l.names(kind, "")
			if err != nil {
				return err
			}
			for ok := it.First(); ok; ok = it.Next() {
				name, is := parley.ChannelID(it.Key()[1:]), kind == 's'
				if kind == 'h' {
					r, err := decodeRecord(it.Value())
					if err != nil {
						return errors.Join(fmt.Errorf("record of %s: %w", name, err), it.Close())
					}
					is = r.exists
				}
				was, known := exists[name]
				if exists[name] = was || is; !known {
					names = append(names, name)
				}
			}
			if err := errors.Join(it.Error(), it.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list all channels: %w", err)
	}
	for _, name := range names {
		if err := do(name, exists[name]); err != nil {
			return err
		}
	}
	return nil
}

// EachPlace implements parley.Archive.
func (l *Log) EachPlace(ctx context.Context, channel parley.ChannelID, do func(parley.Member) error) error {
	var all []parley.Member
	err := l.inside(ctx, func() error {
		from, to := span('p', channel)
		it, err := l.db.rowsOf(from, to)
		if err != nil {
			return err
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			m, err := member(l.getter(), channel, parley.UserID(it.Key()[len(from):]))
			if err != nil {
				return err
			}
			all = append(all, m)
		}
		return it.Error()
	})
	if err != nil {
		return fmt.Errorf("places in %s: %w", channel, err)
	}
	for _, m := range all {
		if err := do(m); err != nil {
			return err
		}
	}
	return nil
}

// EachRevocation implements parley.Archive.
func (l *Log) EachRevocation(ctx context.Context, do func(parley.UserID, parley.Timestamp) error) error {
	var users []parley.UserID
	err := l.inside(ctx, func() error {
		it, err := l.names('v', "")
		if err != nil {
			return err
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			users = append(users, parley.UserID(it.Key()[1:]))
		}
		return it.Error()
	})
	if err != nil {
		return fmt.Errorf("list revocations: %w", err)
	}
	for _, user := range users {
		until, err := l.Revoked(ctx, user)
		if err == nil {
			err = do(user, until)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Restore implements parley.Archive. It shares its sync with appends.
func (l *Log) Restore(ctx context.Context, channel parley.ChannelID, at parley.Origin, entries []parley.Message) error {
	size := 0
	for i := range entries {
		size += len(entries[i].Text) + len(entries[i].Data) + 256
	}
	err := l.submit(ctx, &request{channel: channel, size: size, do: func(b *build) error {
		if err := l.refusal(false); err != nil {
			return err
		}
		h, err := b.head(channel)
		if err != nil {
			return err
		}
		return b.restore(h, at, entries)
	}})
	if err != nil {
		return fmt.Errorf("restore %s: %w", channel, err)
	}
	return nil
}

func (b *build) restore(h *head, at parley.Origin, entries []parley.Message) error {
	if n := &h.next; n.last == 0 && at.ID > 0 {
		n.first, n.last, n.count, n.time, n.before = at.ID+1, at.ID, at.Count, at.Time, at.Count
		h.raise(n.first, n.before)
		b.saveRecord(h)
	}
	for i := range entries {
		m := &entries[i]
		switch {
		case m.ID <= h.next.last:
			continue
		case m.ID > h.next.last+1:
			return parley.ErrGap
		}
		was := h.next
		h.next.last, h.next.count, h.next.time = m.ID, m.Count, m.Time
		err := b.restoreEntry(h, m)
		if err != nil {
			h.next = was
			return fmt.Errorf("entry %d: %w", m.ID, err)
		}
		b.exist(h)
	}
	return nil
}

func (b *build) restoreEntry(h *head, m *parley.Message) error {
	if m.Change != "" {
		return b.restoreChange(h, m)
	}
	return b.restoreMessage(h, m)
}

// restoreMessage stores a message in its final state, after all changes, but without its reactions, which are in the
// changes that follow.
func (b *build) restoreMessage(h *head, m *parley.Message) error {
	tallied := counted(m, m.Mentions())
	if m.Deleted {
		tallied = []parley.UserID{deletions}
	}
	if err := b.count(h, m.ID, tallied, 1); err != nil {
		return err
	}
	if m.Thread != 0 && m.Thread < m.ID {
		must(b.batch.Set(rowKey('t', h.channel, m.Thread, m.ID), nil, nil))
		if !m.Deleted {
			if err := b.replies(h, m.Thread, 1); err != nil {
				return err
			}
		}
	}
	if m.Key != "" {
		must(b.batch.Set(senderKey(h.channel, m.User, m.Key), encodeID(m.ID), nil))
	}
	for _, r := range m.Reactions {
		for _, user := range r.Users {
			must(b.batch.Set(reactorKey(h.channel, m.ID, r.Emoji, user), nil, nil))
		}
	}
	row := append(make([]byte, prefixSize, prefixSize+len(m.Text)+len(m.Data)+256), appendBody(nil, messageBody(m))...)
	putPrefix(row, m.Time, m.Count)
	if m.Deleted {
		row = encodeDeleted(m, "")
	}
	must(b.batch.Set(messageKey(h.channel, m.ID), row, nil))
	return nil
}

// restoreChange stores a change by its effect on the message: it consists of the differences from the state
// before it.
func (b *build) restoreChange(h *head, m *parley.Message) error {
	if m.Target == nil {
		return errCodec
	}
	d := delta{of: m.Of, kind: m.Change, author: m.Target.User, sent: m.Target.Time, parts: wiped}
	t, err := b.target(h, m.Of)
	switch {
	case errors.Is(err, parley.ErrNoMessage): // the message is no longer kept
	case err != nil:
		return err
	default:
		d.state = t.state
		if d.state.flags = 0; m.Target.Edited {
			d.state.flags = edited
		}
		if t.Deleted {
			d.state.text, d.state.data, d.state.kinds = 0, 0, nil
			if m.Change == parley.ChangeDelete {
				d.state.flags |= deleted
			}
		} else if err := d.differ(m.ID, &t.Message, m.Target); err != nil {
			return err
		}
		b.restate(h, m.Target, &d.state, t.stated)
	}
	must(b.batch.Set(messageKey(h.channel, m.ID), encodeChange(m, &d, ""), nil))
	must(b.batch.Set(rowKey('c', h.channel, m.Of, m.ID), encodeParts(d.parts), nil))
	return nil
}

// differ stores in the change the differences between was and is.
func (d *delta) differ(id int64, was, is *parley.Message) error {
	d.parts = 0
	kinds := d.state.kinds
	d.state.kinds = nil
	if is.Text != was.Text {
		d.parts |= hasText
		d.text, d.state.text = is.Text, id
	}
	if string(is.Data) != string(was.Data) {
		d.parts |= hasData
		d.data, d.state.data = string(is.Data), id
	}
	for _, r := range is.Reactions {
		if i := was.Kind(r.Emoji); i >= 0 && i < len(kinds) && sameReaction(&was.Reactions[i], &r) {
			d.state.kinds = append(d.state.kinds, kinds[i])
			continue
		}
		if d.parts&hasReaction != 0 {
			return fmt.Errorf("%w: a change changes two kinds of reactions", errCodec)
		}
		d.parts |= hasReaction
		d.reaction = r
		d.state.kinds = append(d.state.kinds, kindRef{at: id})
	}
	return nil
}

func sameReaction(a, b *parley.Reaction) bool {
	return a.Emoji == b.Emoji && a.Count == b.Count && slices.Equal(a.Users, b.Users)
}

// RestorePlace implements parley.Archive.
func (l *Log) RestorePlace(ctx context.Context, channel parley.ChannelID, m parley.Member) error {
	err := l.submit(ctx, &request{size: 128, do: func(b *build) error {
		h, err := b.head(channel)
		if err != nil {
			return err
		}
		delete(l.members, memberRef{channel, m.User})
		if !m.Role.In() {
			b.expel(channel, m.User, m.Role)
			return nil
		}
		b.admit(channel, m.User, memberRecord{m.Role, m.Joined, m.Mute})
		must(b.batch.Set(pointerKey(channel, m.User), pointer{m.ReadID, m.ReadCount}.encode(), nil))
		if h.next.exists {
			return nil
		}
		_, found, err := row(b.getter(), settingsKey(channel), func(b []byte) ([]byte, error) { return b, nil })
		if err != nil || found {
			return err
		}
		return b.configure(h)
	}})
	if err != nil {
		return fmt.Errorf("restore the place of %s in %s: %w", m.User, channel, err)
	}
	return nil
}
