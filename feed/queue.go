package feed

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

const (
	batchDrafts = 512
	batchBytes  = 1 << 20
)

// appendQueue is a channel's drafts on their way into the log. While one batch is being
// appended the next collects, so one channel has one append in flight, results arrive in order,
// and load makes batches larger.
type appendQueue struct {
	mu      sync.Mutex
	drafts  []parley.Draft
	dones   []func(parley.Result) // of each draft
	settles []*settle
	gone    bool // run has removed it from the feed
}

// settle is a wait for the drafts that were in the queue before it.
type settle struct {
	left int           // drafts before it that are in no batch yet
	done chan struct{} // closed when they are stored
}

// Publish appends a draft, delivers the entry to the channel's followers on this node, and then
// calls done, from another goroutine. done must not block. Drafts of one caller to one channel
// are appended in the order of the calls.
func (f *Feed) Publish(channel parley.ChannelID, d parley.Draft, done func(parley.Result)) {
	f.enqueue(channel, []parley.Draft{d}, []func(parley.Result){done})
}

// PublishAll is Publish for several drafts; it waits and returns their results.
func (f *Feed) PublishAll(channel parley.ChannelID, ds []parley.Draft) []parley.Result {
	results := make([]parley.Result, len(ds))
	dones := make([]func(parley.Result), len(ds))
	var wait sync.WaitGroup
	wait.Add(len(ds))
	for i := range ds {
		dones[i] = func(r parley.Result) { results[i] = r; wait.Done() }
	}
	f.enqueue(channel, ds, dones)
	wait.Wait()
	return results
}

func (f *Feed) enqueue(channel parley.ChannelID, drafts []parley.Draft, dones []func(parley.Result)) {
	s := f.shard(channel)
	for {
		s.mu.Lock()
		q := s.queues[channel]
		first := q == nil
		if first {
			q = &appendQueue{}
			s.queues[channel] = q
		}
		s.mu.Unlock()
		q.mu.Lock()
		if q.gone {
			q.mu.Unlock()
			continue
		}
		q.drafts, q.dones = append(q.drafts, drafts...), append(q.dones, dones...)
		q.mu.Unlock()
		if first {
			go f.run(channel, q)
		}
		return
	}
}

// settle waits until the drafts that were passed to Publish before it have their results, or
// until ctx ends.
func (f *Feed) settle(ctx context.Context, channel parley.ChannelID) {
	s := f.shard(channel)
	s.mu.Lock()
	q := s.queues[channel]
	s.mu.Unlock()
	if q == nil {
		return
	}
	w := &settle{done: make(chan struct{})}
	q.mu.Lock()
	if q.gone {
		q.mu.Unlock()
		return
	}
	w.left = len(q.drafts)
	q.settles = append(q.settles, w)
	q.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
	}
}

// settleLocked ends the waits for drafts that earlier batches have stored; the next batch has n
// drafts.
func (q *appendQueue) settleLocked(n int) {
	q.settles = slices.DeleteFunc(q.settles, func(w *settle) bool {
		over := w.left <= 0
		if over {
			close(w.done)
		}
		w.left -= n
		return over
	})
}

// run appends the waiting drafts, batch by batch, until none waits.
func (f *Feed) run(channel parley.ChannelID, q *appendQueue) {
	for {
		drafts, dones := f.nextBatch(channel, q)
		if len(drafts) == 0 {
			return
		}
		results := f.append(channel, drafts)
		f.appended(channel, results)
		for i, done := range dones {
			done(results[i])
		}
	}
}

// append appends a batch.
func (f *Feed) append(channel parley.ChannelID, drafts []parley.Draft) []parley.Result {
	noting, can := f.cfg.Outbox.(parley.NotingOutbox)
	must, err := f.begin(channel, can)
	if err != nil {
		results := make([]parley.Result, len(drafts))
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	begin := f.cfg.Clock()
	ctx := context.Background() // the commit is shared with others and is not the caller's to cancel
	var results []parley.Result
	if must {
		results = noting.AppendNoted(ctx, f.cfg.Node, channel, drafts...)
	} else {
		results = f.log.Append(ctx, channel, drafts...)
	}
	f.measured(results, f.cfg.Clock().Sub(begin))
	f.end(channel, results)
	return results
}

// measured reports how long a batch took, and how many drafts of it failed.
func (f *Feed) measured(results []parley.Result, took time.Duration) {
	e := parley.AppendEvent{Drafts: len(results), Took: took}
	for i := range results {
		if results[i].Err != nil {
			e.Failed++
		}
	}
	f.cfg.Events.Appended(e)
}

// nextBatch returns nothing if no draft waits, and removes the queue then.
func (f *Feed) nextBatch(channel parley.ChannelID, q *appendQueue) ([]parley.Draft, []func(parley.Result)) {
	s := f.shard(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.drafts) && n < batchDrafts && size < batchBytes {
		size += q.drafts[n].Size()
		n++
	}
	q.settleLocked(n)
	if n == 0 {
		q.gone = true
		delete(s.queues, channel)
		return nil, nil
	}
	drafts, dones := q.drafts[:n:n], q.dones[:n:n]
	q.drafts, q.dones = q.drafts[n:], q.dones[n:]
	return drafts, dones
}
