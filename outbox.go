package parley

import "context"

// Outbox remembers to which channels each node has appended without having projected that yet
// (see Index), so that another node can finish the work of one that has died. A store that
// derives in Append needs none. All methods may be called at the same time.
type Outbox interface {
	// PutUnfinished notes channels of a node, durably, before the node appends to them. Doing so
	// again does nothing.
	PutUnfinished(ctx context.Context, node string, channels ...ChannelID) error
	// RemoveUnfinished forgets channels of a node. Those that were not noted do nothing.
	RemoveUnfinished(ctx context.Context, node string, channels ...ChannelID) error
	// Unfinished lists a node's channels, in the order of their names, after the one given, at most limit.
	Unfinished(ctx context.Context, node string, after ChannelID, limit int) ([]ChannelID, error)
	// UnfinishedNodes lists the nodes that have channels.
	UnfinishedNodes(ctx context.Context) ([]string, error)
}
