package wire

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/parley-server/parley"
)

// Objects that belong to one session, and events. Each function appends one JSON
// object on one line.

// Welcome opens a stream: it says where the stream starts and what the channel holds.
func Welcome(dst []byte, b parley.Bounds, cursor int64, resumed bool, key string) []byte {
	dst = begin(dst, "welcome", b.Channel)
	dst = appendInt(dst, "first_id", b.First)
	dst = appendInt(dst, "last_id", b.Last)
	dst = appendInt(dst, "cursor", cursor)
	dst = appendText(dst, "epoch", b.Epoch)
	dst = strconv.AppendBool(append(dst, `,"resumed":`...), resumed)
	return end(dst, key)
}

// Reset tells a reader that its cursor cannot be served, and where reading continues.
func Reset(dst []byte, channel parley.ChannelID, r *parley.Reset) []byte {
	dst = begin(dst, "reset", channel)
	dst = appendText(dst, "reason", r.Reason)
	dst = appendInt(dst, "first_id", r.First)
	dst = appendInt(dst, "last_id", r.Last)
	return end(dst, "")
}

// Ack tells a sender that its message is durable.
func Ack(dst []byte, r *parley.Result, key string) []byte {
	dst = begin(dst, "ack", r.Message.Channel)
	dst = appendInt(dst, "id", r.Message.ID)
	dst = r.Message.Time.AppendText(append(dst, `,"timestamp":`...))
	dst = strconv.AppendBool(append(dst, `,"duplicate":`...), r.Duplicate)
	return end(dst, key)
}

// Error answers a frame that could not be served.
func Error(dst []byte, e *parley.Error, channel parley.ChannelID, key string) []byte {
	dst = appendError(begin(dst, "error", channel), e)
	if r := e.Reset; r != nil {
		dst = appendText(dst, "reason", r.Reason)
		dst = appendInt(dst, "first_id", r.First)
		dst = appendInt(dst, "last_id", r.Last)
	}
	return end(dst, key)
}

// Later is the event draining, for a stream that cannot be served now or any longer.
func Later(dst []byte, e *parley.Error) []byte {
	return end(appendError(begin(dst, "draining", ""), e), "")
}

func appendError(dst []byte, e *parley.Error) []byte {
	dst = appendText(dst, "code", string(e.Code))
	dst = appendText(dst, "detail", e.Detail)
	dst = appendText(dst, "hint", e.Hint)
	if e.RetryAfter > 0 {
		dst = appendInt(dst, "retry_after_ms", e.RetryAfter.Milliseconds())
	}
	return dst
}

// More tells a stream that there is more to read, up to the head.
func More(dst []byte, channel parley.ChannelID, head int64) []byte {
	return end(appendInt(begin(dst, "more", channel), "last_id", head), "")
}

// Forbidden tells a stream that the right to read a channel was lost.
func Forbidden(dst []byte, channel parley.ChannelID) []byte {
	return end(begin(dst, "forbidden", channel), "")
}

// TokenExpiring tells a client in how many seconds its token expires.
func TokenExpiring(dst []byte, seconds int64) []byte {
	return end(appendInt(begin(dst, "token-expiring", ""), "in", seconds), "")
}

// Simple is a frame with only a type: ping, pong.
func Simple(dst []byte, kind, key string) []byte { return end(begin(dst, kind, ""), key) }

// Done answers a frame that carried a key and stored nothing.
func Done(dst []byte, channel parley.ChannelID, key string) []byte {
	return end(begin(dst, "ack", channel), key)
}

// History answers a history frame. more reports whether there are further messages in that
// direction.
func History(dst []byte, channel parley.ChannelID, ms []parley.Message, more bool, key string) []byte {
	dst = append(begin(dst, "history", channel), `,"messages":`...)
	dst = AppendMessages(dst, ms)
	dst = strconv.AppendBool(append(dst, `,"more":`...), more)
	return end(dst, key)
}

// Draining tells a client to reconnect after a delay that differs from client to client.
func Draining(dst []byte, retry time.Duration) []byte {
	return end(appendInt(begin(dst, "draining", ""), "retry_after_ms", retry.Milliseconds()), "")
}

// UserEvent is user-joined, user-left or typing.
func UserEvent(dst []byte, kind string, channel parley.ChannelID, user parley.UserID, name string) []byte {
	if name == "" {
		name = string(user)
	}
	dst = begin(dst, kind, "")
	dst = appendText(dst, "user", string(user))
	dst = appendText(dst, "name", name)
	return end(appendText(dst, "channel", string(channel)), "")
}

// System is a line of text from the server about a user.
func System(dst []byte, channel parley.ChannelID, user parley.UserID, display, text string) []byte {
	dst = appendText(begin(dst, "system", ""), "text", text)
	dst = appendDisplay(appendText(dst, "user", string(user)), user, display)
	return end(appendText(dst, "channel", string(channel)), "")
}

// Event is an application's own event; display is the user's display name.
func Event(dst []byte, channel parley.ChannelID, user parley.UserID, display, name string, data json.RawMessage) []byte {
	dst = append(dst, `{"type":"event"`...)
	dst = appendText(dst, "event", name)
	dst = appendDisplay(appendText(dst, "user", string(user)), user, display)
	dst = appendText(dst, "channel", string(channel))
	if data != nil {
		dst = append(append(dst, `,"data":`...), data...)
	}
	return end(dst, "")
}

func begin(dst []byte, kind string, channel parley.ChannelID) []byte {
	dst = append(append(append(dst, `{"type":"`...), kind...), '"')
	if channel != "" {
		dst = appendText(dst, "channel", string(channel))
	}
	return dst
}

func end(dst []byte, key string) []byte {
	if key != "" {
		dst = appendText(dst, "key", key)
	}
	return append(dst, '}')
}

func appendInt(dst []byte, name string, v int64) []byte {
	dst = append(append(append(dst, ',', '"'), name...), '"', ':')
	return strconv.AppendInt(dst, v, 10)
}

func appendText(dst []byte, name, v string) []byte {
	dst = append(append(append(dst, ',', '"'), name...), '"', ':')
	return AppendString(dst, v)
}
