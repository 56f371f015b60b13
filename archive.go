package parley

import "context"

// Archive lists what the other contracts of a store only look up, and takes entries and places as they are, so that all that
// one store holds can be moved to another. It is for tools: while something is restored in a channel, nobody appends to it. The
// functions it calls may call the store.
type Archive interface {
	// EachChannel calls do once with every channel that has entries or settings, or had them and was removed: exists reports
	// whether Channels lists it. The order is the store's. It ends with the first error of do.
	EachChannel(ctx context.Context, do func(channel ChannelID, exists bool) error) error
	// EachPlace calls do with the place of everybody about whom something was decided in a channel, members and others
	// (RoleRestricted, RoleBanned), in the order of their names. It ends with the first error of do.
	EachPlace(ctx context.Context, channel ChannelID, do func(Member) error) error
	// EachRevocation calls do with everybody whose tokens were cut off, in the store's order. It ends with the first error of do.
	EachRevocation(ctx context.Context, do func(user UserID, until Timestamp) error) error

	// Restore puts a run of entries at the end of a channel as they are: as Read returned them in another store, but with all
	// users of each of a message's reactions (not of a target's). A channel that never had an entry begins after at, also if
	// there are no entries. Entries up to the head are passed over, so that a call can be repeated; ErrGap: the run begins
	// beyond head+1. What follows from entries is restored with them (keys, threads, mentions, deletions, who reacted), and the
	// channel's position is its head; but nobody joins, and no pointer moves. After an error some of the entries may be stored,
	// now or later.
	Restore(ctx context.Context, channel ChannelID, at Origin, entries []Message) error
	// RestorePlace makes a user's place in a channel exactly what it is given, the pointer and the time of joining too. Doing so
	// again changes nothing.
	RestorePlace(ctx context.Context, channel ChannelID, m Member) error
}

// Origin is what a channel remembers of the last entry that is no longer kept before its first.
type Origin struct {
	ID    int64     // First-1
	Count int64     // Bounds.Before
	Time  Timestamp // of the head, if nothing is kept; else it may be 0
}
