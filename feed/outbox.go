package feed

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// outbox lists the channels that this node has noted in the store as unfinished, where
// projections are written after the append. The log is the outbox; the notes say where to read it.
//
//	first draft ──PutUnfinished, or with the append──▶ noted ──projected, nothing in flight──▶ clean
//	                 ▲                                                                           │
//	                 └──────── next draft ──────── RemoveUnfinished ◀──── noteKeeps later ───────┘
type outbox struct {
	mu       sync.Mutex
	channels map[parley.ChannelID]*unfinished
	removals int // rounds of them
}

type unfinished struct {
	noted    bool          // the store has the note
	inFlight int           // queues that append
	left     step          // what was not begun for entries that were appended
	until    time.Time     // until then an append of unknown outcome may still be stored
	clean    time.Time     // since when nothing is left to do; zero: something may be
	removing chan struct{} // closed when the note is removed; nil: it is not being removed
}

// step is a set of what is done after an append.
type step uint8

const (
	toProject step = 1 << iota
	toGive
)

const (
	outboxTime   = 5 * time.Second  // bounds one call to the store
	unknownKeeps = time.Minute      // for so long an append of unknown outcome may still be stored
	takeOverLook = 10 * time.Second // how often the notes of other nodes are checked
	noteKeeps    = 5 * time.Second  // a note costs a write before the append, so a channel with occasional messages keeps its note
	takeOverPage = 1000
)

var errOutbox = &parley.Error{
	Code:   parley.CodeUnavailable,
	Detail: "the store did not note the channel",
	Hint:   "try again",
	Err:    parley.ErrUnavailable,
}

// begin notes a channel before an append to it. If the append can note it, in the same step, begin only reports that it must.
func (f *Feed) begin(channel parley.ChannelID, can bool) (must bool, err error) {
	if f.cfg.Outbox == nil {
		return false, nil
	}
	o := &f.outbox
	for {
		o.mu.Lock()
		u := o.channels[channel]
		if u == nil && can {
			u = &unfinished{}
			o.channels[channel] = u
		}
		switch {
		case u != nil && u.removing != nil:
			removing := u.removing
			o.mu.Unlock()
			<-removing
		case u != nil && (u.noted || can):
			u.inFlight++
			u.clean = time.Time{}
			must = !u.noted
			o.mu.Unlock()
			return must, nil
		default:
			removals := o.removals
			o.mu.Unlock()
			if err := f.put(channel); err != nil {
				return false, err
			}
			o.mu.Lock()
			if o.removals == removals { // else the note may have been removed again
				if u = o.channels[channel]; u == nil {
					u = &unfinished{}
					o.channels[channel] = u
				}
				u.noted = true
			}
			o.mu.Unlock()
		}
	}
}

// put notes a channel in the store.
func (f *Feed) put(channel parley.ChannelID) error {
	ctx, cancel := context.WithTimeout(context.Background(), outboxTime)
	defer cancel()
	if err := f.cfg.Outbox.PutUnfinished(ctx, f.cfg.Node, channel); err != nil {
		return errors.Join(errOutbox, err)
	}
	return nil
}

// end says that an append is over, which has noted the channel if it had to and anything was stored.
func (f *Feed) end(channel parley.ChannelID, results []parley.Result) {
	if f.cfg.Outbox == nil {
		return
	}
	f.outbox.mu.Lock()
	defer f.outbox.mu.Unlock()
	u := f.outbox.channels[channel]
	u.inFlight--
	for i := range results {
		switch err := results[i].Err; {
		case err == nil:
			u.noted = true
		case errors.Is(err, parley.ErrUnknown):
			u.until = f.cfg.Clock().Add(unknownKeeps)
		}
	}
}

// left notes that a step must be done for a channel.
func (o *outbox) left(channel parley.ChannelID, s step) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if u := o.channels[channel]; u != nil {
		u.left |= s
		u.clean = time.Time{}
	}
}

// begun notes that a step begins, for all that was appended so far.
func (o *outbox) begun(channel parley.ChannelID, s step) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if u := o.channels[channel]; u != nil {
		u.left &^= s
	}
}

// finished notes that the entries of a channel were projected, and that no work is left on them. Unless more may follow,
// its note is removed after noteKeeps.
func (f *Feed) finished(channel parley.ChannelID) {
	o := &f.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	u := o.channels[channel]
	if u == nil || u.inFlight > 0 || u.left != 0 || f.cfg.Clock().Before(u.until) || f.worksOn(channel) {
		return
	}
	u.clean = f.cfg.Clock()
}

// removeClean removes the notes of quiet channels, and rechecks those for which something may be left to do.
func (f *Feed) removeClean(ctx context.Context) {
	o := &f.outbox
	now := f.cfg.Clock()
	var quiet []parley.ChannelID
	done := make(chan struct{})
	o.mu.Lock()
	for channel, u := range o.channels {
		switch {
		case u.inFlight > 0:
		case u.clean.IsZero():
			f.projects.add(channel)
		case now.Sub(u.clean) >= noteKeeps:
			u.removing = done
			quiet = append(quiet, channel)
		}
	}
	o.mu.Unlock()
	for some := range slices.Chunk(quiet, takeOverPage) {
		until, cancel := context.WithTimeout(ctx, outboxTime)
		_ = f.cfg.Outbox.RemoveUnfinished(until, f.cfg.Node, some...) // an unnecessary note costs one check
		cancel()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, channel := range quiet {
		delete(o.channels, channel)
	}
	if len(quiet) > 0 {
		o.removals++
	}
	close(done)
}

// takeOver projects what dead nodes left unfinished, and what this node could not be sure of,
// until ctx ends.
func (f *Feed) takeOver(ctx context.Context) error {
	for first := f.cfg.Bus == nil; first || pause(ctx, takeOverLook); first = false { // alone, it need not wait for other nodes
		f.removeClean(ctx)
		nodes, err := f.cfg.Outbox.UnfinishedNodes(ctx)
		if err != nil {
			continue
		}
		for _, node := range f.gone(nodes) {
			_ = f.finish(ctx, node) // the next time
		}
	}
	return nil
}

// finish announces and projects what a node has left. If two nodes do so at once, it does no
// harm.
func (f *Feed) finish(ctx context.Context, node string) error {
	for after := parley.ChannelID(""); ; {
		channels, err := f.cfg.Outbox.Unfinished(ctx, node, after, takeOverPage)
		if err != nil || len(channels) == 0 {
			return err
		}
		bs, err := f.log.Bounds(ctx, channels...)
		if err != nil {
			return err
		}
		for i, channel := range channels {
			if bs[i].Last > 0 {
				f.digest.note(channel, bs[i].Last)
				f.heard(channel, bs[i].Last)
			}
			f.projects.add(channel) // not here: this node may be projecting it already
		}
		for _, channel := range channels {
			f.projects.wait(ctx, channel)
			f.gives.wait(ctx, channel)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := f.cfg.Outbox.RemoveUnfinished(ctx, node, channels...); err != nil {
			return err
		}
		after = channels[len(channels)-1]
	}
}

// gone returns those of the nodes that no longer run.
func (f *Feed) gone(nodes []string) []string {
	if f.cfg.Bus == nil {
		return slices.DeleteFunc(nodes, func(node string) bool { return node == f.cfg.Node })
	}
	return f.digest.silent(nodes, f.cfg.Node, f.cfg.Clock())
}

// silent returns the nodes that have been silent for so long that they are gone. A node counts
// as heard when it first appears in a list.
func (d *digest) silent(nodes []string, self string, now time.Time) (gone []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, node := range nodes {
		if node == self {
			continue
		}
		p := d.peers[node]
		if p == nil {
			d.peers[node] = &peer{heard: now, unheard: true}
			continue
		}
		if now.Sub(p.heard) >= peerForgot {
			gone = append(gone, node)
		}
	}
	return gone
}
