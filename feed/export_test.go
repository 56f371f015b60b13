package feed

import (
	"context"

	"github.com/parley-server/parley"
)

// Joined reports whether a channel is joined on the bus.
func (f *Feed) Joined(channel parley.ChannelID) bool {
	f.joins.mu.Lock()
	defer f.joins.mu.Unlock()
	j := f.joins.findLocked(channel)
	return j != nil && j.state != idle
}

// TakeOver finishes what a node has left.
func (f *Feed) TakeOver(ctx context.Context, node string) error { return f.finish(ctx, node) }

// Silent returns those nodes that are gone.
func (f *Feed) Silent(nodes []string) []string {
	return f.digest.silent(nodes, f.cfg.Node, f.cfg.Clock())
}

// Heard notes a digest of a node.
func (f *Feed) Heard(node string) { f.digest.from(node, f.cfg.Node, 1, 0, 0, f.cfg.Clock()) }

// Deaf checks whether the bus delivers.
func (f *Feed) Deaf() bool {
	deaf, _ := f.digest.isDeaf(f.cfg.Clock(), nil)
	return deaf
}
