package wire

import (
	"bytes"
	"strconv"

	"github.com/parley-server/parley"
)

// Membership is member-added or member-removed, on a user's own channel.
func Membership(dst []byte, kind string, channel parley.ChannelID, user parley.UserID, role parley.Role) []byte {
	dst = appendText(begin(dst, kind, channel), "user", string(user))
	if role.In() {
		dst = appendText(dst, "role", string(role))
	}
	return end(dst, "")
}

// Read tells a channel how far a member has read; display is the member's display name.
func Read(dst []byte, channel parley.ChannelID, user parley.UserID, display string, id int64) []byte {
	dst = appendDisplay(appendText(begin(dst, "read", channel), "user", string(user)), user, display)
	return end(appendInt(dst, "id", id), "")
}

// ReadDone answers a read frame.
func ReadDone(dst []byte, channel parley.ChannelID, readID, unread int64, key string) []byte {
	dst = appendInt(begin(dst, "ack", channel), "read_id", readID)
	return end(appendInt(dst, "unread", unread), key)
}

// Unread tells a user, on the user's own channel, the unread count of another; total is the sum
// over all channels.
func Unread(dst []byte, c *parley.Count, total int64) []byte {
	dst = appendInt(begin(dst, "unread", c.Channel), "unread", c.Unread)
	dst = appendInt(dst, "mentions", c.Mentions)
	return end(appendInt(dst, "total", total), "")
}

// AppendInboxEntry appends a channel of an inbox (api.md, "Channels, members, unread").
func AppendInboxEntry(dst []byte, e *parley.InboxEntry) []byte {
	dst = append(append(dst, `{"channel":`...), AppendString(nil, string(e.Channel))...)
	dst = appendText(dst, "title", e.Settings.Title)
	dst = appendText(dst, "kind", string(e.Settings.Kind))
	dst = appendText(dst, "role", string(e.Member.Role))
	dst = appendInt(dst, "last_id", e.LastID)
	dst = appendInt(dst, "unread", e.Unread)
	dst = appendInt(dst, "mentions", e.Mentions)
	dst = appendInt(dst, "read_id", e.Member.ReadID)
	dst = appendMute(append(dst, `,"muted":`...), e.Member.Mute)
	if e.Last != nil {
		dst = AppendMessage(append(dst, `,"last_message":`...), e.Last)
	}
	return append(dst, '}')
}

// appendMute appends how much a member has muted a channel: false, true or "mentions".
func appendMute(dst []byte, m parley.Mute) []byte {
	if m == parley.MuteButMentions {
		return append(dst, `"mentions"`...)
	}
	return strconv.AppendBool(dst, m != parley.MuteNone)
}

// ParseMute parses a mute setting.
func ParseMute(text []byte) (m parley.Mute, ok bool) {
	switch string(bytes.TrimSpace(text)) {
	case "true":
		return parley.MuteAll, true
	case "false":
		return parley.MuteNone, true
	case `"mentions"`:
		return parley.MuteButMentions, true
	}
	return "", false
}
