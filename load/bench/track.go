package bench

import "sync/atomic"

// Counts counts deliveries by outcome.
type Counts struct {
	Received   int64 `json:"received"`
	Lost       int64 `json:"lost"`       // skipped, or never delivered
	Repeated   int64 `json:"repeated"`   // delivered again
	Disordered int64 `json:"disordered"` // delivered after a later one
}

func (c *Counts) add(o Counts) {
	c.Received += o.Received
	c.Lost += o.Lost
	c.Repeated += o.Repeated
	c.Disordered += o.Disordered
}

func (c Counts) sub(o Counts) Counts {
	return Counts{c.Received - o.Received, c.Lost - o.Lost, c.Repeated - o.Repeated, c.Disordered - o.Disordered}
}

// OK reports whether nothing was lost, repeated or out of order.
func (c Counts) OK() bool { return c.Lost+c.Repeated+c.Disordered == 0 }

// Track is what one reader has seen of its channel. It needs constant memory as long as nothing is
// wrong: ids must be consecutive. See is called by one goroutine.
type Track struct {
	last  atomic.Int64       // the largest id, or where the reader started; other goroutines may read it
	holes map[int64]struct{} // skipped and not seen since
}

// maxHoles limits how many missed entries a reader remembers; beyond it, a late entry counts as repeated.
const maxHoles = 4096

// See records an entry and returns how it changes the counts.
func (t *Track) See(id int64) (c Counts) {
	last := t.last.Load()
	switch {
	case id == last+1:
		c.Received = 1
	case id > last:
		c.Received, c.Lost = 1, id-last-1
		if t.holes == nil {
			t.holes = map[int64]struct{}{}
		}
		for hole := last + 1; hole < id && len(t.holes) < maxHoles; hole++ {
			t.holes[hole] = struct{}{}
		}
	default:
		if _, ok := t.holes[id]; !ok {
			return Counts{Repeated: 1}
		}
		delete(t.holes, id)
		return Counts{Received: 1, Lost: -1, Disordered: 1}
	}
	t.last.Store(id)
	return c
}

// Behind is how many entries up to the head have not been reached.
func (t *Track) Behind(head int64) int64 { return max(head-t.last.Load(), 0) }
