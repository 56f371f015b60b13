package unread

import (
	"context"
	"time"

	"github.com/parley-server/parley"
)

const (
	every  = 250 * time.Millisecond
	budget = 500 // places counted each time
)

// Run computes and sends counts until ctx ends.
func (in *Inboxes) Run(ctx context.Context) {
	for in.work.Wait(ctx, in.hasWork) {
		in.step(ctx)
	}
}

// hasWork reports whether there is something for step to do: a channel with readers may be trimmed at any time.
func (in *Inboxes) hasWork() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.readers)+len(in.turn)+len(in.channels)+len(in.places)+len(in.unlisted)+len(in.pointed) > 0
}

// step does what is due. It retries the next time what the store cannot answer now.
func (in *Inboxes) step(ctx context.Context) {
	for user, tell := range in.popUnlisted() {
		channels, err := in.cfg.Channels(ctx, user)
		if err != nil {
			in.putUnlisted(user, tell)
			continue
		}
		if in.count(ctx, user, in.listed(user, channels, tell), false) != nil {
			in.putUnlisted(user, tell)
		}
	}
	in.checkTrimmed(ctx)
	for channel, users := range in.popPointed(in.cfg.Clock()) {
		bs, err := in.cfg.Bounds(ctx, channel)
		if err != nil {
			in.Grown(channel)
			continue
		}
		in.uncounted(channel, users)
		for _, user := range users {
			in.cfg.More(user, channel, bs[0].Last)
		}
	}
	for user, channels := range in.popPlaces() {
		stale := in.popStale(user)
		if in.count(ctx, user, stale, false) != nil {
			for _, channel := range stale {
				in.uncounted(channel, []parley.UserID{user})
			}
		}
		if in.count(ctx, user, channels, true) != nil {
			for _, channel := range channels {
				in.Touched(user, channel)
			}
		}
	}
}

// count counts some of a user's channels and, with tell, sends the counts that have changed. The
// error is that of Count.
func (in *Inboxes) count(ctx context.Context, user parley.UserID, channels []parley.ChannelID, tell bool) error {
	if len(channels) == 0 {
		return nil
	}
	all, err := in.cfg.Count(ctx, user, channels)
	if err != nil {
		return err
	}
	changed, total := in.counted(user, all, tell)
	for _, c := range changed {
		in.cfg.Tell(user, c, total)
	}
	return nil
}
