package redis

import (
	"encoding/binary"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/codec"
)

// An entry is kept as version, time, count, deleted, of, root, length, its key of that length, and its body: the fields of a message
// (internal/codec) that the script does not give it. The body of a change has what would be left of its target if it was
// deleted; the target after the change is its state, which a deletion empties (lua/channel.lua).

const (
	entryVersion = 1
	entryHead    = 36 // bytes before the key
)

// senderKey returns the stored form of a key, "" if there is none.
func senderKey(user parley.UserID, key string) string {
	if key == "" {
		return ""
	}
	return string(user) + "\x00" + key
}

// bodyOf returns the body of an entry that is a message or, with a target, a change.
func bodyOf(m *parley.Message) string {
	return rueidis.BinaryString(codec.AppendMessage(make([]byte, 0, len(m.User)+len(m.Name)+len(m.Text)+len(m.Data)+64), m))
}

// draftOf encodes the part of a message's entry after its count, for lua/append.lua.
func draftOf(m *parley.Message, root int64, key string) string {
	b := make([]byte, 0, entryHead+len(key)+len(m.User)+len(m.Name)+len(m.Text)+len(m.Data)+64)
	b = append(b, 0) // not deleted
	b = appendNumber(b, 0)
	b = appendNumber(b, root)
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	b = append(b, key...)
	return rueidis.BinaryString(codec.AppendMessage(b, m))
}

// entryOf decodes an entry and its state. first is the first kept id.
func entryOf(channel parley.ChannelID, id, first int64, entry, state string) (m parley.Message, err error) {
	if len(entry) < entryHead || entry[0] != entryVersion {
		return m, errAnswer
	}
	at, count, deleted := parley.Timestamp(number(entry[1:])), number(entry[9:]), entry[17] == 1
	of, root, length := number(entry[18:]), number(entry[26:]), int(entry[34])<<8|int(entry[35])
	rest := entry[entryHead:]
	if length > len(rest) {
		return m, errAnswer
	}
	_, state, ok := strings.Cut(state, " ")
	if !ok {
		state = "" // there is none
	}
	if of == 0 && state != "" { // a message that was changed
		return codec.DecodeMessage(channel, state)
	}
	if m, err = codec.DecodeMessage(channel, rest[length:]); err != nil {
		return m, err
	}
	m.ID, m.Time, m.Count, m.Of, m.Thread = id, at, count, of, root
	if m.Of == 0 {
		m.Deleted = deleted
		_, m.Key, _ = strings.Cut(rest[:length], "\x00")
		return m, nil
	}
	switch {
	case m.Target == nil:
		return m, errAnswer
	case m.Of < first:
		m.Target = &parley.Message{ID: m.Of, Channel: channel, User: m.Target.User, Time: m.Target.Time, Deleted: true}
	case state != "":
		target, err := codec.DecodeMessage(channel, state)
		if err != nil {
			return m, err
		}
		m.Target = &target
	}
	return m, nil
}
