package feed

import (
	"context"
	"slices"

	"github.com/parley-server/parley"
)

// mostAnnounced is how many bytes of entries travel with an announcement. If there are more,
// only the head is announced, and each node that needs the entries reads them once.
const mostAnnounced = 256 << 10

// tell announces to the other nodes what this node has appended.
func (f *Feed) tell(channel parley.ChannelID, epoch string, entries []parley.Message) {
	if f.cfg.Bus == nil {
		return
	}
	e := parley.Envelope{Node: f.cfg.Node, Epoch: epoch, Channel: channel, Head: entries[len(entries)-1].ID}
	size := 0
	for i := range entries {
		size += len(entries[i].Text) + len(entries[i].Data) + 256
	}
	contiguous := entries[len(entries)-1].ID-entries[0].ID == int64(len(entries)-1)
	if size <= mostAnnounced && contiguous { // duplicates may lie anywhere
		e.Messages = slices.Clone(entries)
	}
	f.digest.note(channel, e.Head)
	f.post(e)
}

// post queues an envelope for the bus, unless the queue is full. It does not block.
func (f *Feed) post(e parley.Envelope) {
	select {
	case f.out[hashOf(e.Channel)%uint64(len(f.out))] <- e:
	default:
	}
}

// send publishes the envelopes of a queue until ctx ends. It does not retry, because envelopes
// are hints.
func (f *Feed) send(ctx context.Context, out <-chan parley.Envelope) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-out:
			_ = f.cfg.Bus.Publish(ctx, e)
		}
	}
}

// handler is the feed as its bus calls it.
type handler struct{ *Feed }

var _ parley.BusHandler = handler{}

// Deliver implements parley.BusHandler.
func (f handler) Deliver(e parley.Envelope) {
	if e.Channel == headsChannel {
		f.receive(&e)
		return
	}
	if e.Node == f.cfg.Node {
		return
	}
	if e.Event != nil && f.digest.isNew(e.Node, e.Seq, f.cfg.Settings, f.cfg.Clock()) {
		f.told(*e.Event, f.hub.Event(e.Channel, *e.Event))
	}
	switch f.sawEpoch(e.Epoch); {
	case e.Epoch != f.hub.Epoch():
	case len(e.Messages) > 0:
		f.take(e.Channel, e.Epoch, e.Messages)
	case e.Head > 0:
		f.heard(e.Channel, e.Head)
	}
}

// Lost implements parley.BusHandler.
func (f handler) Lost() {
	f.cfg.Events.BusLost()
	f.suspect(lostEvents)
}

// heard notes a head that another node or the log named.
func (f *Feed) heard(channel parley.ChannelID, head int64) {
	if at, followed := f.hub.Head(channel); followed && at < head {
		f.repairs.add(channel)
	}
	if f.joins.reached(channel, head) {
		f.grown(channel)
	}
}
