package redis

import (
	"strconv"
	"strings"

	"parley"
	"parley/internal/codec"
)

// An entry is kept as "time count of root deleted length:", its key of that length, and its body: the fields of a message
// (internal/codec) that the script does not give it. The body of a change has what would be left of its target if it was
// deleted; the target after the change is its state, which a deletion empties (lua/channel.lua).

// senderKey is a key as it is kept, "" if there is none.
func senderKey(user parley.UserID, key string) string {
	if key == "" {
		return ""
	}
	return string(user) + "\x00" + key
}

// bodyOf is the body of an entry that is a message or, with a target, a change.
func bodyOf(m *parley.Message) string {
	return string(codec.AppendMessage(nil, m))
}

// entryOf reads an entry and its state. first is the first id that is kept.
func entryOf(channel parley.ChannelID, id, first int64, entry, state string) (m parley.Message, err error) {
	head, rest, ok := strings.Cut(entry, ":")
	parts := strings.Split(head, " ")
	if !ok || len(parts) != 6 {
		return m, errAnswer
	}
	var ns [6]int64
	for i, p := range parts {
		if ns[i], err = strconv.ParseInt(p, 10, 64); err != nil {
			return m, errAnswer
		}
	}
	length := ns[5]
	if length < 0 || length > int64(len(rest)) {
		return m, errAnswer
	}
	if _, state, ok = strings.Cut(state, " "); !ok {
		state = "" // there is none
	}
	if ns[2] == 0 && state != "" { // a message that was changed
		return codec.DecodeMessage(channel, state)
	}
	if m, err = codec.DecodeMessage(channel, rest[length:]); err != nil {
		return m, err
	}
	m.ID, m.Time, m.Count, m.Of, m.Thread = id, parley.Timestamp(ns[0]), ns[1], ns[2], ns[3]
	if m.Of == 0 {
		m.Deleted = ns[4] == 1
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
