package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"parley"

	"github.com/cockroachdb/pebble/v2"
)

// entry reads an entry of a channel with all that is in flight, and its row.
func (b *build) entry(h *head, id int64) (parley.Message, []byte, error) {
	v, closer, err := b.get(messageKey(h.channel, id))
	if err != nil {
		return parley.Message{}, nil, fmt.Errorf("message %d: %w", id, err)
	}
	defer closer.Close()
	row := append([]byte(nil), v...)
	m, err := decodeMessage(h.channel, id, row)
	return m, row, err
}

// target reads a message that is to be changed.
func (b *build) target(h *head, id int64) (parley.Message, []byte, error) {
	if id < h.next.first || id > h.next.last {
		return parley.Message{}, nil, parley.ErrNoMessage
	}
	m, row, err := b.entry(h, id)
	if err == nil && m.Change != "" {
		err = parley.ErrNoMessage
	}
	return m, row, err
}

// change stores a change as an entry, and the message as it is then in the row where
// it was (algorithms.md, "Folding": here both are one batch).
func (b *build) change(h *head, d *draft) parley.Result {
	r, err := b.tryChange(h, d)
	if err != nil && !isChangeError(err) {
		err = fmt.Errorf("%w: %w", parley.ErrUnavailable, err)
	}
	r.Err = err
	return r
}

func isChangeError(err error) bool {
	for _, own := range []error{parley.ErrNoMessage, parley.ErrDeleted, parley.ErrEmpty, parley.ErrFull} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

func (b *build) tryChange(h *head, d *draft) (parley.Result, error) {
	c := d.Change
	was, row, err := b.target(h, c.Of)
	if err != nil {
		return parley.Result{}, err
	}
	reactor := reactorKey(h.channel, c.Of, was.KindOf(c.Emoji), d.User)
	reacted := false
	if c.Kind == parley.React {
		if reacted, err = b.has(reactor); err != nil {
			return parley.Result{}, err
		}
	}
	is, changed, err := c.Apply(was, d.User, reacted)
	if err != nil || !changed {
		return parley.Result{Message: is, Unchanged: true}, err
	}
	switch {
	case c.Kind == parley.Delete:
		if err := b.bury(h, &was); err != nil {
			return parley.Result{}, err
		}
	case c.Remove:
		must(b.batch.Delete(reactor, nil))
	case c.Kind == parley.React:
		must(b.batch.Set(reactor, nil, nil))
	}
	b.mention(h, &was, was.Mentions(), is.Mentions())
	b.rewrite(h, &is, row)

	n := &h.next
	n.last++
	n.time = max(parley.Timestamp(b.log.cfg.Clock().UnixMicro()), n.time+1)
	e := parley.Message{ID: n.last, Channel: h.channel, User: d.User, Name: d.Name, Time: n.time, Count: n.count,
		Change: c.Kind, Of: c.Of, Target: &is}
	must(b.batch.Set(messageKey(h.channel, e.ID), encodeEntry(&e), nil))
	must(b.batch.Set(rowKey('c', h.channel, c.Of, e.ID), nil, nil))
	b.exist(h)
	return parley.Result{Message: e}, nil
}

// rewrite puts an entry as it is now where it was; row is what it was.
func (b *build) rewrite(h *head, m *parley.Message, row []byte) {
	h.cover(m.ID, row)
	must(b.batch.Set(messageKey(h.channel, m.ID), encodeEntry(m), nil))
	if m.Key != "" && b.keys != nil {
		if k := string(senderKey(h.channel, m.User, m.Key)); b.keys[k].ID == m.ID {
			b.keys[k] = *m
		}
	}
}

// bury takes the content of a message that is deleted out of everything that repeats
// it: earlier changes of it, its reactions, the count of its root's replies.
func (b *build) bury(h *head, m *parley.Message) error {
	must(b.batch.Set(rowKey('d', h.channel, m.ID), nil, nil))
	must(b.batch.DeleteRange(rowKey('x', h.channel, m.ID), rowKey('x', h.channel, m.ID+1), nil))
	if m.Thread != 0 {
		if err := b.replies(h, m.Thread, -1); err != nil {
			return err
		}
	}
	var changes []int64
	it, err := b.batch.NewIter(&pebble.IterOptions{LowerBound: rowKey('c', h.channel, m.ID), UpperBound: rowKey('c', h.channel, m.ID+1)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		changes = append(changes, messageID(it.Key()))
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return err
	}
	for _, id := range changes {
		e, row, err := b.entry(h, id)
		if err != nil {
			return err
		}
		gone := e.Target.Tombstone()
		e.Target = &gone
		b.rewrite(h, &e, row)
	}
	return nil
}

// reply finds the message to which a draft replies, and makes it the root of that thread.
func (b *build) reply(h *head, d *draft) error {
	if d.Thread == 0 {
		return nil
	}
	m, _, err := b.target(h, d.Thread)
	switch {
	case errors.Is(err, parley.ErrNoMessage):
		return parley.ErrNoThread
	case err != nil:
		return fmt.Errorf("%w: %w", parley.ErrUnavailable, err)
	case m.Thread != 0:
		d.Thread = m.Thread
		d.body = appendBody(nil, &d.Draft)
	}
	return nil
}

// replies counts a reply more or less at the message it replies to, if that is kept.
func (b *build) replies(h *head, root int64, by int64) error {
	m, row, err := b.target(h, root)
	if errors.Is(err, parley.ErrNoMessage) {
		return nil
	}
	if err != nil {
		return err
	}
	m.Replies = max(m.Replies+by, 0)
	b.rewrite(h, &m, row)
	return nil
}

// mention changes whom a message mentions.
func (b *build) mention(h *head, m *parley.Message, was, is []parley.UserID) {
	for _, user := range was {
		if !slices.Contains(is, user) {
			must(b.batch.Delete(mentionKey(h.channel, user, m.ID), nil))
		}
	}
	for _, user := range is {
		if user != m.User && !slices.Contains(was, user) {
			must(b.batch.Set(mentionKey(h.channel, user, m.ID), []byte(m.User), nil))
		}
	}
}

// derive writes what follows from a new message: mentions, its place in a thread, and
// its author's membership and read pointer.
func (b *build) derive(h *head, d *draft, m *parley.Message) (joined bool) {
	b.mention(h, m, nil, d.mentions)
	if m.Thread != 0 && m.Thread < m.ID {
		must(b.batch.Set(rowKey('t', h.channel, m.Thread, m.ID), nil, nil))
		if err := b.replies(h, m.Thread, 1); err != nil {
			b.log.cfg.Logger.Error("a reply was not counted", "channel", string(h.channel), "id", m.ID, "err", err)
		}
	}
	if m.User == parley.Guest {
		return false
	}
	joined, err := b.post(h, m, d.Join)
	if err != nil {
		b.log.cfg.Logger.Error("a read pointer did not move with its author's message", "channel", string(h.channel), "id", m.ID, "err", err)
	}
	return joined
}

func (b *build) has(key []byte) (bool, error) {
	_, closer, err := b.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		closer.Close()
	}
	return err == nil, err
}

// pointer is a read pointer: an id and the count of the entry there, which never changes.
type pointer struct{ id, count int64 }

func (p pointer) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(p.id)), uint64(p.count))
}

func decodePointer(b []byte) (pointer, error) {
	if len(b) != 16 {
		return pointer{}, errCodec
	}
	return pointer{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}, nil
}
