package parley

import "context"

// OpenLists hold, for each node, the channels to which it appended and whose entries it may not yet have
// projected. When a node has died, another one projects what is on its list. A store that derives
// everything in Append has none. All methods may be called at the same time, from all nodes.
type OpenLists interface {
	// AddOpen adds channels to a node's list, durably: a node does so before it appends to a channel that is not
	// on its list. What is there already stays.
	AddOpen(ctx context.Context, node string, channels ...ChannelID) error
	// RemoveOpen removes channels from a node's list. What is not there is passed over.
	RemoveOpen(ctx context.Context, node string, channels ...ChannelID) error
	// OpenList returns the channels on a node's list, in the order of their names, after the one given, at
	// most limit.
	OpenList(ctx context.Context, node string, after ChannelID, limit int) ([]ChannelID, error)
	// OpenNodes returns the nodes whose lists are not empty, in the order of their names.
	OpenNodes(ctx context.Context) ([]string, error)
}
