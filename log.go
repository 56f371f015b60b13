package parley

import (
	"context"
	"encoding/json"
)

// Log is one durable, ordered log per channel. All methods may be called concurrently.
type Log interface {
	// Append stores drafts at the end of a channel and returns one Result for each, in their order,
	// when they are durable. Ids are dense from 1; drafts of one call keep their order. If the same
	// user already used a draft's Key in the channel (also within this call, also before a restart),
	// its Result has the first message, and Duplicate set.
	//
	// A draft with a Change is stored as a separate entry, whose Target is the message after the
	// change; ErrNoMessage if the channel does not hold it, or an error of Change.Apply. A change
	// without effect is not stored: its Result has the current message, and Unchanged set.
	//
	// A draft with a Thread is a reply: to the message with this id, or, if that is itself a reply, to
	// the message that it replies to, whose id is then the message's Thread. ErrNoThread if the
	// channel does not hold the message.
	//
	// Errors of a Result: ErrUnknown, the message may be stored, now or later; any other error, such
	// as ErrUnavailable or ErrClosed: it is not and never will be. Entries of the server's own
	// channels (ChannelID.Internal) may use a reserve of disk space that messages may not. ctx bounds
	// only the waiting (its end yields ErrUnknown); a commit that others share continues. The log does
	// not keep or change the drafts' bytes after Append has returned.
	//
	// After id n was returned on any node, Read on every node sees 1…n, and Read never returns
	// anything that a crash could lose. A store that lost entries nevertheless begins a new epoch: ids
	// continue after those that survived, under another Epoch. In a new epoch nothing derived is
	// beyond the head: positions and read pointers are at most the head.
	Append(ctx context.Context, channel ChannelID, drafts ...Draft) []Result

	// Read returns a run of entries, messages in their current state and changes; those of a
	// deleted message have no content. The run begins at after.ID+1, has no gaps, and is at
	// most limit long. It is shorter only at the head or when it exceeds about a megabyte, and
	// never empty below the head. ErrTrimmed: messages after the cursor are no longer kept
	// (also for after.ID 0, once the first message is gone). ErrEpoch: the cursor names another
	// epoch. The caller owns the result.
	Read(ctx context.Context, channel ChannelID, after Cursor, limit int) (Run, error)

	// Lookup returns the message that a user stored in a channel with a key, as Append would
	// return it for a duplicate; found is false if there is none, or none that is durable yet.
	// Append does this by itself; Lookup is for drafts that cannot be appended.
	Lookup(ctx context.Context, channel ChannelID, user UserID, key string) (m Message, found bool, err error)

	// Bounds returns the bounds of each channel, in the order of the arguments. A channel that
	// does not exist has First 1 and Last 0; reading its bounds creates nothing.
	Bounds(ctx context.Context, channels ...ChannelID) ([]Bounds, error)

	// Close waits for the appends in flight and releases the store. Later calls fail with
	// ErrClosed.
	Close() error
}

// Run is the result of a read.
type Run struct {
	Epoch   string // the epoch of the entries, also if there are none
	Entries []Message
}

// Result is the outcome of one draft.
type Result struct {
	Message   Message
	Epoch     string // the epoch of Message.ID; "" with Err
	Duplicate bool   // Message was stored by an earlier append with the same key
	Facts     []Fact // what the store derived from it in the same step; see Index
	Derived   bool   // everything that follows from it was derived in the same step: Project has nothing to do for it
	Unchanged bool   // nothing was stored: Message is what the change would have produced
	Err       error  // Message is not valid if set
}

// Bounds says what a channel holds: the ids First…Last, none if First > Last.
type Bounds struct {
	Channel ChannelID
	Epoch   string
	First   int64     // the first kept id; 1 if nothing was ever stored
	Last    int64     // the head: the last id assigned, 0 if none
	Time    Timestamp // of the head, 0 if none; it remains when the messages are gone
	Before  int64     // the number of messages before First: Message.Count of the entry before it
}

// Directory holds the settings, existence and lists of channels. All methods may be called
// concurrently.
type Directory interface {
	// Settings returns each channel's settings, in the order of the arguments; zero Settings for a channel
	// without any.
	Settings(ctx context.Context, channels ...ChannelID) ([]Settings, error)
	// SetChannel changes a channel's settings, and thereby creates the channel if it does not
	// exist. change receives the current settings, and no other change, on any node, can come
	// in between; it must be quick and must not call the store, and it may be called again with
	// newer settings. If it returns an error, SetChannel returns that and stores nothing. was
	// and is are the settings before and after.
	SetChannel(ctx context.Context, channel ChannelID, change func(*Settings) error) (was, is Settings, err error)
	// RemoveChannel deletes messages, keys, members and settings, and then the channel's entries in its members' lists.
	// Ids continue after the last one used. Removing a channel that does not exist does nothing. It works while messages
	// are refused for lack of disk space.
	RemoveChannel(ctx context.Context, channel ChannelID) error
	// Channels lists the channels that exist (have a message or settings), in the order of their
	// names, after the given name, at most limit. A channel that was created by a message may be
	// missing until the channel's position has reached that message (Index).
	Channels(ctx context.Context, after ChannelID, limit int) ([]ChannelID, error)
	// OpenChannels lists in the same way the channels that a user who is not a member may find: not
	// those whose settings make them members-only, direct ones, users' own and the server's. Its cost
	// depends on the number of channels that it lists, not on how many others exist.
	OpenChannels(ctx context.Context, after ChannelID, limit int) ([]ChannelID, error)
}

// ChannelKind says which users a channel is for.
type ChannelKind string

// The kinds. An empty one is the default of the channel's namespace.
const (
	KindPublic  ChannelKind = "public"  // everybody whose credentials allow it
	KindMembers ChannelKind = "members" // members only, together or alone
)

// Settings of a channel. The zero value has the server's defaults.
type Settings struct {
	Kind      ChannelKind     `json:"kind,omitempty"`
	Title     string          `json:"title,omitempty"`
	Topic     string          `json:"topic,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Retention *Retention      `json:"retention,omitempty"`
}

// Replace is a change that sets exactly these settings.
func (s Settings) Replace(old *Settings) error {
	*old = s
	return nil
}

// Retention says how long messages are kept. At least the newest Messages are kept, and within
// 10 s no more than Messages + max(10, Messages/10). Messages older than Seconds are removed.
// Zero means no limit.
type Retention struct {
	Messages int64 `json:"messages,omitempty"`
	Seconds  int64 `json:"seconds,omitempty"`
}
