package unread

import (
	"context"
	"maps"
	"slices"

	"github.com/parley-server/parley"
)

// boundsBudget is how many channels are checked at a time for a trimmed history.
const boundsBudget = 250

// checkTrimmed corrects the counts of channels whose messages retention has removed: nothing
// else reports that, on any node. It checks some channels each time, in turn.
func (in *Inboxes) checkTrimmed(ctx context.Context) {
	channels := in.someReaders(boundsBudget)
	if len(channels) == 0 {
		return
	}
	bs, err := in.cfg.Bounds(ctx, channels...)
	if err != nil {
		return // the next time
	}
	for i := range bs {
		switch users := in.begins(bs[i].Channel, bs[i].First); {
		case len(users) == 0:
		case in.cfg.Pointed(bs[i].Channel):
			in.uncounted(bs[i].Channel, users)
		default:
			in.Grown(bs[i].Channel)
		}
	}
}

// someReaders returns the next channels, in turn, that have readers.
func (in *Inboxes) someReaders(most int) []parley.ChannelID {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.turn) == 0 {
		in.turn = slices.Collect(maps.Keys(in.readers))
	}
	n := min(most, len(in.turn))
	some := in.turn[:n:n]
	in.turn = in.turn[n:]
	return some
}

// begins notes where a channel begins now, and returns its readers if they were counted when it
// began earlier.
func (in *Inboxes) begins(channel parley.ChannelID, first int64) []parley.UserID {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := in.readers[channel]
	if r == nil || r.first == 0 || r.first >= first {
		return nil
	}
	r.first = first
	return slices.Collect(maps.Keys(r.users))
}

// countedFromLocked notes where a channel began when one of its readers was counted. A count
// that is older than what is known of the channel is computed again.
func (in *Inboxes) countedFromLocked(user parley.UserID, channel parley.ChannelID, first int64) {
	switch r := in.readers[channel]; {
	case r == nil:
	case r.first == 0:
		r.first = first
	case first < r.first:
		in.places[place{user, channel}] = struct{}{}
	}
}
