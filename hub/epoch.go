package hub

import (
	"context"
	"math"

	"parley"
)

// The store may lose entries and begin a new epoch: ids continue from what survived, so an
// id no longer says which message it is. Whatever this node knows of channels is then
// forgotten, and every session is told by a reset:
//
//	followed in epoch A ──Restart(B)──▶ pos = mustReset, rung ──Load: bounds of B──▶ reset sent, at B's head

// mustReset is the position of a follow whose cursor is of another epoch. It is guarded by
// the topic's mu, as every position is.
const mustReset = math.MaxUint64

// Epoch is the one that the hub's channels belong to, "" if the log has not named one.
func (h *Hub) Epoch() string {
	if e := h.epoch.Load(); e != nil {
		return *e
	}
	return ""
}

// adopt reports whether an epoch is the hub's. The first one that it hears of is.
func (h *Hub) adopt(epoch string) bool {
	if e := h.epoch.Load(); e != nil {
		return *e == epoch
	}
	return h.epoch.CompareAndSwap(nil, &epoch) || h.adopt(epoch)
}

// Restart forgets everything that is known of channels, as it is of an epoch that has ended,
// and resets every session. Calls of one hub must not overlap.
func (h *Hub) Restart(epoch string) {
	if h.adopt(epoch) {
		return
	}
	h.epoch.Store(&epoch) // from here on nothing of the old epoch is taken
	h.pages.clear()
	var all []*topic
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		for _, t := range s.topics.slots {
			if t != nil {
				all = append(all, t)
			}
		}
		s.mu.Unlock()
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	for _, t := range all {
		t.mu.Lock()
		dropped := t.recent.cut()
		t.head, t.seen = unknown, 0
		for f := t.first; f != nil; f = f.after {
			f.pos = mustReset
		}
		h.finish(t, true, -dropped, sc)
	}
}

// join has the source show the channel to the hub, and returns its bounds.
func (h *Hub) join(ctx context.Context, channel parley.ChannelID) ([]parley.Bounds, error) {
	if err := h.source.Join(ctx, channel); err != nil {
		return nil, err
	}
	return h.source.Bounds(ctx, channel)
}

// restart gives a follow whose cursor is of an epoch that has ended its place in the new one,
// and tells the session. It does nothing to others. The error is the store's, or that the hub
// does not know the epoch yet.
func (s *Session) restart(ctx context.Context, f *follow) (done bool, err error) {
	t := f.topic
	t.mu.Lock()
	must := f.pos == mustReset
	t.mu.Unlock()
	if !must {
		return false, nil
	}
	bs, err := s.hub.source.Bounds(ctx, t.channel)
	if err != nil {
		return false, err
	}
	if !s.hub.adopt(bs[0].Epoch) {
		return false, parley.ErrEpoch
	}
	r := &parley.Reset{Reason: "epoch", First: bs[0].First, Last: bs[0].Last}
	t.mu.Lock()
	f.pos, f.live = 0, false
	t.mu.Unlock()
	f.id = r.After()
	s.hub.attach(f, bs[0])
	s.SendReset(t.channel, r)
	s.ring(f)
	return true, nil
}

// clear drops every page. Whoever reads in one of them reads it again.
func (p *pages) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.lru.Front(); e != nil; e = e.Next() {
		e.Value.(*pageEntry).page.stale.Store(true)
	}
	p.lru.Init()
	clear(p.byChannel)
	p.size = 0
}
