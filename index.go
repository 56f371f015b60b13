package parley

import "context"

// Index is what follows from a channel's entries: who joined by posting, whom they mention,
// which were deleted, threads, and the author's own read pointer. None of it is the truth: it can be
// made again from the log, entry by entry in order, up to a position.
//
// A store that writes all of it in the batch of Append answers Position = head, returns what
// Project would have as Result.Facts, and has nothing to project. In any other store a node that
// appended calls Project until the position has reached its last append; before that what
// the Index and the Roster tell may trail the log. All methods may be called at the same time.
type Index interface {
	// Project takes in a run of entries, as Read returned it, and moves the channel's position to
	// the last of them. Entries up to the position are passed over, so that a run
	// that was taken in, wholly or in part, on whatever node, does no harm. ErrGap: the run begins
	// beyond position+1. ErrEpoch: it is of another epoch. A membership by posting does not undo a
	// removal that was made when the channel held the entry.
	//
	// The facts are those of entries that this call took in, in their order. When two calls take in the
	// same entry at the same time both may return them; if a call fails they may be lost.
	Project(ctx context.Context, channel ChannelID, run Run) ([]Fact, error)

	// Position returns, for each channel in the order asked for, the id of the last entry that was
	// taken in: at most the head, and at least the one before the first that is kept, since what is no longer kept
	// counts as taken in; 0 for a channel that does not exist.
	Position(ctx context.Context, channels ...ChannelID) ([]int64, error)

	// Unread counts what a user has not read: for each place, in the order asked for, the messages
	// after its pointer that are kept and not deleted, and those of them that name the user or
	// Everybody. The store takes the place from the caller and asks no Roster. The count of
	// messages is that of the head; what is derived may trail it, but is never counted negative.
	Unread(ctx context.Context, user UserID, places ...Place) ([]Count, error)

	// Latest returns, for each channel in the order asked for, its newest message that is not deleted;
	// nil: there is none, or LatestLooked deleted ones are newer.
	Latest(ctx context.Context, channels ...ChannelID) ([]*Message, error)

	// Thread returns the message root, if it is kept, and a run of those that reply to it,
	// ascending by id. root may also be one of the replies. The run is shorter than the query
	// asks for only at the end of the thread or when it grows beyond some megabytes.
	Thread(ctx context.Context, channel ChannelID, root int64, q ThreadQuery) (Thread, error)
}

// LatestLooked is how many messages from the head backwards Latest looks at, at least.
const LatestLooked = 100

// Place is a channel and how far a user has read it: Member.ReadID and Member.ReadCount.
type Place struct {
	Channel           ChannelID
	ReadID, ReadCount int64
}

// Count is what is unread in a channel.
type Count struct {
	Channel         ChannelID
	FirstID, LastID int64 // the bounds when it was counted
	Unread          int64
	Mentions        int64 // at most Unread
}

// FactKind is what follows from an entry.
type FactKind uint8

// The kinds of facts.
const (
	FactJoined    FactKind = iota + 1 // its author became a member of the channel
	FactMentioned                     // it names a user, or Everybody, which nothing about that message did before
)

// Fact is something that an entry made true and that somebody may want to know.
type Fact struct {
	Kind FactKind
	User UserID
	ID   int64 // of the entry
}

// Thread is a message and a run of its replies.
type Thread struct {
	Root    *Message // nil: it is not kept
	Replies []Message
	Count   int64 // all replies that are not deleted; 0 without a root
}

// ThreadQuery asks for the first Limit replies after an id, or if After is nil for the last
// before one, or if Before is nil too for the newest.
type ThreadQuery struct {
	After, Before *int64
	Limit         int
}
