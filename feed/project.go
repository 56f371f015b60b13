package feed

import (
	"context"
	"errors"
	"time"

	"github.com/parley-server/parley"
)

const (
	projectRead  = 256                    // entries that are projected at a time
	projectBytes = 512 << 10              // a run below both ends at the head
	projectRest  = 100 * time.Millisecond // so that a busy channel is projected in large runs
)

// project writes what is derived from a channel's entries, where the log does not do that
// itself, and passes the channel to the Works.
func (f *Feed) project(channel parley.ChannelID, derived bool) {
	switch {
	case f.cfg.Index != nil && !derived:
		f.outbox.left(channel, toProject)
		f.projects.add(channel)
	case len(f.works) > 0:
		f.outbox.left(channel, toGive)
		f.gives.add(channel)
	}
}

// projectedWithin limits the wait for projections before a read: after it the read may trail.
const projectedWithin = 2 * time.Second

// Projected waits, for a limited time, until what is derived from this node's appends to
// channels can be read. With a store that derives in Append it does not wait.
func (f *Feed) Projected(ctx context.Context, channels ...parley.ChannelID) {
	if f.cfg.Index == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, projectedWithin)
	defer cancel()
	for _, channel := range channels {
		f.projects.wait(ctx, channel)
	}
}

// projectChannel projects a channel's entries from its position to its head. It gives up
// only when ctx ends.
func (f *Feed) projectChannel(ctx context.Context, channel parley.ChannelID) {
	for {
		f.outbox.begun(channel, toProject)
		done, err := f.projectSome(ctx, channel)
		switch {
		case err == nil && done && len(f.works) > 0:
			f.outbox.left(channel, toGive)
			f.gives.add(channel)
			return
		case err == nil && done:
			f.finished(channel)
			return
		}
		if f.outbox.left(channel, toProject); err != nil && !pause(ctx, retryEvery) {
			return
		}
	}
}

// projectSome projects entries after the channel's position, and reports whether these were all.
func (f *Feed) projectSome(ctx context.Context, channel parley.ChannelID) (done bool, err error) {
	if f.cfg.Index == nil {
		return true, nil
	}
	at, err := f.cfg.Index.Position(ctx, channel)
	if err != nil {
		return false, err
	}
	run, err := f.log.Read(ctx, channel, parley.Cursor{ID: at[0]}, projectRead)
	if errors.Is(err, parley.ErrTrimmed) { // entries that are gone need no projection
		var bs []parley.Bounds
		if bs, err = f.log.Bounds(ctx, channel); err == nil {
			run, err = f.log.Read(ctx, channel, parley.Cursor{ID: bs[0].First - 1}, projectRead)
		}
	}
	if err != nil || len(run.Entries) == 0 {
		return true, err
	}
	facts, err := f.cfg.Index.Project(ctx, channel, run)
	if errors.Is(err, parley.ErrGap) || errors.Is(err, parley.ErrEpoch) {
		return false, nil // another node, or a new epoch, has moved the position
	}
	if len(facts) > 0 {
		f.facts(channel, facts)
	}
	if err == nil {
		f.grown(channel) // counts may have changed with it
	}
	size := 0
	for i := range run.Entries {
		size += len(run.Entries[i].Text) + len(run.Entries[i].Data)
	}
	return len(run.Entries) < projectRead && size < projectBytes, err
}
