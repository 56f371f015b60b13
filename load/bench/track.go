package bench

import "sync/atomic"

// Counts is what became of deliveries.
type Counts struct {
	Received   int64 `json:"received"`
	Lost       int64 `json:"lost"`       // skipped, or never came
	Repeated   int64 `json:"repeated"`   // came again
	Disordered int64 `json:"disordered"` // came after a later one
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

// OK says that nothing was lost, repeated or out of order.
func (c Counts) OK() bool { return c.Lost+c.Repeated+c.Disordered == 0 }

// Track is what one reader has seen of its channel, in constant memory as long as
// nothing is wrong: ids must follow one another. One goroutine calls See.
type Track struct {
	last  atomic.Int64       // the largest id, or where the reader began; others may look
	holes map[int64]struct{} // skipped and not seen late
}

// maxHoles bounds what a reader remembers of what it missed; beyond it a late entry
// counts as repeated.
const maxHoles = 4096

// See notes an entry and returns what it changes.
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
