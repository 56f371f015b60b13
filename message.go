package parley

import "encoding/json"

// Limits of a message. Settings may only lower them.
const (
	MaxText = 16 << 10 // bytes of UTF-8
	MaxData = 64 << 10 // bytes of JSON
	MaxKey  = 128      // bytes
	MaxUser = 128      // characters of a display name
)

// Message is one entry of a channel's log, as it was stored.
type Message struct {
	ID      int64 // 1, 2, 3, … in its channel, without gap or reuse
	Channel ChannelID
	User    UserID
	Name    string          // what people read, if it differs from User
	Text    string          // UTF-8; may be empty if Data is not
	Data    json.RawMessage // a JSON object, compact but for one space before each string that stands for bytes, or nil
	Thread  int64           // the message this one replies to, or 0
	Key     string          // the sender's idempotency key, or ""
	Time    Timestamp       // strictly rising within the channel
	Count   int64           // messages in the channel up to and with this one
}

// Draft is a message before the log has given it a number.
type Draft struct {
	User   UserID
	Name   string
	Text   string
	Data   json.RawMessage
	Thread int64
	Key    string
}

// Size is about what the draft takes in memory and in the log, in bytes.
func (d *Draft) Size() int {
	return len(d.User) + len(d.Name) + len(d.Text) + len(d.Data) + len(d.Key) + 64
}

// Cursor is the last id a reader has seen in a channel; 0 is before the first
// message that is kept. An empty Epoch matches any.
type Cursor struct {
	ID    int64
	Epoch string
}
