package feed

import (
	"context"

	"github.com/parley-server/parley"
)

// Work is done on a channel's entries outside the store, such as push notifications (package worker).
type Work interface {
	// Take returns when a node that is alive, this one or another, works on a channel that has grown.
	Take(ctx context.Context, channel parley.ChannelID) error
	// Grown is called when a channel has entries that this node had not seen. It must not block.
	Grown(channel parley.ChannelID)
	// Busy reports whether this node works on the channel. While it does, the note stays in the outbox.
	Busy(channel parley.ChannelID) bool
}

// AddWork adds work to be done on entries. It is called before Run, after OnGrown.
func (f *Feed) AddWork(w Work) { f.works = append(f.works, w) }

// giveChannel has a node work on a channel. It gives up only when ctx ends. No reader waits for it.
func (f *Feed) giveChannel(ctx context.Context, channel parley.ChannelID) {
	f.outbox.begun(channel, toGive)
	for _, w := range f.works {
		for w.Take(ctx, channel) != nil {
			if !pause(ctx, retryEvery) {
				f.outbox.left(channel, toGive)
				return
			}
		}
	}
	f.finished(channel)
}

func (f *Feed) worksOn(channel parley.ChannelID) bool {
	for _, w := range f.works {
		if w.Busy(channel) {
			return true
		}
	}
	return false
}

// Note notes a channel in this node's outbox, durably, for work that this node takes without having appended.
func (f *Feed) Note(channel parley.ChannelID) error {
	if _, err := f.begin(channel, false); err != nil {
		return err
	}
	f.end(channel, nil)
	return nil
}

// Alive reports whether another node may be running. A node that was never heard of counts as alive for as long as one
// that fell silent.
func (f *Feed) Alive(node string) bool { return len(f.gone([]string{node})) == 0 }
