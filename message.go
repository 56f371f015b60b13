package parley

import "encoding/json"

// Limits of a message. Settings may only lower them.
const (
	MaxText  = 16 << 10 // bytes of UTF-8
	MaxData  = 64 << 10 // bytes of JSON
	MaxKey   = 128      // bytes
	MaxUser  = 128      // characters of a display name
	MaxEmoji = 64       // bytes of a reaction's name
)

// Message is one entry of a channel's log: a message in its current state, or a change of one,
// which has Change set.
type Message struct {
	ID      int64 // 1, 2, 3, … in its channel, without gap or reuse
	Channel ChannelID
	User    UserID
	Name    string          // the display name, if it differs from User
	Text    string          // UTF-8; may be empty if Data is not
	Data    json.RawMessage // a JSON object, compact but for one space before each string that represents bytes, or nil
	Thread  int64           // the message this one replies to, or 0
	Key     string          // the sender's idempotency key, or ""
	Join    bool            // it makes its author a member of the channel (Draft.Join); a store that derives that in Append need not keep it
	Time    Timestamp       // strictly rising within the channel
	Count   int64           // messages (not changes) in the channel up to and with this entry

	Edited    bool
	Deleted   bool       // Text, Data and Reactions are gone
	Reactions []Reaction // in the order of their first use

	Change ChangeKind // "" for a message
	Of     int64      // of a change: the id of the message that was changed
	Target *Message   // of a change: message Of as it was after the change, or without content if it was deleted since
}

// Reaction is one kind of reaction to a message.
type Reaction struct {
	Emoji string
	Count int64    // users who reacted with it; at least 1
	Users []UserID // some of them, at most MaxReactors
}

// MaxReactors is how many users of one reaction a message names.
const MaxReactors = 20

// MaxReactions is how many kinds of reaction a message can have.
const MaxReactions = 50

// Receipt is the message as its sender receives it without the right to read the channel.
func (m *Message) Receipt() Message {
	return Message{ID: m.ID, Channel: m.Channel, User: m.User, Time: m.Time, Key: m.Key}
}

// Draft is an entry before the log has assigned its id: a message, or a change if Change is
// set.
type Draft struct {
	User   UserID
	Name   string
	Text   string
	Data   json.RawMessage
	Thread int64
	Key    string
	Join   bool // its author becomes a member of the channel, if not one already
	Change *Change
}

// Size is the approximate size of the draft in memory and in the log, in bytes.
func (d *Draft) Size() int {
	n := len(d.User) + len(d.Name) + len(d.Text) + len(d.Data) + len(d.Key) + 64
	if c := d.Change; c != nil && c.Text != nil {
		n += len(*c.Text)
	}
	if c := d.Change; c != nil && c.Data != nil {
		n += len(*c.Data)
	}
	return n
}

// Cursor is the last id a reader has seen in a channel; 0 is before the first
// message that is kept. An empty Epoch matches any.
type Cursor struct {
	ID    int64
	Epoch string
}
