package parley

import "context"

// Archive lists what the other contracts of a store can only look up, and stores entries and places unchanged, so that the
// contents of one store can be moved to another. It is for tools: while a channel is being restored, no other caller
// appends to it. The callbacks may call the store.
type Archive interface {
	// EachChannel calls do once for every channel that has, or had and lost, entries or settings. exists reports whether
	// Channels lists it. The order is the store's. It stops at the first error of do.
	EachChannel(ctx context.Context, do func(channel ChannelID, exists bool) error) error
	// EachPlace calls do for every user about whom something was decided in a channel, members and others
	// (RoleRestricted, RoleBanned), in the order of their names. It stops at the first error of do.
	EachPlace(ctx context.Context, channel ChannelID, do func(Member) error) error
	// EachRevocation calls do for every user whose tokens were revoked, in the store's order. It stops at the first error
	// of do.
	EachRevocation(ctx context.Context, do func(user UserID, until Timestamp) error) error

	// Restore appends a run of entries to a channel unchanged: as Read returned them in another store, but with all users
	// of each of a message's reactions (not of a target's). A channel that never had an entry begins after at, even if
	// there are no entries. Entries up to the head are skipped, so a call can be repeated. ErrGap: the run begins beyond
	// head+1. What is derived from entries is restored with them (keys, threads, mentions, deletions, reactions), and the
	// channel's position is its head; but no user joins, and no pointer moves. After an error some of the entries may be
	// stored, now or later.
	Restore(ctx context.Context, channel ChannelID, at Origin, entries []Message) error
	// RestorePlace sets a user's place in a channel to exactly m, including the pointer and the time of joining. Repeating
	// it changes nothing.
	RestorePlace(ctx context.Context, channel ChannelID, m Member) error
}

// Origin describes the last entry before the first one that a channel keeps.
type Origin struct {
	ID    int64     // First-1
	Count int64     // Bounds.Before
	Time  Timestamp // of the head, if nothing is kept; else it may be 0
}
