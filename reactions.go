package parley

import (
	"context"
	"slices"
	"strings"
	"unicode"
)

// Reactors are a page of those who reacted to a message with one emoji.
type Reactors struct {
	Count int64    // all of them
	Mine  bool     // the user who asked is among them
	Users []UserID // in the order of their names
	More  bool     // there are others after the last of Users
}

// Reactions finds who reacted to a message: the message itself names only some.
type Reactions interface {
	// Reactors returns those who reacted to a message with an emoji, after the one named, at
	// most limit, and whether user is among all of them. ErrNoMessage if the channel does not
	// hold the message.
	Reactors(ctx context.Context, channel ChannelID, of int64, emoji string, user, after UserID, limit int) (Reactors, error)
}

// Kind returns the place of an emoji among the message's reactions, -1 if there is none: the
// very same, or one that differs in variation selectors only.
func (m *Message) Kind(emoji string) int {
	if i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Emoji == emoji }); i >= 0 {
		return i
	}
	plain := PlainEmoji(emoji)
	return slices.IndexFunc(m.Reactions, func(r Reaction) bool { return PlainEmoji(r.Emoji) == plain })
}

// KindOf is the emoji under which the message has a reaction: the one that was used first.
func (m *Message) KindOf(emoji string) string {
	if i := m.Kind(emoji); i >= 0 {
		return m.Reactions[i].Emoji
	}
	return emoji
}

// PlainEmoji is an emoji without variation selectors, as emoji are compared.
func PlainEmoji(emoji string) string {
	return strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Variation_Selector, c) {
			return -1
		}
		return c
	}, emoji)
}
