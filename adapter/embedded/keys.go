package embedded

import (
	"encoding/binary"

	"github.com/parley-server/parley"
)

// No name of a channel or user contains a NUL, so NUL ends a name, and the keys of "a" come before
// those of "a-" and "a:b" without mixing.

var epochKey = []byte{'e'}

func headKey(ch parley.ChannelID) []byte     { return append([]byte{'h'}, ch...) }
func settingsKey(ch parley.ChannelID) []byte { return append([]byte{'s'}, ch...) }

func messageKeyLen(ch parley.ChannelID) int { return len(ch) + 10 }

func appendMessageKey(dst []byte, ch parley.ChannelID, id int64) []byte {
	dst = append(dst, 'm')
	dst = append(dst, ch...)
	dst = append(dst, 0)
	return binary.BigEndian.AppendUint64(dst, uint64(id))
}

func messageKey(ch parley.ChannelID, id int64) []byte {
	return appendMessageKey(make([]byte, 0, messageKeyLen(ch)), ch, id)
}

func messageID(key []byte) int64 {
	return int64(binary.BigEndian.Uint64(key[len(key)-8:]))
}

// senderKey is the key under which the id of a keyed message is stored.
func senderKey(ch parley.ChannelID, user parley.UserID, key string) []byte {
	dst := make([]byte, 0, len(ch)+len(user)+len(key)+3)
	dst = append(dst, 'k')
	dst = append(dst, ch...)
	dst = append(dst, 0)
	dst = append(dst, user...)
	dst = append(dst, 0)
	return append(dst, key...)
}

// The rows that are derived from entries, or belong to members or to other parts of the server, in addition to 'm' and 'k':
//
//	c channel NUL of id            the change id of message of; the value says what it holds
//	d length group key             a row of a group (parley.Table); the length is a byte
//	f channel NUL id               message id was changed, or replied to: its state
//	o channel                      the channel is open: see open.go
//	p channel NUL user             the user's place in the channel
//	r channel NUL user             the user's read pointer
//	t channel NUL root id          message id replies to root
//	v user                         the time until which the user's tokens are revoked
//	u user NUL channel             the user is a member of the channel
//	w length node channel          the node has unprojected appends to the channel (parley.Outbox)
//	x channel NUL of emoji NUL user    the user reacted to message of
//	y channel NUL user NUL level run   number of messages in a run that mention the user, or (no user) are deleted: see tally.go
//
// Ids are 8 bytes, big-endian.

// inChannel are the kinds of rows that are removed with their channel.
var inChannel = []byte("mkcfprtxy")

func named(kind byte, name, rest string) []byte {
	dst := make([]byte, 0, len(name)+len(rest)+2)
	return append(append(append(append(dst, kind), name...), 0), rest...)
}

func memberKey(ch parley.ChannelID, user parley.UserID) []byte {
	return named('p', string(ch), string(user))
}

func pointerKey(ch parley.ChannelID, user parley.UserID) []byte {
	return named('r', string(ch), string(user))
}

func membershipKey(user parley.UserID, ch parley.ChannelID) []byte {
	return named('u', string(user), string(ch))
}

func rowKey(kind byte, ch parley.ChannelID, ids ...int64) []byte {
	dst := named(kind, string(ch), "")
	for _, id := range ids {
		dst = binary.BigEndian.AppendUint64(dst, uint64(id))
	}
	return dst
}

func reactorKey(ch parley.ChannelID, of int64, emoji string, user parley.UserID) []byte {
	return append(append(append(rowKey('x', ch, of), emoji...), 0), user...)
}

// span returns the bounds of all keys of one kind in a channel.
func span(kind byte, ch parley.ChannelID) (from, to []byte) {
	from = append(append([]byte{kind}, ch...), 0)
	to = append(append([]byte{kind}, ch...), 1)
	return from, to
}
