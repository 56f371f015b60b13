package hub

import (
	"slices"

	"github.com/parley-server/parley"
)

// changed makes every later read show messages as they are after these entries: pages that
// contain them are read again. It must be called before deliver, which hides the recent bytes.
func (h *Hub) changed(channel parley.ChannelID, entries []parley.Message) {
	for i := range entries {
		if m := &entries[i]; m.Change != "" {
			h.pages.changed(channel, m.Of, m.Change == parley.ChangeDelete)
		}
	}
}

// ForgetPages drops a channel's pages, because this node no longer learns of changes in it.
func (h *Hub) ForgetPages(channel parley.ChannelID) {
	h.pages.forget(channel, func(*page) bool { return true })
}

// Forget makes readers of a channel that was removed read its bounds again.
func (h *Hub) Forget(channel parley.ChannelID) {
	h.ForgetPages(channel)
	if t := h.topic(channel); t != nil {
		t.mu.Lock()
		dropped := t.recent.cut()
		t.mu.Unlock()
		h.grow(-dropped)
	}
}

// changed drops the pages that show a message, and if it was deleted those with
// earlier changes of it.
func (p *pages) changed(channel parley.ChannelID, of int64, deleted bool) {
	p.forget(channel, func(pg *page) bool {
		select {
		case <-pg.ready:
			return pg.after < of && of <= pg.last || deleted && slices.Contains(pg.changes, of)
		default: // it may have been read before
			return true
		}
	})
}

// forget drops those pages of a channel. Sessions that read in one of them read it again.
func (p *pages) forget(channel parley.ChannelID, which func(*page) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for start, e := range p.byChannel[channel] {
		if pg := e.Value.(*pageEntry).page; which(pg) {
			pg.stale.Store(true)
			p.drop(pageKey{channel, start}, pg)
		}
	}
}

// hide takes a message that has changed, and all before it, out of the recent bytes; with
// deleted also earlier changes of it. Sessions that have not seen them read pages, where
// messages are in their current state. It returns how many bytes were dropped.
func (r *recent) hide(of int64, deleted bool) (dropped int) {
	if r.kept == nil {
		return 0
	}
	for i, s := range slices.Backward(r.slots) {
		if s.skip != nil || s.id != of && !(deleted && s.of == of) {
			continue
		}
		r.from = max(r.from, r.base+uint64(i)+1)
		for f := range r.tapes {
			t := &r.tapes[f]
			before := t.size
			for len(t.chunks) > 0 && t.chunks[0].end() <= r.from {
				t.dropFirst()
			}
			dropped += before - t.size
		}
		r.trimSlots()
		break
	}
	return dropped
}

// end is the position after a chunk's last slot.
func (c *chunk) end() uint64 { return c.first + uint64(len(c.ends)) }
