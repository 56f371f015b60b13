package embedded

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/parley-server/parley"
)

// fold assembles messages from the rows that hold their parts (algorithms.md, "Folding"):
//
//	m row of the message   as it was sent
//	f row of the message   its state now ──names──▶ m rows of changes, each with the part it set
//	m row of a change      its own part, and the message's state after it ──names──▶ the same
//
// So the current message, and each change with the message after it, is read from a bounded number of
// rows, however often the message was changed. A fold is for one call and remembers what it has read.
type fold struct {
	channel parley.ChannelID
	first   func() int64                              // the first id that is kept
	row     func(kind byte, id int64) ([]byte, error) // a copy; nil if there is none

	bases  map[int64]*parley.Message
	deltas map[int64]*delta
}

// entry is a decoded row of the log: a message as sent or in an older form, or a change.
type entry struct {
	parley.Message
	kept    string // fields of a later version that are not content: see entryFields
	delta   *delta // for a change that is not in the older form
	replies int64  // for a message in an older form without an f row
}

// whole returns an entry as the log returns it. state is the message's f row, or nil.
func (f *fold) whole(e *entry, state []byte) (parley.Message, error) {
	switch {
	case e.delta != nil:
		return f.change(e)
	case e.Change != "":
		return f.older(e)
	case state == nil:
		return e.Message, nil
	}
	s, err := decodeState(state)
	if err != nil {
		return parley.Message{}, fmt.Errorf("state of message %d: %w", e.ID, err)
	}
	return f.message(&e.Message, &s)
}

// change returns a change with the message after it, without content if the message was deleted
// since or is no longer kept.
func (f *fold) change(e *entry) (parley.Message, error) {
	d := e.delta
	m := e.Message
	m.Change, m.Of = d.kind, d.of
	base, err := f.base(d.of)
	if err != nil {
		return m, err
	}
	if base == nil {
		m.Target = &parley.Message{ID: d.of, Channel: f.channel, User: d.author, Time: d.sent, Deleted: true}
		return m, nil
	}
	f.remember(e.ID, d)
	target, err := f.message(base, &d.state)
	m.Target = &target
	return m, err
}

// older returns a change in the older form, whose message may have been deleted since.
func (f *fold) older(e *entry) (parley.Message, error) {
	m := e.Message
	if base, err := f.base(m.Of); err != nil || base == nil || !base.Deleted {
		return m, err
	}
	gone := m.Target.Tombstone()
	m.Target = &gone
	return m, nil
}

// message returns a message in a state.
func (f *fold) message(base *parley.Message, s *refs) (parley.Message, error) {
	m := *base
	m.Edited = s.flags&edited != 0
	if base.Deleted || s.flags&deleted != 0 {
		return m.Tombstone(), nil
	}
	part := func(at int64) (*delta, error) {
		d, err := f.delta(at)
		if err == nil && d.parts&wiped != 0 {
			m.Deleted = true // since the state was read
		}
		return d, err
	}
	if s.text != 0 {
		d, err := part(s.text)
		if err != nil {
			return m, err
		}
		m.Text = d.text
	}
	if s.data != 0 {
		d, err := part(s.data)
		if err != nil {
			return m, err
		}
		m.Data = nil
		if d.data != "" {
			m.Data = json.RawMessage(d.data)
		}
	}
	m.Reactions = nil
	for _, k := range s.kinds {
		switch {
		case k.at != 0:
			d, err := part(k.at)
			if err != nil {
				return m, err
			}
			m.Reactions = append(m.Reactions, d.reaction)
		case k.index < int64(len(base.Reactions)):
			m.Reactions = append(m.Reactions, base.Reactions[k.index])
		default:
			return m, errCodec
		}
	}
	if m.Deleted {
		return m.Tombstone(), nil
	}
	return m, nil
}

// base returns a message as stored in its own row, including whether it was deleted; nil if it is
// not kept.
func (f *fold) base(id int64) (*parley.Message, error) {
	if m := f.bases[id]; m != nil {
		return m, nil
	}
	if id < f.first() {
		return nil, nil
	}
	e, err := f.read(id)
	if err != nil || e == nil {
		return nil, err
	}
	if f.bases == nil {
		f.bases = map[int64]*parley.Message{}
	}
	f.bases[id] = &e.Message
	return &e.Message, nil
}

func (f *fold) delta(id int64) (*delta, error) {
	if d := f.deltas[id]; d != nil {
		return d, nil
	}
	e, err := f.read(id)
	if err == nil && (e == nil || e.delta == nil) {
		err = fmt.Errorf("change %d is missing in the store", id)
	}
	if err != nil {
		return nil, err
	}
	f.remember(id, e.delta)
	return e.delta, nil
}

func (f *fold) remember(id int64, d *delta) {
	if f.deltas == nil {
		f.deltas = map[int64]*delta{}
	}
	f.deltas[id] = d
}

// read reads an entry; nil if it was trimmed in the meantime.
func (f *fold) read(id int64) (*entry, error) {
	b, err := f.row('m', id)
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", id, err)
	}
	if b == nil {
		if id < f.first() {
			return nil, nil
		}
		return nil, fmt.Errorf("message %d is missing in the store", id)
	}
	e, err := decodeMessage(f.channel, id, b)
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", id, err)
	}
	return &e, nil
}

// changeOf returns the effect of a draft's change on a message, from was to is; id is the id of the change.
func changeOf(id int64, was, is *parley.Message, s refs, c *parley.Change) delta {
	d := delta{of: was.ID, kind: c.Kind, author: was.User, sent: was.Time, state: s}
	n := &d.state // encode omits what only the message's own row says
	n.kinds = slices.Clone(s.kinds)
	switch c.Kind {
	case parley.ChangeDelete:
		n.flags |= deleted
		n.text, n.data, n.kinds = 0, 0, nil
	case parley.ChangeEdit:
		n.flags |= edited
		if is.Text != was.Text {
			d.parts |= hasText
			d.text, n.text = is.Text, id
		}
		if string(is.Data) != string(was.Data) {
			d.parts |= hasData
			d.data, n.data = string(is.Data), id
		}
	default:
		switch i, k := was.Kind(c.Emoji), is.Kind(c.Emoji); {
		case k < 0:
			n.kinds = slices.Delete(n.kinds, i, i+1)
		case i < 0:
			n.kinds = append(n.kinds, kindRef{at: id})
		default:
			n.kinds[i] = kindRef{at: id}
		}
		if k := is.Kind(c.Emoji); k >= 0 {
			d.parts |= hasReaction
			d.reaction = is.Reactions[k]
		}
	}
	return d
}
