package embedded

import (
	"sync"
	"sync/atomic"

	"github.com/parley-server/parley"
)

// request is a caller's request to the builder: append drafts, or call do.
type request struct {
	channel parley.ChannelID
	drafts  []draft
	seen    uint64 // the last batch visible to look
	size    int
	do      func(*build) error // instead of drafts

	state   atomic.Int32    // waiting → taken or abandoned
	done    chan struct{}   // closed when results and err are set, by the goroutine that took or refused it
	results []parley.Result // owned by the goroutine that took it until done
	err     error           // of do, or of all drafts
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// reads reports whether the request reads rows that its own batch may write.
func (r *request) reads() bool {
	for i := range r.drafts {
		if d := &r.drafts[i]; d.Change != nil || d.Thread != 0 || len(d.mentions) > 0 {
			return true
		}
	}
	return r.do != nil
}

// urgent reports whether a draft removes content or comes from the server itself: such small writes
// may use the reserve of disk space.
func (r *request) urgent(d *draft) bool {
	return r.channel.Internal() || d.Change != nil && d.Change.Kind == parley.ChangeDelete
}

// anyUrgent reports whether any of the drafts is urgent.
func (r *request) anyUrgent() bool {
	for i := range r.drafts {
		if r.urgent(&r.drafts[i]) {
			return true
		}
	}
	return false
}

// answer completes a request whose results are not set.
func (r *request) answer(err error) {
	r.err = err
	close(r.done)
}

// queue holds requests for the single builder. It is bounded by its callers: each waits for its
// request or has abandoned it.
type queue struct {
	ready chan struct{} // holds a token if there may be requests

	mu       sync.Mutex // guards the rest
	requests []*request
	stopped  error // why no more requests are accepted
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// put adds a request, or returns the reason why it cannot.
func (q *queue) put(r *request) error {
	q.mu.Lock()
	if err := q.stopped; err != nil {
		q.mu.Unlock()
		return err
	}
	q.requests = append(q.requests, r)
	first := len(q.requests) == 1
	q.mu.Unlock()
	if first {
		q.wake()
	}
	return nil
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// wait returns true when there are requests, and false when there will be no more.
func (q *queue) wait() bool {
	for {
		q.mu.Lock()
		n, stopped := len(q.requests), q.stopped
		q.mu.Unlock()
		if n > 0 {
			return true
		}
		if stopped != nil {
			return false
		}
		<-q.ready
	}
}

// dequeue returns waiting requests, oldest first, up to about limit bytes.
func (q *queue) dequeue(limit int) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.requests) && (n == 0 || size+q.requests[n].size <= limit) {
		size += q.requests[n].size
		n++
	}
	all := q.requests
	q.requests = nil
	if n < len(all) {
		q.requests = append(q.requests, all[n:]...)
	}
	taking := all[:0]
	for _, r := range all[:n] {
		if r.state.CompareAndSwap(waiting, taken) {
			taking = append(taking, r)
		}
	}
	return taking
}

// stop refuses new requests; waiting ones are still taken. ErrClosed is final.
func (q *queue) stop(why error) {
	q.mu.Lock()
	if q.stopped != parley.ErrClosed {
		q.stopped = why
	}
	q.mu.Unlock()
	q.wake()
}

func (q *queue) closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stopped == parley.ErrClosed
}

// refuse answers requests that will not be taken.
func (q *queue) refuse(why error) {
	for _, r := range q.dequeue(int(^uint(0) >> 1)) {
		r.answer(why)
	}
}
