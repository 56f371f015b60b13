package hub

import (
	"sort"
	"time"

	"github.com/parley-server/parley/wire"
)

// The recent entries and events of a channel. All forms share the slots; each form
// that has a reader has the bytes.
//
//	slots      41  42  ev  43  44        position = base + index; an event has the
//	             \   \   \   \   \       id of the message before it
//	tape SSE   [ chunk 0 ][ chunk 1 …    bytes are appended and never rewritten, so a
//	tape WS        [ chunk 0 ……… ]       slice that a reader holds stays valid
//
// Invariant: the ids of the messages among the slots have no gap. An entry that would cause
// one cuts everything instead; readers behind the cut read pages.
type recent struct {
	base  uint64 // position of the first slot
	*kept        // nil while there is nothing
}

type kept struct {
	readers [wire.Forms]uint32 // followers of the channel by form
	touched time.Time          // of the last append
	from    uint64             // positions before it must not be read any more
	slots   []slot
	tapes   [wire.Forms]tape
}

// slot is one entry or event.
type slot struct {
	id   int64   // of the entry, or of the message before the event
	of   int64   // of a change: the message that it changed
	skip *string // nil for an entry; for an event the identity whose sessions skip it, "" for none
	who  bool    // a presence event, which followers without that right skip
}

// tape is the bytes of one form.
type tape struct {
	size   int // bytes in chunks
	chunks []*chunk
}

// chunk holds the bytes of consecutive slots in one form.
type chunk struct {
	first uint64 // position of its first slot
	buf   []byte
	ends  []uint32 // where each slot's bytes end in buf
}

const (
	chunkSize = 32 << 10  // a chunk that has reached it is not appended to
	tapeLimit = 256 << 10 // bytes kept per channel and form
)

// end is the position of the next slot.
func (r *recent) end() uint64 {
	if r.kept == nil {
		return r.base
	}
	return r.base + uint64(len(r.slots))
}

// at is the slot at a position from base to end.
func (r *recent) at(pos uint64) slot { return r.slots[pos-r.base] }

// first is the position from which a form's bytes are kept.
func (r *recent) first(f wire.Form) uint64 {
	if r.kept != nil {
		if c := r.tapes[f].chunks; len(c) > 0 {
			return max(c[0].first, r.from)
		}
	}
	return r.end()
}

// append adds one slot in every form that has a reader and returns by how many bytes the tapes
// grew (less the dropped bytes). kept must exist and know its readers.
func (r *recent) append(s slot, event string, obj []byte) (grown int) {
	pos := r.end()
	r.slots = append(r.slots, s)
	id := s.id
	if s.skip != nil {
		id = 0
	}
	for f := range r.tapes {
		t := &r.tapes[f]
		if r.readers[f] == 0 {
			continue
		}
		before := t.size
		t.append(pos, wire.Form(f), id, event, obj)
		for t.size > tapeLimit && len(t.chunks) > 1 {
			t.dropFirst()
		}
		grown += t.size - before
	}
	r.trimSlots()
	return grown
}

func (t *tape) append(pos uint64, f wire.Form, id int64, event string, obj []byte) {
	var c *chunk
	if n := len(t.chunks); n > 0 && len(t.chunks[n-1].buf) < chunkSize {
		c = t.chunks[n-1]
	} else {
		c = &chunk{first: pos}
		t.chunks = append(t.chunks, c)
	}
	before := len(c.buf)
	c.buf = f.AppendEntry(c.buf, id, event, obj)
	c.ends = append(c.ends, uint32(len(c.buf)))
	t.size += len(c.buf) - before
}

func (t *tape) dropFirst() {
	t.size -= len(t.chunks[0].buf)
	t.chunks[0] = nil
	t.chunks = t.chunks[1:]
}

// touch notes the time of an append.
func (r *recent) touch(now time.Time) {
	if r.kept != nil {
		r.touched = now
	}
}

// size returns how many bytes are kept, and since when none was added.
func (r *recent) size() (size int, touched time.Time) {
	if r.kept == nil {
		return 0, time.Time{}
	}
	for f := range r.tapes {
		size += r.tapes[f].size
	}
	return size, r.touched
}

// trimSlots drops the slots for which no form has bytes.
func (r *recent) trimSlots() {
	oldest := r.end()
	for f := range r.tapes {
		oldest = min(oldest, r.first(wire.Form(f)))
	}
	if n := oldest - r.base; n > 0 && (n == uint64(len(r.slots)) || n > uint64(len(r.slots)/2)) {
		r.slots = append([]slot(nil), r.slots[n:]...)
		r.base = oldest
	}
}

// drop drops everything and returns how many bytes it was. Followers at the end stay there;
// others find that they are behind.
func (r *recent) drop() (dropped int) {
	dropped, _ = r.size()
	r.base, r.kept = r.end(), nil
	return dropped
}

// cut is drop before a gap in the ids: it skips one position, so that even a follower at the
// end must find its place again, by its id.
func (r *recent) cut() (dropped int) {
	dropped = r.drop()
	r.base++
	return dropped
}

// addReader adds one reader of a form.
func (r *recent) addReader(f wire.Form) {
	if r.kept != nil {
		r.readers[f]++
	}
}

// removeReader removes one reader of a form and, with the last one, the form's bytes.
func (r *recent) removeReader(f wire.Form) (dropped int) {
	if r.kept == nil {
		return 0
	}
	if r.readers[f]--; r.readers[f] > 0 {
		return 0
	}
	dropped = r.tapes[f].size
	r.tapes[f] = tape{}
	r.trimSlots()
	return dropped
}

// find returns the position of the message after id, if form f still has it.
func (r *recent) find(f wire.Form, id int64) (pos uint64, ok bool) {
	if r.kept == nil {
		return 0, false
	}
	from := int(r.first(f) - r.base)
	i := from + sort.Search(len(r.slots)-from, func(i int) bool { return r.slots[from+i].id > id })
	// An event's slot may have the id of a message that is not kept: the bytes began in
	// between.
	if i == len(r.slots) || r.slots[i].id != id+1 || r.slots[i].skip != nil {
		return 0, false
	}
	return r.base + uint64(i), true
}

// span is some consecutive entries of a chunk.
type span struct {
	chunk    *chunk
	from, to int32 // indexes of slots in the chunk
}

// bytes returns the span's bytes; the slice stays valid when the chunk grows.
func (s span) bytes() []byte {
	end := s.chunk.ends[s.to-1]
	return s.chunk.buf[s.chunk.start(s.from):end:end]
}

// start returns where a slot's bytes begin.
func (c *chunk) start(k int32) uint32 {
	if k == 0 {
		return 0
	}
	return c.ends[k-1]
}

// run returns the longest span at pos that is in one chunk, has at most count entries and limit
// bytes (but at least one slot), none that stop names, and either messages or events alone.
// next is the position after it, last the id of its last slot.
func (r *recent) run(f wire.Form, pos uint64, limit, count int, stop func(pos uint64, s slot) bool) (s span, next uint64, last int64) {
	t := &r.tapes[f]
	i := sort.Search(len(t.chunks), func(i int) bool { return t.chunks[i].first > pos }) - 1
	c := t.chunks[i]
	from := int32(pos - c.first)
	event := r.at(pos).skip != nil
	for k := from; int(k) < len(c.ends) && count > 0; k++ {
		at := r.at(pos)
		if stop(pos, at) || (at.skip != nil) != event || k > from && int(c.ends[k]-c.start(from)) > limit {
			break
		}
		last = at.id
		pos++
		count--
	}
	return span{c, from, int32(pos - c.first)}, pos, last
}
