package hub

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/parley-server/parley/internal/clock"
)

// rest is how long recent bytes are kept after the last was added.
const rest = time.Minute

// Run keeps the recent bytes within their limits, and sends due notifications, until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	var telling sync.WaitGroup
	defer telling.Wait()
	telling.Go(func() {
		for h.soon.Wait(ctx, h.hasMores) {
			h.tellMore()
		}
	})
	tick := clock.NewPulse(time.Second)
	defer tick.Stop()
	for tick.Wait(ctx) {
		h.Sweep()
	}
	return nil
}

// markBusy adds t, whose mu is held, to the topics that Sweep visits: it has begun to
// keep bytes, or the log named a head that was not delivered here yet. Quiet ones cost
// nothing.
func (h *Hub) markBusy(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy[t] = visit{seen: h.busy[t].seen}
}

// visit is when Sweep visits a topic, and what it saw the last time.
type visit struct {
	due  time.Time // zero: with the next sweep
	seen int64     // the head that the log had named
}

// Sweep visits the busy topics that are due, or all if too many bytes are kept; Run calls it every second.
func (h *Hub) Sweep() {
	type aged struct {
		topic   *topic
		touched time.Time
	}
	var all []aged
	full := h.recent.Load() > h.limit
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	now := h.clock()
	var busy []*topic
	h.mu.Lock()
	for t, v := range h.busy {
		if full || !v.due.After(now) {
			busy = append(busy, t)
		}
	}
	h.mu.Unlock()
	for _, t := range busy {
		if size, touched := h.sweep(t, now, sc); size > 0 && full {
			all = append(all, aged{t, touched})
		}
	}
	if h.recent.Load() <= h.limit {
		return
	}
	sort.Slice(all, func(i, j int) bool { return all[i].touched.Before(all[j].touched) })
	for _, a := range all {
		if h.recent.Load() <= h.limit*3/4 {
			return
		}
		a.topic.mu.Lock()
		dropped := a.topic.recent.drop()
		a.topic.mu.Unlock()
		h.grow(-dropped)
	}
}

// sweep repairs what was not delivered in time and drops bytes that no reader has needed for
// the time rest. It returns the size and age of the remaining bytes.
func (h *Hub) sweep(t *topic, now time.Time, scratch *scratch) (size int, touched time.Time) {
	t.mu.Lock()
	ahead, seen := t.head != unknown && t.seen > t.head, t.seen
	grown := 0
	if size, touched = t.recent.size(); size > 0 && now.Sub(touched) > rest {
		grown, size = -t.recent.drop(), 0
	}
	h.mu.Lock()
	late := ahead && h.busy[t].seen == seen // and so at the last sweep already
	switch quiet := !ahead || late; {
	case quiet && t.recent.kept == nil:
		delete(h.busy, t)
	case quiet:
		h.busy[t] = visit{touched.Add(rest + 1), seen}
	default:
		h.busy[t] = visit{seen: seen}
	}
	h.mu.Unlock()
	t.mu.Unlock()
	h.grow(grown)
	if late {
		h.raise(t, h.Epoch(), seen, scratch)
	}
	return size, touched
}
