package parley

import (
	"bytes"
	"encoding/json"
	"slices"
)

// ChangeKind is what a change does to a message.
type ChangeKind string

// The kinds of changes.
const (
	ChangeEdit   ChangeKind = "edit"
	ChangeDelete ChangeKind = "delete"
	ChangeReact  ChangeKind = "reaction"
)

// Change is what a draft does to an earlier message of its channel.
type Change struct {
	Of     int64
	Kind   ChangeKind
	Text   *string          // of an edit: the new text; nil: unchanged
	Data   *json.RawMessage // of an edit: the new data, nil for none; nil: unchanged
	Emoji  string           // of a reaction
	Remove bool             // of a reaction: remove it
}

// Apply returns message m as it is after the change by a user. changed is false, and after
// equals m, if the change has no effect. reacted reports whether the user has reacted with the
// change's emoji (KindOf). Errors: ErrDeleted; ErrEmpty, an edit that would leave nothing;
// ErrFull, too many kinds of reactions. m's slices are not changed.
func (c *Change) Apply(m Message, by UserID, reacted bool) (after Message, changed bool, err error) {
	if m.Deleted {
		if c.Kind == ChangeDelete {
			return m, false, nil
		}
		return m, false, ErrDeleted
	}
	switch c.Kind {
	case ChangeDelete:
		return m.Tombstone(), true, nil
	case ChangeEdit:
		after = m
		if c.Text != nil {
			after.Text = *c.Text
		}
		if c.Data != nil {
			after.Data = *c.Data
		}
		switch {
		case after.Text == "" && len(after.Data) == 0:
			return m, false, ErrEmpty
		case after.Text == m.Text && bytes.Equal(after.Data, m.Data):
			return m, false, nil
		}
		after.Edited = true
		return after, true, nil
	default:
		return c.react(m, by, reacted)
	}
}

func (c *Change) react(m Message, by UserID, reacted bool) (after Message, changed bool, err error) {
	if reacted != c.Remove {
		return m, false, nil
	}
	after = m
	after.Reactions = slices.Clone(m.Reactions)
	i := m.Kind(c.Emoji)
	if i < 0 {
		if len(after.Reactions) >= MaxReactions {
			return m, false, ErrFull
		}
		i = len(after.Reactions)
		after.Reactions = append(after.Reactions, Reaction{Emoji: c.Emoji})
	}
	r := &after.Reactions[i]
	r.Users = slices.DeleteFunc(slices.Clone(r.Users), func(u UserID) bool { return u == by })
	if c.Remove {
		if r.Count--; r.Count <= 0 {
			after.Reactions = slices.Delete(after.Reactions, i, i+1)
		}
		return after, true, nil
	}
	r.Count++
	if len(r.Users) < MaxReactors {
		r.Users = append(r.Users, by)
	}
	return after, true, nil
}

// Tombstone returns what remains of a deleted message.
func (m Message) Tombstone() Message {
	m.Text, m.Data, m.Reactions = "", nil, nil
	m.Deleted = true
	return m
}
