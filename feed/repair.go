package feed

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
)

// A gap of at most this many entries is read and delivered like any others; beyond that sessions
// read pages.
const (
	repairRead = 256
	repairMost = 4 * repairRead
)

// repairChannel reads the entries that the channel's followers here have not received.
func (f *Feed) repairChannel(ctx context.Context, channel parley.ChannelID) {
	for read := 0; ; {
		at, followed := f.hub.Head(channel)
		if !followed {
			return
		}
		epoch := f.hub.Epoch()
		run, err := f.log.Read(ctx, channel, parley.Cursor{ID: at, Epoch: epoch}, repairRead)
		switch {
		case err == nil && len(run.Entries) == 0:
			if read > 0 {
				f.cfg.Events.Repaired(parley.RepairEvent{Entries: read})
			}
			return
		case err == nil && read <= repairMost:
			read += len(run.Entries)
			f.take(channel, run.Epoch, run.Entries)
			continue
		case err == nil, errors.Is(err, parley.ErrTrimmed):
			var bs []parley.Bounds
			if bs, err = f.log.Bounds(ctx, channel); err == nil {
				f.sawEpoch(bs[0].Epoch)
				f.cfg.Events.Repaired(parley.RepairEvent{Entries: read, Skipped: true})
				f.hub.Reached(channel, bs[0].Epoch, bs[0].Last)
				f.joins.reached(channel, bs[0].Last)
				f.grown(channel)
				return
			}
		case errors.Is(err, parley.ErrEpoch):
			f.epochChanged()
			return // the hub is being restarted, and every session resumes in the new epoch
		}
		if !pause(ctx, retryEvery) {
			return
		}
	}
}

// Recheck reads the log again, which may have begun a new epoch, and the channels that may now
// hold entries whose outcome was unknown.
func (f *Feed) Recheck(channels ...parley.ChannelID) {
	f.epochChanged()
	for _, channel := range channels {
		f.repairs.add(channel)
		f.grown(channel)
	}
}

// How many heads of quiet channels are read at a time, and how often. All nodes read from one store, so more than checkNodes
// nodes share the budget of checkNodes: each reads as many, less often. After each read a node waits checkRest times as long as
// the read took, so that checks do not keep a busy store or machine busy.
const (
	checkEvery   = 100 * time.Millisecond
	checkRound   = time.Second // the shortest round over all channels, unless something may have been lost
	checkBudget  = 20          // 200 a second
	checkSuspect = 200         // 2,000 a second, while something may have been lost
	checkNodes   = 10
	checkRest    = 9
	checkLate    = 5 * time.Second // at most so long
)

// shared is how often one of many nodes does what up to checkNodes nodes do once in every.
func shared(every time.Duration, nodes int) time.Duration {
	return every * time.Duration(max(nodes, checkNodes)) / checkNodes
}

// lost says what the bus may have lost.
type lost uint8

const (
	lostNothing lost = iota
	lostHeads        // that channels grew
	lostEvents       // that, and events
)

// suspect has every channel checked soon. A check for the same reason that is already running is
// completed first, and then repeated: otherwise a bus that keeps losing would keep the last channels
// from being checked.
func (f *Feed) suspect(what lost) {
	js := &f.joins
	js.mu.Lock()
	defer js.mu.Unlock()
	if js.again = max(js.again, what); js.round == lostNothing {
		js.beginLocked()
	}
}

// beginLocked begins a round over all channels.
func (js *joins) beginLocked() {
	js.order = js.allLocked()
	js.round, js.again = js.again, lostNothing
	if len(js.order) == 0 {
		js.round = lostNothing
	}
}

// allLocked returns all channels, those that moved last first.
func (js *joins) allLocked() (all []parley.ChannelID) {
	var found []*join
	for _, j := range js.byHash {
		for ; j != nil; j = j.next {
			found = append(found, j)
		}
	}
	slices.SortFunc(found, func(a, b *join) int { return cmp.Compare(b.moved, a.moved) })
	for _, j := range found {
		all = append(all, j.channel)
	}
	return all
}

// nextToCheck returns the next channels in turn, and what they may have missed.
func (js *joins) nextToCheck(now time.Time) (some []parley.ChannelID, what lost) {
	js.mu.Lock()
	defer js.mu.Unlock()
	if len(js.order) == 0 {
		if js.again == lostNothing && now.Sub(js.began).Abs() < checkRound {
			return nil, lostNothing
		}
		js.beginLocked()
		js.began = now
	}
	n := checkBudget
	if js.round != lostNothing {
		n = checkSuspect
	}
	n = min(n, len(js.order))
	some, what = js.order[:n:n], js.round
	if js.order = js.order[n:]; len(js.order) == 0 {
		js.round = lostNothing
	}
	return some, what
}

// check compares the heads of channels with what is known here, in turn and within a budget,
// until ctx ends: it finds what the bus lost without noticing.
func (f *Feed) check(ctx context.Context) error {
	looks := clock.NewPulse(checkEvery)
	defer looks.Stop()
	for looks.Wait(ctx) {
		channels, what := f.joins.nextToCheck(f.cfg.Clock())
		if len(channels) == 0 {
			continue
		}
		began := f.cfg.Clock()
		bs, err := f.log.Bounds(ctx, channels...)
		took := f.cfg.Clock().Sub(began)
		if err != nil {
			f.suspect(max(what, lostHeads)) // nothing was checked
		}
		for _, b := range bs {
			f.checked(b, what)
		}
		if rest := max(min(checkRest*took, checkLate), shared(checkEvery, f.digest.nodes())-took); rest > checkEvery && !pause(ctx, rest) {
			return nil
		}
	}
	return nil
}

// checked takes in what the store says of a channel.
func (f *Feed) checked(b parley.Bounds, what lost) {
	switch f.sawEpoch(b.Epoch); {
	case b.Last > 0:
		f.heard(b.Channel, b.Last)
	case what != lostNothing && b.Channel.Internal(): // a nudge may have been lost
		f.grown(b.Channel)
	}
	if what == lostEvents && !b.Channel.Internal() && f.hub.Follows(b.Channel) {
		f.missed(b.Channel)
	}
}
