// Package feed is the one way into a node's channels. Entries that this node appended, that
// another node announced and that a repair read all reach the hub, and every component that
// must learn that a channel grew, through the same call. The log is the truth, the bus is a
// hint.
package feed

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/internal/clock"
)

// Config of a Feed. The zero value is for a node that is alone.
type Config struct {
	Hub      hub.Config
	Node     string        // names this run of the node among the others; required with a Bus
	Bus      parley.Bus    // nil: there are no other nodes
	Index    parley.Index  // projected after each append; nil: the log's own, which it writes with each append
	Outbox   parley.Outbox // with Index or AddWork: what other nodes finish if this one dies; nil: no node does
	Settings uint64        // a hash of the settings that must be the same on every node
	Logger   *slog.Logger  // slog.Default()
	Events   parley.Events
	Clock    func() time.Time
}

// Feed appends to a log and passes what the log holds to its hub. All methods may be called
// concurrently.
type Feed struct {
	// fixed after construction
	log    parley.Log
	cfg    Config
	hub    *hub.Hub
	seed   maphash.Seed
	shards [64]shard
	grown  func(channel parley.ChannelID)
	facts  func(channel parley.ChannelID, facts []parley.Fact)
	told   func(e parley.Event, followers int)
	missed func(channel parley.ChannelID)
	works  []Work
	events atomic.Uint64 // number of this node's events that were published on the bus

	epochs   chan struct{} // holds a token if the log named another epoch than the hub's
	repairs  *keyed
	projects *keyed
	gives    *keyed // channels to pass to the Works
	late     *keyed // channels that the bus has not confirmed in time
	joins    joins
	out      []chan parley.Envelope // by the hash of the channel
	digest   digest
	outbox   outbox
}

type shard struct {
	mu     sync.Mutex
	queues map[parley.ChannelID]*appendQueue
}

// outQueues carry envelopes to the bus, those of one channel in their order. An envelope that
// finds its queue full is dropped: the digest of heads still names the channel.
const (
	outQueues = 4
	outWaits  = 256
)

// New creates a feed over a log, with its hub.
func New(log parley.Log, cfg Config) *Feed {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Events = cfg.Events.Complete()
	cfg.Hub.Events = cfg.Events
	f := &Feed{log: log, cfg: cfg, seed: maphash.MakeSeed(), epochs: make(chan struct{}, 1),
		grown: func(parley.ChannelID) {}, facts: func(parley.ChannelID, []parley.Fact) {}, told: func(parley.Event, int) {},
		missed: func(parley.ChannelID) {},
		joins:  joins{byHash: map[uint64]*join{}, leaves: map[*join]time.Time{}, looks: clock.NewOnDemand(leaveLooks, 0)},
		digest: digest{ticks: clock.NewOnDemand(digestEvery, judgeEvery), grown: map[parley.ChannelID]int64{}, peers: map[string]*peer{}},
		outbox: outbox{channels: map[parley.ChannelID]*unfinished{}}}
	for i := range f.shards {
		f.shards[i].queues = map[parley.ChannelID]*appendQueue{}
	}
	if cfg.Bus != nil {
		for range outQueues {
			f.out = append(f.out, make(chan parley.Envelope, outWaits))
		}
	}
	f.repairs, f.projects, f.late = newKeyed(f.repairChannel, 0), newKeyed(f.projectChannel, projectRest), newKeyed(f.joinLate, 0)
	f.gives = newKeyed(f.giveChannel, 0)
	f.hub = hub.New(source{f}, cfg.Hub)
	return f
}

// Hub returns the feed's hub.
func (f *Feed) Hub() *hub.Hub { return f.hub }

// OnGrown sets two functions that are called after entries were delivered here: grown when a
// channel has new entries, whichever node stored them, and facts with the facts of entries that
// this node stored or projected. Neither may block. It is called before the first Publish.
func (f *Feed) OnGrown(grown func(channel parley.ChannelID), facts func(channel parley.ChannelID, facts []parley.Fact)) {
	f.grown = func(channel parley.ChannelID) {
		grown(channel)
		for _, w := range f.works {
			w.Grown(channel)
		}
	}
	f.facts = facts
}

// Shared reports whether there may be other nodes.
func (f *Feed) Shared() bool { return f.cfg.Bus != nil }

// OnEvent sets the function that is called with each event of another node, and the number of
// sessions of this one that received it. It must not block, and is set before Run.
func (f *Feed) OnEvent(told func(e parley.Event, followers int)) { f.told = told }

// OnMissed sets the function that is called with each channel that sessions of this node follow, after
// events of other nodes may have been lost. It must not block, and is set before Run.
func (f *Feed) OnMissed(missed func(channel parley.ChannelID)) { f.missed = missed }

// Run keeps the hub within its bounds and follows the other nodes, until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.hub.Run(ctx) })
	g.Go(func() error { return f.followEpochs(ctx) })
	g.Go(func() error { return f.repairs.run(ctx) })
	g.Go(func() error { return f.projects.run(ctx) })
	g.Go(func() error { return f.gives.run(ctx) })
	if f.cfg.Outbox != nil {
		g.Go(func() error { return f.takeOver(ctx) })
	}
	if f.cfg.Bus != nil {
		g.Go(func() error { return f.cfg.Bus.Run(ctx, handler{f}) })
		for _, out := range f.out {
			g.Go(func() error { return f.send(ctx, out) })
		}
		g.Go(func() error { return f.late.run(ctx) })
		g.Go(func() error { return f.announce(ctx) })
		g.Go(func() error { return f.check(ctx) })
		g.Go(func() error { return f.leaveUnfollowed(ctx) })
	}
	return g.Wait()
}

func (f *Feed) shard(channel parley.ChannelID) *shard {
	return &f.shards[maphash.String(f.seed, string(channel))%uint64(len(f.shards))]
}

// scratch holds the entries of one batch, to be used again.
var scratch = sync.Pool{New: func() any { return new([]parley.Message) }}

// appended processes the results of an append.
func (f *Feed) appended(channel parley.ChannelID, results []parley.Result) {
	kept := scratch.Get().(*[]parley.Message)
	entries, epoch, derived := *kept, "", true
	defer func() {
		clear(entries[:cap(entries)])
		*kept = entries[:0]
		scratch.Put(kept)
	}()
	for i := range results {
		switch r := &results[i]; {
		case errors.Is(r.Err, parley.ErrUnknown):
			f.repairs.add(channel) // the entry may be there, and no other node announces it
		case r.Err == nil && !r.Unchanged:
			if epoch != r.Epoch && epoch != "" { // the log changed its epoch between two parts of a batch
				f.take(channel, epoch, entries)
				entries = entries[:0]
			}
			entries, epoch = append(entries, r.Message), r.Epoch
			derived = derived && r.Derived
		}
	}
	if len(entries) == 0 {
		return
	}
	f.take(channel, epoch, entries)
	f.tell(channel, epoch, entries)
	f.project(channel, derived)
	for i := range results {
		if len(results[i].Facts) > 0 {
			f.facts(channel, results[i].Facts)
		}
	}
}

// take is the one way in: entries that the log holds, in their order.
func (f *Feed) take(channel parley.ChannelID, epoch string, entries []parley.Message) {
	f.sawEpoch(epoch)
	if _, contiguous := f.hub.Grown(channel, epoch, entries); !contiguous {
		f.repairs.add(channel)
	}
	f.joins.reached(channel, entries[len(entries)-1].ID)
	f.grown(channel)
}

// Settle waits, until ctx ends, for the drafts that were passed to Publish before it to be
// stored, and for what is derived from them to be readable.
func (f *Feed) Settle(ctx context.Context, channel parley.ChannelID) {
	f.settle(ctx, channel)
	f.projects.wait(ctx, channel)
}

// Event sends an event to the streams of a channel on all nodes, and returns the number of
// sessions that follow the channel on this one.
func (f *Feed) Event(channel parley.ChannelID, e parley.Event) (followers int) {
	if f.cfg.Bus != nil {
		f.post(parley.Envelope{Node: f.cfg.Node, Epoch: f.hub.Epoch(), Channel: channel, Event: &e, Seq: f.events.Add(1)})
	}
	return f.hub.Event(channel, e)
}

// source is the feed as its hub reads it.
type source struct{ *Feed }

var _ hub.Source = source{}

// Read implements hub.Source.
func (s source) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	run, err := s.log.Read(ctx, channel, after, limit)
	if err == nil {
		s.sawEpoch(run.Epoch)
	}
	return run, err
}

// Bounds implements hub.Source.
func (s source) Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	bs, err := s.log.Bounds(ctx, channels...)
	if err == nil && len(bs) > 0 {
		s.sawEpoch(bs[0].Epoch)
	}
	return bs, err
}
