package parley

import "context"

// Outbox records the channels to which each node has appended without having projected that yet
// (see Index), so that another node can finish the work of one that has died. A store that
// derives in Append needs none. All methods may be called concurrently.
type Outbox interface {
	// PutUnfinished notes channels of a node, durably, before the node appends to them.
	// Repeating it does nothing.
	PutUnfinished(ctx context.Context, node string, channels ...ChannelID) error
	// RemoveUnfinished removes channels of a node. Channels that were not noted are ignored.
	RemoveUnfinished(ctx context.Context, node string, channels ...ChannelID) error
	// Unfinished lists a node's channels, in the order of their names, after the given one, at most limit.
	Unfinished(ctx context.Context, node string, after ChannelID, limit int) ([]ChannelID, error)
	// UnfinishedNodes lists the nodes that have channels.
	UnfinishedNodes(ctx context.Context) ([]string, error)
}

// NotingOutbox is an Outbox whose store can note a channel in the same step in which it appends to it.
type NotingOutbox interface {
	Outbox
	// AppendNoted is Append of the store's Log, with PutUnfinished of the channel in the same step: if anything was stored,
	// the channel is noted.
	AppendNoted(ctx context.Context, node string, channel ChannelID, drafts ...Draft) []Result
}
