package parley

import (
	"context"
	"encoding/json"
)

// Log is one durable, ordered log per channel. All methods may be called at the
// same time from many goroutines.
type Log interface {
	// Append stores drafts at the end of a channel and returns one Result for
	// each, in their order, when they are durable. Ids are dense from 1; drafts
	// of one call keep their order. A draft whose Key the same user already used
	// in the channel (also within this call, also before a restart) is answered
	// with the first message and Duplicate set.
	//
	// A draft with a Change is stored as an entry of its own, whose Target is the
	// message as it is then; ErrNoMessage if the channel does not hold it, or an error
	// of Change.Apply. One that would change nothing is not stored: the Result is the
	// message as it is, and Unchanged.
	//
	// A draft with a Thread is a reply: to the message with this id, or if that is itself a
	// reply to the one that it replies to, whose id is then the message's Thread. ErrNoThread
	// if the channel does not hold the message.
	//
	// Errors of a Result: ErrUnknown, the message may be there or come to be;
	// anything else, such as ErrUnavailable or ErrClosed, it is not and never
	// will be. Entries of the server's own channels (ChannelID.Internal) may use a reserve
	// of room that messages may not. ctx bounds the waiting only (its end yields ErrUnknown); a commit
	// that others share continues. The log does not keep or change the drafts'
	// bytes after Append has returned.
	//
	// After id n was returned on any node, Read on every node sees 1…n, and Read
	// never returns what a crash could take back. A store that lost entries after all
	// begins a new epoch: ids continue from what survived, under another Epoch. In a new epoch
	// nothing that is derived lies beyond the head: positions and read pointers are at most the head.
	Append(ctx context.Context, channel ChannelID, drafts ...Draft) []Result

	// Read returns a run of entries, messages as they are now and changes, a deleted
	// message's without its content. It begins at after.ID+1, without holes, at
	// most limit long and shorter only at the head or when the run grows beyond
	// about a megabyte; it is never empty below the head. ErrTrimmed: messages
	// after the cursor are no longer kept (also for
	// after.ID 0, once the first message is gone). ErrEpoch: the cursor names another
	// epoch. The caller owns what is returned.
	Read(ctx context.Context, channel ChannelID, after Cursor, limit int) (Run, error)

	// Lookup returns the message that a user stored in a channel with a key, as a
	// repeat of it is answered; found is false if there is none, or none that is
	// durable yet. Append does this by itself; it is for what cannot be appended.
	Lookup(ctx context.Context, channel ChannelID, user UserID, key string) (m Message, found bool, err error)

	// Bounds returns the bounds of each channel, in the order asked for. A channel
	// that does not exist has First 1 and Last 0; asking creates nothing.
	Bounds(ctx context.Context, channels ...ChannelID) ([]Bounds, error)

	// Close waits for the appends under way and releases the store. Later calls
	// fail with ErrClosed.
	Close() error
}

// Run is what a read returned.
type Run struct {
	Epoch   string // the one that the entries belong to, also if there are none
	Entries []Message
}

// Result is what became of one draft.
type Result struct {
	Message   Message
	Epoch     string // the one that Message.ID belongs to; "" with Err
	Duplicate bool   // Message was stored by an earlier append with the same key
	Facts     []Fact // what the store derived from it in the same step; see Index
	Derived   bool   // all that follows from it was derived in the same step: Project has nothing to do for it
	Unchanged bool   // nothing was stored: Message is what the change would have made of it
	Err       error  // Message is not valid if set
}

// Bounds says what a channel holds: the ids First…Last, none if First > Last.
type Bounds struct {
	Channel ChannelID
	Epoch   string
	First   int64     // the first id that is kept; 1 if nothing was ever stored
	Last    int64     // the head: the last id given, 0 if none
	Time    Timestamp // of the head, 0 if none; kept when the messages are gone
	Before  int64     // how many messages came before First: Message.Count of the entry before it
}

// Directory holds what is known of channels beside their messages. All methods
// may be called at the same time.
type Directory interface {
	// Settings returns each channel's settings, in the order asked for. One that has none has zero Settings.
	Settings(ctx context.Context, channels ...ChannelID) ([]Settings, error)
	// SetChannel changes a channel's settings, and so makes the channel exist. change is
	// given them as they are, where no other change of them can come between, on whatever
	// node; it must be quick and must not call the store, and it may be called again with
	// newer ones. Its error is returned, and nothing is stored. was and is are the settings
	// before and after.
	SetChannel(ctx context.Context, channel ChannelID, change func(*Settings) error) (was, is Settings, err error)
	// RemoveChannel deletes messages, keys, members and settings, and then what its members' lists say of it.
	// Ids continue after the last one used. Removing a channel that does not exist does nothing. It works while messages
	// are refused for lack of room.
	RemoveChannel(ctx context.Context, channel ChannelID) error
	// Channels lists the channels that exist (have a message or settings), in the
	// order of their names, after the name given, at most limit. One that came to be by a message may
	// be listed only when the channel's position has reached it (Index).
	Channels(ctx context.Context, after ChannelID, limit int) ([]ChannelID, error)
	// OpenChannels lists in the same way those that a user who is not a member may find: not those whose
	// settings make them members-only, direct ones, users' own and the server's. It costs
	// what it lists, however many others there are.
	OpenChannels(ctx context.Context, after ChannelID, limit int) ([]ChannelID, error)
}

// ChannelKind says whom a channel is for.
type ChannelKind string

// The kinds. An empty one is the default of the channel's namespace.
const (
	KindPublic  ChannelKind = "public"  // everybody who may, by their credentials
	KindMembers ChannelKind = "members" // those who are members, too or alone
)

// Settings of a channel. The zero value has the server's defaults.
type Settings struct {
	Kind      ChannelKind     `json:"kind,omitempty"`
	Title     string          `json:"title,omitempty"`
	Topic     string          `json:"topic,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Retention *Retention      `json:"retention,omitempty"`
}

// Replace is a change to exactly these settings.
func (s Settings) Replace(old *Settings) error {
	*old = s
	return nil
}

// Retention says how long messages are kept. At least the newest Messages are;
// soon after (10 s) no more than Messages + max(10, Messages/10). Messages older
// than Seconds go. Zero means without limit.
type Retention struct {
	Messages int64 `json:"messages,omitempty"`
	Seconds  int64 `json:"seconds,omitempty"`
}
