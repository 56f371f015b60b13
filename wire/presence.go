package wire

import (
	"strconv"

	"github.com/parley-server/parley"
)

// Difference is a presence event of a channel: the number of users present, and, if names are
// included (joined is not nil), which users came and left.
func Difference(dst []byte, channel parley.ChannelID, joined, left []parley.UserID, count int) []byte {
	dst = begin(dst, "presence", channel)
	if joined != nil {
		dst = appendUsers(append(dst, `,"joined":`...), joined)
		dst = appendUsers(append(dst, `,"left":`...), left)
	}
	return end(appendInt(dst, "count", int64(count)), "")
}

// Watched is the presence event of a watched user.
func Watched(dst []byte, s parley.OnlineStatus) []byte {
	dst = appendText(begin(dst, "presence", ""), "user", string(s.User))
	dst = strconv.AppendBool(append(dst, `,"online":`...), s.Online)
	if s.Seen != 0 {
		dst = s.Seen.AppendText(append(dst, `,"last_seen":`...))
	}
	return end(dst, "")
}

func appendUsers(dst []byte, users []parley.UserID) []byte {
	dst = append(dst, '[')
	for i, u := range users {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, string(u))
	}
	return append(dst, ']')
}
