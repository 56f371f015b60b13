// Package feed is the one way into a node's channels. What this node appends reaches the
// log, the hub and everybody who must know that a channel grew in the same order, through
// the same call.
package feed

import (
	"context"
	"hash/maphash"
	"sync"

	"parley"
	"parley/hub"
)

// Feed appends to a log and shows a hub what the log holds. All methods may be called at the
// same time.
type Feed struct {
	// fixed after construction
	log    parley.Log
	hub    *hub.Hub
	seed   maphash.Seed
	shards [64]shard
	grown  func(channel parley.ChannelID)
	facts  func(channel parley.ChannelID, facts []parley.Fact)
}

type shard struct {
	mu     sync.Mutex
	queues map[parley.ChannelID]*appendQueue
}

// New creates the feed of a hub over the same log.
func New(log parley.Log, h *hub.Hub) *Feed {
	f := &Feed{log: log, hub: h, seed: maphash.MakeSeed(), grown: func(parley.ChannelID) {}, facts: func(parley.ChannelID, []parley.Fact) {}}
	for i := range f.shards {
		f.shards[i].queues = map[parley.ChannelID]*appendQueue{}
	}
	return f
}

// Hub is what the feed feeds.
func (f *Feed) Hub() *hub.Hub { return f.hub }

// OnGrown calls grown when a channel has entries that it had not, whichever node stored
// them, and facts with what followed from entries that this node stored, both after the
// entries were delivered here, in their order in each channel. Neither may block. It is
// called before the first Publish.
func (f *Feed) OnGrown(grown func(channel parley.ChannelID), facts func(channel parley.ChannelID, facts []parley.Fact)) {
	f.grown, f.facts = grown, facts
}

func (f *Feed) shard(channel parley.ChannelID) *shard {
	return &f.shards[maphash.String(f.seed, string(channel))%uint64(len(f.shards))]
}

// appended takes the results of an append. It uses entries, which is empty, and returns it
// to be used again.
func (f *Feed) appended(channel parley.ChannelID, results []parley.Result, entries []parley.Message) []parley.Message {
	for i := range results {
		if r := &results[i]; r.Err == nil && !r.Unchanged {
			entries = append(entries, r.Message)
		}
	}
	if len(entries) == 0 {
		return entries
	}
	f.hub.Grown(channel, entries)
	f.grown(channel)
	for i := range results {
		if len(results[i].Facts) > 0 {
			f.facts(channel, results[i].Facts)
		}
	}
	clear(entries)
	return entries
}

// Settle waits until what was given to Publish before it is stored, and what follows from
// that can be read, or until ctx ends.
func (f *Feed) Settle(ctx context.Context, channel parley.ChannelID) { f.settle(ctx, channel) }

// Event gives an event to the streams of a channel, and returns how many sessions follow the
// channel on this node.
func (f *Feed) Event(channel parley.ChannelID, e hub.Event) (followers int) {
	return f.hub.Event(channel, e)
}
