package parley

import (
	"context"
	"slices"
	"strings"
	"unicode"
)

// Reactors is a page of the users who reacted to a message with one emoji.
type Reactors struct {
	Count int64    // all of them
	Mine  bool     // the asking user is among them
	Users []UserID // in the order of their names
	More  bool     // there are others after the last of Users
}

// Reactions finds the users who reacted to a message: the message itself names only some.
type Reactions interface {
	// Reactors returns the users who reacted to a message with an emoji, after the given one,
	// at most limit, and whether user is among all of them. ErrNoMessage if the channel does
	// not hold the message.
	Reactors(ctx context.Context, channel ChannelID, of int64, emoji string, user, after UserID, limit int) (Reactors, error)
}

// Kind returns the index of an emoji among the message's reactions, -1 if there is none. Emoji
// are equal if they differ only in variation selectors.
func (m *Message) Kind(emoji string) int {
	if i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Emoji == emoji }); i >= 0 {
		return i
	}
	plain := PlainEmoji(emoji)
	return slices.IndexFunc(m.Reactions, func(r Reaction) bool { return PlainEmoji(r.Emoji) == plain })
}

// KindOf returns the emoji under which the message has a reaction: the variant that was used
// first.
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
