package hub

import (
	"context"
	"math"
	"time"

	"github.com/parley-server/parley"
)

// The store may lose entries and begin a new epoch: ids continue from those that survived, so an
// id no longer identifies a message. Everything that this node knows of channels is then
// dropped, and every session receives a reset:
//
//	followed in epoch A ──Restart(B)──▶ pos = mustReset, rung ──Load: bounds of B──▶ reset sent, at B's head
//
// Entries that are stored while channels are dropped are not taken: the bounds that every session then
// reads include them.

// mustReset is the position of a follow whose cursor is of another epoch. It is guarded by the
// topic's mu, like every position.
const mustReset = math.MaxUint64

// Epoch returns the epoch of the hub's channels, "" if the log has not named one.
func (h *Hub) Epoch() string {
	if e := h.epoch.Load(); e != nil {
		return *e
	}
	return ""
}

// adopt reports whether an epoch is the hub's. The hub adopts the first one that it sees.
func (h *Hub) adopt(epoch string) bool {
	if e := h.epoch.Load(); e != nil {
		return *e == epoch
	}
	return h.epoch.CompareAndSwap(nil, &epoch) || h.adopt(epoch)
}

// Restart drops everything that is known of channels, because it belongs to an epoch that has
// ended, and resets every session. Calls for one hub must not overlap.
func (h *Hub) Restart(epoch string) {
	if h.adopt(epoch) {
		return
	}
	h.epoch.Store(&between) // nothing is taken, and no session begins, before every channel was dropped
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
	h.epoch.Store(&epoch)
}

// between is not an epoch.
var between = ""

// When bounds name an epoch that the hub does not know yet, they are read again after adoptEvery;
// a node follows its store within milliseconds, or not at all.
const (
	adoptEvery = 5 * time.Millisecond
	adoptWaits = 5 * time.Second
)

// join has the source show the channel to the hub, and returns its bounds, which are of the hub's
// epoch: otherwise a follow that began before the hub knows a new epoch would be reset once more.
func (h *Hub) join(ctx context.Context, channel parley.ChannelID) (parley.Bounds, error) {
	if err := h.source.Join(ctx, channel); err != nil {
		return parley.Bounds{}, err
	}
	for waited := time.Duration(0); ; waited += adoptEvery {
		bs, err := h.source.Bounds(ctx, channel)
		switch {
		case err != nil:
			return parley.Bounds{}, err
		case h.adopt(bs[0].Epoch):
			return bs[0], nil
		case waited > adoptWaits:
			return parley.Bounds{}, parley.ErrUnavailable
		}
		select {
		case <-time.After(adoptEvery):
		case <-ctx.Done():
			return parley.Bounds{}, ctx.Err()
		}
	}
}

// restart moves a follow whose cursor is of an ended epoch to its place in the new one, and
// sends the session a reset. It ignores other follows. The error is the store's, or that the
// hub does not know the epoch yet.
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
	s.restartAt(f, bs[0])
	return true, nil
}

// restartAt moves a follow to its place in the new epoch, and sends the session a reset.
func (s *Session) restartAt(f *follow, b parley.Bounds) {
	t := f.topic
	r := &parley.Reset{Reason: "epoch", First: b.First, Last: b.Last}
	t.mu.Lock()
	f.pos, f.live = 0, false
	t.mu.Unlock()
	f.id = r.After()
	s.hub.attach(f, b)
	s.SendReset(t.channel, r)
	s.ring(f)
}

// Epoch returns the hub's epoch. If it is the same before and after a call of Next, the result
// belongs to it.
func (s *Session) Epoch() string { return s.hub.Epoch() }

// Restart resets all channels of a session at once and returns the epoch that all of its cursors
// then belong to. It drops the session's pending output. It may block. The error is the store's,
// or ErrEpoch while the hub does not know the epoch.
func (s *Session) Restart(ctx context.Context) (epoch string, err error) {
	var channels []parley.ChannelID
	s.Channels(func(channel parley.ChannelID, _ int64) { channels = append(channels, channel) })
	bs, err := s.hub.source.Bounds(ctx, channels...)
	if err != nil {
		return "", err
	}
	if epoch = bs[0].Epoch; !s.hub.adopt(epoch) {
		return "", parley.ErrEpoch
	}
	s.TakeOwn()
	s.mu.Lock()
	if t := s.pending; t != nil {
		t.page, t.isBehind = nil, false
	}
	s.mu.Unlock()
	i := 0
	for f := range s.follows() {
		s.restartAt(f, bs[i])
		i++
	}
	return epoch, nil
}

// clear drops every page. Sessions that read in one of them read it again.
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
