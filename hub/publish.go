package hub

import (
	"context"
	"slices"
	"sync"

	"parley"
)

const (
	batchDrafts = 512
	batchBytes  = 1 << 20
)

// outlet is a channel's drafts on their way into the log. While one batch is being
// appended the next collects, so that one channel has one append in flight, results
// come in order, and load makes batches.
type outlet struct {
	mu      sync.Mutex
	waiting []pending
	settles []*settle
	gone    bool // the pump has taken it out of the hub
}

// settle is one who waits until what was there before is stored.
type settle struct {
	left int           // drafts before it that no batch has taken
	done chan struct{} // closed when they are stored
}

type pending struct {
	draft parley.Draft
	done  func(parley.Result)
}

// Publish stores a draft, shows it to the channel's followers on this node, and
// then calls done, from another goroutine, which must not block. Drafts of one
// caller to one channel are stored in the order of the calls.
func (h *Hub) Publish(channel parley.ChannelID, d parley.Draft, done func(parley.Result)) {
	h.publish(channel, []pending{{d, done}})
}

// PublishAll is Publish for several drafts; it waits and returns their results.
func (h *Hub) PublishAll(channel parley.ChannelID, ds []parley.Draft) []parley.Result {
	results := make([]parley.Result, len(ds))
	ps := make([]pending, len(ds))
	var wait sync.WaitGroup
	wait.Add(len(ds))
	for i, d := range ds {
		ps[i] = pending{d, func(r parley.Result) { results[i] = r; wait.Done() }}
	}
	h.publish(channel, ps)
	wait.Wait()
	return results
}

// OnStored calls f with the results of each append, in their order in each channel,
// after they were delivered here. f must not block. It is set before the first Publish.
func (h *Hub) OnStored(f func(channel parley.ChannelID, rs []parley.Result)) { h.stored = f }

func (h *Hub) publish(channel parley.ChannelID, ps []pending) {
	s := h.shard(h.hash(channel))
	for {
		s.mu.Lock()
		o := s.outlets[channel]
		first := o == nil
		if first {
			o = &outlet{}
			s.outlets[channel] = o
		}
		s.mu.Unlock()
		o.mu.Lock()
		if o.gone {
			o.mu.Unlock()
			continue
		}
		o.waiting = append(o.waiting, ps...)
		o.mu.Unlock()
		if first {
			go h.pump(channel, o)
		}
		return
	}
}

// Settle waits until the drafts that were given to Publish before it have their outcome,
// or until ctx ends.
func (h *Hub) Settle(ctx context.Context, channel parley.ChannelID) {
	s := h.shard(h.hash(channel))
	s.mu.Lock()
	o := s.outlets[channel]
	s.mu.Unlock()
	if o == nil {
		return
	}
	w := &settle{done: make(chan struct{})}
	o.mu.Lock()
	if o.gone {
		o.mu.Unlock()
		return
	}
	w.left = len(o.waiting)
	o.settles = append(o.settles, w)
	o.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
	}
}

// settleLocked ends the waits for what the batches before have stored; n drafts are taken now.
func (o *outlet) settleLocked(n int) {
	o.settles = slices.DeleteFunc(o.settles, func(w *settle) bool {
		over := w.left <= 0
		if over {
			close(w.done)
		}
		w.left -= n
		return over
	})
}

// pump appends what waits, batch by batch, until nothing does.
func (h *Hub) pump(channel parley.ChannelID, o *outlet) {
	var drafts []parley.Draft
	for {
		batch := h.take(channel, o)
		if batch == nil {
			return
		}
		drafts = drafts[:0]
		for i := range batch {
			drafts = append(drafts, batch[i].draft)
		}
		// The commit is shared with others and is not the caller's to cancel.
		results := h.log.Append(context.Background(), channel, drafts...)
		h.changed(channel, results)
		if t := h.topic(channel); t != nil {
			sc := scratches.Get().(*scratch)
			if h.onRead(channel) {
				h.point(t, results, sc)
			} else {
				h.deliver(t, results, sc)
			}
			scratches.Put(sc)
		}
		if h.stored != nil {
			h.stored(channel, results)
		}
		for i := range batch {
			batch[i].done(results[i])
		}
	}
}

// take returns the next batch; nil if there is none, and then the outlet is gone.
func (h *Hub) take(channel parley.ChannelID, o *outlet) []pending {
	s := h.shard(h.hash(channel))
	s.mu.Lock()
	defer s.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	n, size := 0, 0
	for n < len(o.waiting) && n < batchDrafts && size < batchBytes {
		size += o.waiting[n].draft.Size()
		n++
	}
	o.settleLocked(n)
	if n == 0 {
		o.gone = true
		delete(s.outlets, channel)
		return nil
	}
	batch := o.waiting[:n:n]
	o.waiting = o.waiting[n:]
	return batch
}
