package presence

import (
	"context"
	"time"

	"github.com/parley-server/parley"
)

// Missed notes that events of other nodes about a channel's presence may have been lost.
func (t *Tracker) Missed(channel parley.ChannelID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.log.shared {
		return
	}
	if t.log.missed == nil {
		t.log.missed = map[parley.ChannelID]struct{}{}
	}
	t.log.missed[channel] = struct{}{}
	t.work.missed.Need()
}

// takeMissed takes a channel, if one waits and there is budget.
func (t *Tracker) takeMissed() (channel parley.ChannelID, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for channel = range t.log.missed {
		if !t.news.affordsLocked(t.now()) {
			return "", false
		}
		delete(t.log.missed, channel)
		return channel, true
	}
	return "", false
}

// NextMissed returns who is in the next channel for which events may have been lost, for the streams of
// this node: all names, as if they had just come, or in a large channel the count. ok is false if there
// is none, or it cannot be sent yet.
func (k *Keeper) NextMissed(ctx context.Context) (n News, ok bool) {
	for {
		channel, ok := k.tracker.takeMissed()
		if !ok {
			return News{}, false
		}
		each, batch := k.tracker.tiers(channel)
		if batch < each {
			continue
		}
		named := min(batch, maxNames)
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		here, err := k.Here(ctx, channel, named)
		cancel()
		if err != nil {
			k.tracker.Missed(channel)
			return News{}, false
		}
		n = News{Channel: channel, Count: here.Count}
		if here.Count <= named {
			n.Joined, n.Left = make([]parley.UserID, len(here.Users)), []parley.UserID{}
			for i := range here.Users {
				n.Joined[i] = here.Users[i].User
			}
		}
		return n, true
	}
}
