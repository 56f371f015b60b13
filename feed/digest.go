package feed

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
)

// headsChannel is the topic on which nodes tell each other which channels grew by their
// appends, and to which id. No client can name it.
const headsChannel parley.ChannelID = "$heads"

// Every node receives every digest. So that the cost to a node does not grow with their number, more than checkNodes nodes
// send theirs less often: 50 once a second, and every 15 s if they are quiet.
const (
	digestEvery = 200 * time.Millisecond
	digestLate  = time.Second      // at most so seldom
	digestQuiet = 5 * time.Second  // an empty digest shows that the node is alive, and that the bus delivers
	quietLate   = 15 * time.Second // at most so seldom
	digestSize  = 8 << 10
	peerForgot  = time.Minute // a node that was silent for so long is gone
	judgeEvery  = time.Second // how often a node judges whether the bus delivers
)

// quiet is after how long one of many nodes sends an empty digest. Without an own one for twice as long, the bus does not deliver.
func quiet(nodes int) time.Duration { return min(shared(digestQuiet, nodes), quietLate) }

// digest is what this node announces, and what it has received from each other node.
type digest struct {
	ticks *clock.OnDemand // wakes announce

	mu    sync.Mutex
	grown map[parley.ChannelID]int64
	seq   uint64
	own   time.Time // when this node last received its own digest
	deaf  bool
	why   error // why the last publish failed
	peers map[string]*peer
}

type peer struct {
	seq      uint64
	settings uint64
	heard    time.Time
	unheard  bool // it is only known from the store, since heard
	events   window
}

// note adds a head to the next digest.
func (d *digest) note(channel parley.ChannelID, head int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.grown[channel] = max(d.grown[channel], head)
	d.ticks.Need()
}

// hasGrown reports whether there is something to announce.
func (d *digest) hasGrown() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.grown) > 0
}

// Nudge has OnGrown called on the other nodes that watch a topic. Nothing is stored in it, and
// it need not be a channel.
func (f *Feed) Nudge(topic parley.ChannelID) {
	if f.cfg.Bus != nil {
		f.digest.note(topic, 0)
	}
}

// announce tells the other nodes which channels grew, until ctx ends.
func (f *Feed) announce(ctx context.Context) error {
	f.digest.delivers(f.cfg.Clock())
	var joining sync.WaitGroup
	defer joining.Wait()
	joining.Go(func() { f.joinHeads(ctx) })
	var last time.Time
	var failed error // of the last publish
	for f.digest.ticks.Wait(ctx, f.digest.hasGrown) {
		now := f.cfg.Clock()
		since := now.Sub(last)
		var pieces [][]byte
		if nodes := f.digest.nodes(); since >= min(shared(digestEvery, nodes), digestLate)-digestEvery/2 { // a tick may come early
			pieces = f.nextDigest(since >= quiet(nodes)-digestEvery/2)
		}
		for _, piece := range pieces {
			failed = f.publishDigest(ctx, piece)
			last = now
		}
		f.judgeBus(now, failed)
	}
	return nil
}

// digestTime bounds a publish of a digest: whether the bus delivers must be judged in any case.
const digestTime = 3 * time.Second

func (f *Feed) publishDigest(ctx context.Context, piece []byte) error {
	ctx, cancel := context.WithTimeout(ctx, digestTime)
	defer cancel()
	return f.cfg.Bus.Publish(ctx,
		parley.Envelope{Node: f.cfg.Node, Epoch: f.hub.Epoch(), Channel: headsChannel, Event: &parley.Event{Object: piece}})
}

// joinHeads joins the topic of digests, however long that takes.
func (f *Feed) joinHeads(ctx context.Context) {
	for f.cfg.Bus.Join(ctx, headsChannel) != nil {
		if !pause(ctx, retryEvery) {
			return
		}
	}
	f.suspect(lostHeads) // what grew before the bus was there
}

// judgeBus notes whether the bus delivers, and why it may not.
func (f *Feed) judgeBus(now time.Time, failed error) {
	deaf, changed := f.digest.isDeaf(now, failed)
	if changed {
		f.cfg.Events.BusDeaf(deaf)
	}
	switch {
	case changed && deaf:
		why := slog.Any("error", failed)
		if failed == nil {
			why = slog.String("error", "none: it accepts messages")
		}
		f.cfg.Logger.Warn("the bus delivers nothing; other nodes' messages are found by reading the log", why)
	case changed:
		f.cfg.Logger.Info("the bus delivers again")
	}
	if deaf {
		f.suspect(lostEvents)
	}
}

// A piece of a digest: a version, the hash of the node's settings, a number, and for each
// channel its hash and its head, 0 for a topic in which nothing is stored.
const digestVersion = 1

// nextDigest encodes the heads that have moved since the last one. It returns nothing if none has,
// unless forced.
func (f *Feed) nextDigest(always bool) (pieces [][]byte) {
	d := &f.digest
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.grown) == 0 && !always {
		return nil
	}
	begin := func() []byte {
		d.seq++
		b := append(make([]byte, 0, 64), digestVersion)
		b = binary.BigEndian.AppendUint64(b, f.cfg.Settings)
		return binary.AppendUvarint(b, d.seq)
	}
	piece := begin()
	for channel, head := range d.grown {
		if len(piece) > digestSize-18 {
			pieces = append(pieces, piece)
			piece = begin()
		}
		piece = binary.BigEndian.AppendUint64(piece, hashOf(channel))
		piece = binary.AppendUvarint(piece, uint64(head))
	}
	clear(d.grown)
	return append(pieces, piece)
}

// headOf is a channel's head in a digest.
type headOf struct {
	hash uint64
	head int64
}

var errDigest = errors.New("not a digest of this version")

func parseDigest(b []byte) (settings, seq uint64, heads []headOf, err error) {
	if len(b) < 10 || b[0] != digestVersion {
		return 0, 0, nil, errDigest
	}
	settings = binary.BigEndian.Uint64(b[1:])
	seq, n := binary.Uvarint(b[9:])
	if n <= 0 {
		return 0, 0, nil, errDigest
	}
	for b = b[9+n:]; len(b) > 0; b = b[8+n:] {
		if len(b) < 9 {
			return 0, 0, nil, errDigest
		}
		head, m := binary.Uvarint(b[8:])
		if m <= 0 || head > 1<<62 {
			return 0, 0, nil, errDigest
		}
		heads = append(heads, headOf{binary.BigEndian.Uint64(b), int64(head)})
		n = m
	}
	return settings, seq, heads, nil
}

// receive processes a piece of a node's digest.
func (f *Feed) receive(e *parley.Envelope) {
	if e.Event == nil {
		return
	}
	settings, seq, heads, err := parseDigest(e.Event.Object)
	if err != nil {
		f.suspect(lostHeads) // a node of another version; what it appends is found by checking
		return
	}
	missed, changed := f.digest.from(e.Node, f.cfg.Node, seq, settings, f.cfg.Settings, f.cfg.Clock())
	if changed {
		f.cfg.Events.Differing(e.Node, settings == f.cfg.Settings)
	}
	if changed && settings != f.cfg.Settings {
		f.cfg.Logger.Warn("another node has other settings: give all nodes the same namespaces, limits and retention", "node", e.Node)
	}
	if e.Node == f.cfg.Node {
		return
	}
	if missed != lostNothing {
		f.suspect(missed)
	}
	if f.sawEpoch(e.Epoch); e.Epoch != f.hub.Epoch() {
		return
	}
	for _, h := range heads {
		for _, channel := range f.joins.named(h.hash) {
			if h.head == 0 {
				f.grown(channel)
			} else {
				f.heard(channel, h.head)
			}
		}
	}
}

// from notes a digest of a node. missed reports whether an earlier one was lost or late, or the node
// is new; changed whether the node's settings differ from those that it had, or at first from this
// node's own.
func (d *digest) from(node, self string, seq, settings, own uint64, now time.Time) (missed lost, changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if node == self {
		d.own = now
		return lostNothing, false
	}
	p := d.peerLocked(node, own)
	switch {
	case seq == p.seq+1:
	case p.seq == 0, seq <= p.seq: // the node is new here, or its envelopes arrive out of order
		missed = lostHeads
	default:
		missed = lostEvents
	}
	changed = settings != p.settings
	p.seq, p.settings, p.heard = max(seq, p.seq), settings, now
	return missed, changed
}

// delivers notes that an own digest has arrived, or that none could have yet.
func (d *digest) delivers(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own = now
}

// isDeaf reports whether the bus delivers nothing, and whether that has changed. It forgets nodes
// that were silent for long. While the bus delivers nothing, no node counts as silent.
func (d *digest) isDeaf(now time.Time, why error) (deaf, changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.why = why
	deaf = now.Sub(d.own) > 2*quiet(d.nodesLocked())
	for node, p := range d.peers {
		switch {
		case deaf:
			p.heard = now
		case now.Sub(p.heard) > 2*peerForgot:
			delete(d.peers, node)
		}
	}
	changed, d.deaf = deaf != d.deaf, deaf
	return deaf, changed
}

// named returns the channels that have a hash.
func (js *joins) named(hash uint64) (all []parley.ChannelID) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for j := js.byHash[hash]; j != nil; j = j.next {
		all = append(all, j.channel)
	}
	return all
}

// nodes is the number of nodes that this one has heard of, itself included.
func (d *digest) nodes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nodesLocked()
}

func (d *digest) nodesLocked() int {
	n := 1
	for _, p := range d.peers {
		if !p.unheard {
			n++
		}
	}
	return n
}

// Peers reports whether the bus fails to deliver, the other nodes whose settings differ from this node's, and why the bus fails,
// if that is known.
func (f *Feed) Peers() (deaf bool, differing []string, why error) {
	d := &f.digest
	d.mu.Lock()
	defer d.mu.Unlock()
	for node, p := range d.peers {
		if p.settings != f.cfg.Settings && !p.unheard {
			differing = append(differing, node)
		}
	}
	return d.deaf, differing, d.why
}
