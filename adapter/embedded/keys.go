package embedded

import (
	"encoding/binary"

	"parley"
)

// No channel and no user has a NUL in its name, so NUL ends a name, and the keys
// of "a" lie before those of "a-" and "a:b" without mixing.

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

// senderKey is where the id of a keyed message is kept.
func senderKey(ch parley.ChannelID, user parley.UserID, key string) []byte {
	dst := make([]byte, 0, len(ch)+len(user)+len(key)+3)
	dst = append(dst, 'k')
	dst = append(dst, ch...)
	dst = append(dst, 0)
	dst = append(dst, user...)
	dst = append(dst, 0)
	return append(dst, key...)
}

// span returns the borders of all keys of one kind in a channel.
func span(kind byte, ch parley.ChannelID) (from, to []byte) {
	from = append(append([]byte{kind}, ch...), 0)
	to = append(append([]byte{kind}, ch...), 1)
	return from, to
}
