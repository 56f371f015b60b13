package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// fold reads the rows of a channel, including everything in flight.
func (b *build) fold(h *head) *fold {
	return &fold{channel: h.channel, first: func() int64 { return h.next.first }, row: func(kind byte, id int64) ([]byte, error) {
		v, closer, err := b.get(rowKey(kind, h.channel, id))
		if errors.Is(err, pebble.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		defer closer.Close()
		return append([]byte{}, v...), nil
	}}
}

// target is a message that must be changed, including everything in flight.
type target struct {
	parley.Message
	state  refs
	base   []byte // its own row
	kept   string // fields of a later version that are not content
	stated []byte // its f row, nil if there is none
}

// entry reads an entry of a channel, including everything in flight.
func (b *build) entry(h *head, id int64) (t target, err error) {
	f := b.fold(h)
	if t.base, err = f.row('m', id); err == nil && t.base == nil {
		err = pebble.ErrNotFound
	}
	if err != nil {
		return t, fmt.Errorf("message %d: %w", id, err)
	}
	e, err := decodeMessage(h.channel, id, t.base)
	if err == nil && e.Change == "" {
		if t.stated, err = f.row('f', id); err == nil && t.stated != nil {
			t.state, err = decodeState(t.stated)
		} else {
			t.state = stateOf(&e.Message)
			t.state.replies = e.replies
		}
	}
	if err == nil {
		t.kept = e.kept
		t.Message, err = f.whole(&e, t.stated)
	}
	if err != nil {
		err = fmt.Errorf("message %d: %w", id, err)
	}
	return t, err
}

// target reads a message that must be changed.
func (b *build) target(h *head, id int64) (target, error) {
	if id < h.next.first || id > h.next.last {
		return target{}, parley.ErrNoMessage
	}
	t, err := b.entry(h, id)
	if err == nil && t.Change != "" {
		err = parley.ErrNoMessage
	}
	return t, err
}

// change stores a change as an entry, and the state of the message after it (algorithms.md,
// "Folding": here both are in one batch).
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
	t, err := b.target(h, c.Of)
	if err != nil {
		return parley.Result{}, err
	}
	was := t.Message
	reactor := reactorKey(h.channel, c.Of, was.KindOf(c.Emoji), d.User)
	reacted := false
	if c.Kind == parley.ChangeReact {
		if reacted, err = b.has(reactor); err != nil {
			return parley.Result{}, err
		}
	}
	is, changed, err := c.Apply(was, d.User, reacted)
	if err != nil || !changed {
		return parley.Result{Message: is, Unchanged: true}, err
	}
	n := &h.next
	n.last++
	n.time = max(parley.Timestamp(b.log.cfg.Clock().UnixMicro()), n.time+1)
	e := parley.Message{ID: n.last, Channel: h.channel, User: d.User, Name: d.Name, Time: n.time, Count: n.count,
		Change: c.Kind, Of: c.Of, Target: &is}
	stores := changeOf(e.ID, &was, &is, t.state, c)
	switch {
	case c.Kind == parley.ChangeDelete:
		if err := b.bury(h, &t); err != nil {
			n.last--
			return parley.Result{}, err
		}
	case c.Remove:
		must(b.batch.Delete(reactor, nil))
	case c.Kind == parley.ChangeReact:
		must(b.batch.Set(reactor, nil, nil))
	}
	mentioned, err := b.mention(h, &was, was.Mentions(), is.Mentions())
	if err != nil {
		n.last--
		return parley.Result{}, err
	}
	b.restate(h, &is, &stores.state, t.stated)
	must(b.batch.Set(messageKey(h.channel, e.ID), encodeChange(&e, &stores, ""), nil))
	must(b.batch.Set(rowKey('c', h.channel, c.Of, e.ID), encodeParts(stores.parts), nil))
	b.exist(h)
	return parley.Result{Message: e, Facts: mentions(nil, e.ID, mentioned)}, nil
}

// restate stores a message's new state; was is the row before it. If the message's key is repeated
// in this batch, the new state is found.
func (b *build) restate(h *head, is *parley.Message, s *refs, was []byte) {
	h.cover('f', is.ID, was)
	must(b.batch.Set(rowKey('f', h.channel, is.ID), s.row(), nil))
	if is.Key == "" {
		return
	}
	k := string(senderKey(h.channel, is.User, is.Key))
	if kept := b.keys[k]; kept != nil && kept.ID == is.ID {
		m := *is
		b.keys[k] = &m
	}
}

// rewrite replaces a row of the log.
func (b *build) rewrite(h *head, id int64, was, is []byte) {
	h.cover('m', id, was)
	must(b.batch.Set(messageKey(h.channel, id), is, nil))
}

// bury removes the content of a deleted message from everything that repeats it: its own row,
// earlier changes of it that hold text or data, and its reactions; it also corrects its root's
// count of replies. Reactions in earlier changes are no longer read.
func (b *build) bury(h *head, t *target) error {
	m := &t.Message
	type row struct {
		id      int64
		was, is []byte
	}
	var rows []row
	it, err := b.batch.NewIter(&pebble.IterOptions{LowerBound: rowKey('c', h.channel, m.ID), UpperBound: rowKey('c', h.channel, m.ID+1)})
	if err != nil {
		return err
	}
	var changes []int64
	for ok := it.First(); ok; ok = it.Next() {
		if mayHold(it.Value()) {
			changes = append(changes, messageID(it.Key()))
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return err
	}
	f := b.fold(h)
	for _, id := range changes {
		was, err := f.row('m', id)
		if err != nil || was == nil {
			return fmt.Errorf("change %d: %w", id, cmp.Or(err, pebble.ErrNotFound))
		}
		e, err := decodeMessage(h.channel, id, was)
		if err != nil {
			return fmt.Errorf("change %d: %w", id, err)
		}
		d := e.delta
		if d == nil { // in the older form
			d = &delta{of: e.Of, kind: e.Change, author: m.User, sent: m.Time, state: refs{flags: stateOf(e.Target).flags}}
		}
		d.parts, d.text, d.data, d.reaction = wiped, "", "", parley.Reaction{}
		rows = append(rows, row{id, was, encodeChange(&e.Message, d, e.kept)})
	}
	if m.Thread != 0 {
		if err := b.replies(h, m.Thread, -1); err != nil {
			return err
		}
	}
	if err := b.count(h, m.ID, []parley.UserID{deletions}, 1); err != nil {
		return err
	}
	for _, r := range rows {
		b.rewrite(h, r.id, r.was, r.is)
	}
	must(b.batch.DeleteRange(rowKey('x', h.channel, m.ID), rowKey('x', h.channel, m.ID+1), nil))
	b.rewrite(h, m.ID, t.base, encodeDeleted(m, t.kept))
	return nil
}

// reply finds the message that a draft replies to, and sets the draft's thread to its root.
func (b *build) reply(h *head, d *draft) error {
	if d.Thread == 0 {
		return nil
	}
	m, err := b.target(h, d.Thread)
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

// replies changes the reply count of the message replied to, if it is kept.
func (b *build) replies(h *head, root int64, by int64) error {
	t, err := b.target(h, root)
	if errors.Is(err, parley.ErrNoMessage) {
		return nil
	}
	if err != nil {
		return err
	}
	t.state.replies = max(t.state.replies+by, 0)
	b.restate(h, &t.Message, &t.state, t.stated)
	return nil
}

// mention updates the tallies of mentioned users, and returns the users who were not mentioned
// before.
func (b *build) mention(h *head, m *parley.Message, was, is []parley.UserID) (come []parley.UserID, err error) {
	was, is = counted(m, was), counted(m, is)
	gone := slices.DeleteFunc(slices.Clone(was), func(user parley.UserID) bool { return slices.Contains(is, user) })
	come = slices.DeleteFunc(slices.Clone(is), func(user parley.UserID) bool { return slices.Contains(was, user) })
	if err := b.count(h, m.ID, come, 1); err != nil {
		return nil, err
	}
	return come, b.count(h, m.ID, gone, -1)
}

// derive writes what is derived from a new message: mentions, its place in a thread, and its
// author's membership and read pointer.
func (b *build) derive(h *head, d *draft, m *parley.Message) (facts []parley.Fact) {
	mentioned, err := b.mention(h, m, nil, d.mentions)
	if err != nil {
		b.log.cfg.Logger.Error("a mention was not counted", "channel", string(h.channel), "id", m.ID, "err", err)
	}
	if m.Thread != 0 && m.Thread < m.ID {
		must(b.batch.Set(rowKey('t', h.channel, m.Thread, m.ID), nil, nil))
		if err := b.replies(h, m.Thread, 1); err != nil {
			b.log.cfg.Logger.Error("a reply was not counted", "channel", string(h.channel), "id", m.ID, "err", err)
		}
	}
	if m.User == parley.Guest {
		return mentions(nil, m.ID, mentioned)
	}
	joined, err := b.post(h, m, d.Join)
	if err != nil {
		b.log.cfg.Logger.Error("a read pointer did not move with its author's message", "channel", string(h.channel), "id", m.ID, "err",
			err)
	}
	if joined {
		facts = append(facts, parley.Fact{Kind: parley.FactJoined, User: m.User, ID: m.ID})
	}
	return mentions(facts, m.ID, mentioned)
}

// mentions appends the facts that an entry mentions users.
func mentions(facts []parley.Fact, id int64, users []parley.UserID) []parley.Fact {
	for _, user := range users {
		facts = append(facts, parley.Fact{Kind: parley.FactMentioned, User: user, ID: id})
	}
	return facts
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
