package load

import "hash/maphash"

// View is what one reader saw of a channel, checked as it comes, in constant
// memory: ids must follow one another, and what they carried is summed up for the
// comparison with the log.
//
//	runs:   (from … to]   reset   (from … to]   …      each with the sum of its entries
type View struct {
	Name string

	runs     []run
	missing  map[int64]bool // skipped and not yet seen late
	repeated int
	late     int // seen after a larger id
	Resets   int
}

// run is an unbroken stretch of the log.
type run struct {
	from, to int64
	sum      uint64
}

// seed is the process's; sums are compared within it.
var seed = maphash.MakeSeed()

func sum(e Entry) uint64 { return maphash.Comparable(seed, e) }

// Begin says where the reader starts: after this id.
func (v *View) Begin(after int64) {
	v.missing = map[int64]bool{}
	v.runs = []run{{from: after, to: after}}
}

// Begun says whether Begin was called.
func (v *View) Begun() bool { return v.runs != nil }

// Last is the largest id seen since the last reset.
func (v *View) Last() int64 { return v.runs[len(v.runs)-1].to }

// See notes an entry.
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

// Reset notes that the server told of a gap: reading goes on after this id.
func (v *View) Reset(after int64) {
	v.Resets++
	v.runs = append(v.runs, run{from: after, to: after})
}
