package parley

import "context"

// Index holds what is derived from a channel's entries: which users joined by posting, whom they
// mention, which messages were deleted, threads, and the author's own read pointer. None of it is
// the truth: it can be derived again from the log, entry by entry in order, up to a position.
//
// A store that writes all of it in the batch of Append answers Position = head, returns what Project
// would have returned as Result.Facts, and has nothing to project. For any other store a node that
// appended calls Project until the position has reached its last append; until then the Index and
// the Roster may trail the log. All methods may be called concurrently.
type Index interface {
	// Project applies a run of entries, as Read returned it, and moves the channel's position to the
	// last of them. Entries up to the position are skipped, so applying a run again, wholly or in part,
	// on any node, does no harm. ErrGap: the run begins beyond position+1. ErrEpoch: it is of another
	// epoch. A membership by posting does not undo a removal that was made when the channel held the
	// entry.
	//
	// The facts are those of the entries that this call applied, in their order. If two calls apply the
	// same entry at the same time both may return them; if a call fails they may be lost.
	Project(ctx context.Context, channel ChannelID, run Run) ([]Fact, error)

	// Position returns, for each channel in the order of the arguments, the id of the last entry that was applied:
	// at most the head, and at least the one before the first kept entry, because entries that are no longer kept
	// count as applied; 0 for a channel that does not exist.
	Position(ctx context.Context, channels ...ChannelID) ([]int64, error)

	// Unread counts what a user has not read: for each place, in the order of the arguments, the
	// messages after its pointer that are kept and not deleted, and those of them that mention the
	// user or Everybody. The place comes from the caller; the store reads no Roster. The count of
	// messages is that of the head; derived counts may trail it, but no count is negative.
	Unread(ctx context.Context, user UserID, places ...Place) ([]Count, error)

	// Latest returns, for each channel in the order of the arguments, its newest message that is not
	// deleted; nil: there is none, or LatestLooked newer ones are deleted.
	Latest(ctx context.Context, channels ...ChannelID) ([]*Message, error)

	// Thread returns the message root, if it is kept, and a run of its replies, ascending by
	// id. root may also be one of the replies. The run is shorter than the query's limit only
	// at the end of the thread or when it exceeds some megabytes.
	Thread(ctx context.Context, channel ChannelID, root int64, q ThreadQuery) (Thread, error)
}

// LatestLooked is how many messages Latest examines, at least, from the head backwards.
const LatestLooked = 100

// Place is a channel and how far a user has read it: Member.ReadID and Member.ReadCount.
type Place struct {
	Channel           ChannelID
	ReadID, ReadCount int64
}

// Count is the unread count of a channel.
type Count struct {
	Channel         ChannelID
	FirstID, LastID int64 // the bounds when it was counted
	Unread          int64
	Mentions        int64 // at most Unread
}

// FactKind is the kind of a fact.
type FactKind uint8

// The kinds of facts.
const (
	FactJoined    FactKind = iota + 1 // its author became a member of the channel
	FactMentioned                     // it mentions a user, or Everybody, as no earlier entry about that message did
)

// Fact is something that an entry made true and that other parts of the server may need to
// know.
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

// ThreadQuery selects the first Limit replies after an id; if After is nil, the last before
// one; if Before is nil too, the newest.
type ThreadQuery struct {
	After, Before *int64
	Limit         int
}
