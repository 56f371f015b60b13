package load

import (
	"hash/maphash"
	"time"
)

// View is what one reader saw of a channel, checked on arrival, in constant memory: ids must be
// consecutive, and the contents are summed up for comparison with the log.
//
//	runs:   (from … to]   reset   (from … to]   …      each with the sum of its entries
//
// A reset may start an epoch, whose ids are unrelated to the earlier ones.
type View struct {
	Name   string
	Resets int
	Epochs int // resets that started an epoch

	runs     []run
	renewed  time.Time      // when the newest epoch began for this reader
	old      int            // number of runs that belong to earlier epochs
	missing  map[int64]bool // in this epoch: skipped and not seen since
	skipped  int            // skipped in earlier epochs
	repeated int
	late     int // seen after a larger id
}

// run is a range of the log without gaps.
type run struct {
	from, to int64
	sum      uint64
}

// seed is chosen once per process; sums are only comparable within it.
var seed = maphash.MakeSeed()

func sum(e Entry) uint64 { return maphash.Comparable(seed, e) }

// Begin sets where the reader starts: after this id.
func (v *View) Begin(after int64) {
	v.missing = map[int64]bool{}
	v.runs = []run{{from: after, to: after}}
}

// Begun reports whether Begin was called.
func (v *View) Begun() bool { return v.runs != nil }

// Last is the largest id seen since the last reset.
func (v *View) Last() int64 { return v.runs[len(v.runs)-1].to }

// See records an entry.
func (v *View) See(e Entry) {
	r := &v.runs[len(v.runs)-1]
	switch {
	case e.ID > r.to:
		for id := r.to + 1; id < e.ID; id++ {
			v.missing[id] = true
		}
		r.to = e.ID
	case v.missing[e.ID]:
		delete(v.missing, e.ID)
		v.late++
	default:
		v.repeated++
		return
	}
	r.sum += sum(e)
}

// Reset records that the server reported a gap: reading continues after this id.
func (v *View) Reset(after int64) {
	v.Resets++
	v.runs = append(v.runs, run{from: after, to: after})
}

// Renew records a reset that started an epoch: the store may have lost messages it had acknowledged.
func (v *View) Renew(after int64, at time.Time) {
	v.Epochs++
	v.renewed, v.old = at, len(v.runs)
	v.skipped += len(v.missing)
	clear(v.missing)
	v.Reset(after)
}
