package hub

import (
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// moreEvery is the least time between two "more" frames to the streams of a channel that is fanned out
// on read.
const moreEvery = time.Second

// more is the last "more" of a channel that is fanned out on read. While it is recent, further
// messages only make it pending:
//
//	message ──▶ sent at once ──message──▶ pending ──a second after──▶ sent
type more struct {
	told    time.Time
	pending bool
}

// advanceHead moves the head of a channel that is fanned out on read: polls read its entries
// from pages, streams receive the head now or soon.
func (h *Hub) advanceHead(t *topic, head int64, scratch *scratch) {
	t.mu.Lock()
	if head <= t.head {
		t.mu.Unlock()
		return
	}
	t.head, t.seen = head, head
	scratch.rung = scratch.rung[:0]
	for f := t.first; f != nil; f = f.after {
		if !f.pointer {
			scratch.rung = append(scratch.rung, f)
		}
	}
	t.mu.Unlock()
	for _, f := range scratch.rung {
		f.session.ring(f)
	}
	clear(scratch.rung)
	if h.tellsMore(t.channel) {
		h.event(t, moreEvent(t.channel, head), scratch)
	}
}

func moreEvent(channel parley.ChannelID, head int64) parley.Event {
	return parley.Event{Name: "more", Object: wire.More(nil, channel, head)}
}

// tellsMore reports whether a channel's streams may receive "more" now, and else makes it pending.
func (h *Hub) tellsMore(channel parley.ChannelID) bool {
	now := h.clock()
	h.mu.Lock()
	defer h.mu.Unlock()
	m, known := h.mores[channel]
	if known && now.Sub(m.told) < moreEvery {
		h.mores[channel] = more{m.told, true}
		return false
	}
	h.mores[channel] = more{told: now}
	h.soon.Need()
	return true
}

// hasMores reports whether there is something for tellMore to send or to forget.
func (h *Hub) hasMores() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.mores) > 0
}

// tellMore sends the pending frames that are due.
func (h *Hub) tellMore() {
	now := h.clock()
	var due []parley.ChannelID
	h.mu.Lock()
	for channel, m := range h.mores {
		switch {
		case now.Sub(m.told) < moreEvery:
		case m.pending:
			h.mores[channel] = more{told: now}
			due = append(due, channel)
		default:
			delete(h.mores, channel)
		}
	}
	h.mu.Unlock()
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	for _, channel := range due {
		if t := h.topic(channel); t != nil {
			t.mu.Lock()
			head := max(t.head, 0)
			t.mu.Unlock()
			h.event(t, moreEvent(channel, head), sc)
		}
	}
}
