package worker

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/parley-server/parley/internal/backoff"
)

// waits are the claims that are due later, earliest first.
type waits[S any] []*Claim[S]

func (w waits[S]) Len() int           { return len(w) }
func (w waits[S]) Less(i, j int) bool { return w[i].due.Before(w[j].due) }
func (w waits[S]) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

// Push implements heap.Interface.
func (w *waits[S]) Push(x any) {
	cl := x.(*Claim[S])
	cl.index = len(*w)
	*w = append(*w, cl)
}

// Pop implements heap.Interface.
func (w *waits[S]) Pop() any {
	last := len(*w) - 1
	cl := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	cl.index = -1
	return cl
}

func (w *waits[S]) remove(cl *Claim[S]) {
	if cl.index >= 0 {
		heap.Remove(w, cl.index)
	}
}

// wakeLocked schedules a claim to be worked on soon.
func (c *Channels[S]) wakeLocked(cl *Claim[S]) {
	switch {
	case cl.at == working:
		cl.again = true
	case cl.at == waiting && !cl.lost:
		c.waits.remove(cl)
		cl.at, cl.idle = ready, false
		c.ready = append(c.ready, cl)
		c.more.Signal()
	}
}

// waitLocked schedules a claim to be worked on after some time.
func (c *Channels[S]) waitLocked(cl *Claim[S], d time.Duration, idle bool) {
	cl.at, cl.idle, cl.due = waiting, idle, c.cfg.Clock().Add(d)
	heap.Push(&c.waits, cl)
	if cl.index == 0 {
		select {
		case c.timer <- struct{}{}:
		default:
		}
	}
}

// Run works until ctx ends.
func (c *Channels[S]) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for range c.cfg.Workers {
		all.Go(func() { c.work(ctx) })
	}
	all.Go(func() { c.wakeDue(ctx) })
	<-ctx.Done()
	c.mu.Lock()
	c.closed = true
	c.more.Broadcast()
	c.mu.Unlock()
	all.Wait()
	return nil
}

// wakeDue makes claims ready when they are due.
func (c *Channels[S]) wakeDue(ctx context.Context) {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		c.mu.Lock()
		now, next := c.cfg.Clock(), time.Hour
		for len(c.waits) > 0 {
			if next = c.waits[0].due.Sub(now); next > 0 {
				break
			}
			cl := heap.Pop(&c.waits).(*Claim[S])
			cl.at = ready
			c.ready = append(c.ready, cl)
			c.more.Signal()
			next = time.Hour
		}
		c.mu.Unlock()
		t.Reset(next)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-c.timer:
		}
	}
}

func (c *Channels[S]) work(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.ready) == 0 && !c.closed {
			c.more.Wait()
		}
		if c.closed {
			return
		}
		cl := c.ready[0]
		if c.ready = c.ready[1:]; len(c.ready) == 0 {
			c.ready = nil
		}
		if cl.lost {
			continue
		}
		idle := cl.idle
		cl.at, cl.again = working, false
		if idle {
			cl.gone = make(chan struct{})
		}
		c.mu.Unlock()
		if idle {
			c.release(ctx, cl)
			c.mu.Lock()
			continue
		}
		again := c.cfg.Work(ctx, cl)
		c.mu.Lock()
		switch {
		case cl.lost:
		case cl.again || again == 0:
			cl.at = waiting
			c.wakeLocked(cl)
		case again < 0:
			c.waitLocked(cl, c.cfg.Idle, true)
		default:
			c.waitLocked(cl, again, false)
		}
	}
}

// release releases a channel, and checks whether it has grown unnoticed.
func (c *Channels[S]) release(ctx context.Context, cl *Claim[S]) {
	next := cl.record
	next.Node = ""
	position := next.Position
	err := cl.store(ctx, next)
	c.mu.Lock()
	gone := cl.gone
	cl.gone = nil
	switch {
	case cl.lost: // drop has already removed it
		c.mu.Unlock()
		close(gone)
		return
	case err != nil:
		if c.waitLocked(cl, c.cfg.Idle, true); cl.again {
			c.wakeLocked(cl)
		}
		c.mu.Unlock()
		close(gone)
		return
	}
	delete(c.claims, cl.Channel)
	cl.lost = true
	c.mu.Unlock()
	close(gone)
	c.cfg.Watch(cl.Channel, false)
	for try := 0; ; try++ {
		bs, err := c.cfg.Log.Bounds(ctx, cl.Channel)
		if err == nil && (bs[0].Last <= position || c.Take(ctx, cl.Channel) == nil) {
			return
		}
		if !backoff.Wait(ctx, try) {
			return // the note in the outbox stays
		}
	}
}
