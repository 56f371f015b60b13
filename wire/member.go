package wire

import (
	"strconv"

	"parley"
)

// Membership is member-added or member-removed, on a user's own channel.
func Membership(dst []byte, kind string, channel parley.ChannelID, user parley.UserID, role parley.Role) []byte {
	dst = appendText(begin(dst, kind, channel), "user", string(user))
	if role.In() {
		dst = appendText(dst, "role", string(role))
	}
	return end(dst, "")
}

// Read tells a channel how far a member has read; display is what people read for the user.
func Read(dst []byte, channel parley.ChannelID, user parley.UserID, display string, id int64) []byte {
	dst = appendDisplay(appendText(begin(dst, "read", channel), "user", string(user)), user, display)
	return end(appendInt(dst, "id", id), "")
}

// ReadDone answers a read frame.
func ReadDone(dst []byte, st *parley.Standing, key string) []byte {
	dst = appendInt(begin(dst, "ack", st.Channel), "read_id", st.Member.ReadID)
	return end(appendInt(dst, "unread", st.Unread), key)
}

// Unread tells a user, on the user's own channel, what is unread in another: total is
// that of all channels.
func Unread(dst []byte, st *parley.Standing, total int64) []byte {
	dst = appendInt(begin(dst, "unread", st.Channel), "unread", st.Unread)
	dst = appendInt(dst, "mentions", st.Mentions)
	return end(appendInt(dst, "total", total), "")
}

// AppendStanding appends a channel of an inbox (api.md, "Channels, members, unread").
func AppendStanding(dst []byte, st *parley.Standing) []byte {
	dst = append(append(dst, `{"channel":`...), AppendString(nil, string(st.Channel))...)
	dst = appendText(dst, "title", st.Settings.Title)
	dst = appendText(dst, "kind", string(st.Settings.Kind))
	dst = appendText(dst, "role", string(st.Member.Role))
	dst = appendInt(dst, "last_id", st.LastID)
	dst = appendInt(dst, "unread", st.Unread)
	dst = appendInt(dst, "mentions", st.Mentions)
	dst = appendInt(dst, "read_id", st.Member.ReadID)
	dst = strconv.AppendBool(append(dst, `,"muted":`...), st.Member.Muted)
	if st.Last != nil {
		dst = AppendMessage(append(dst, `,"last_message":`...), st.Last)
	}
	return append(dst, '}')
}
