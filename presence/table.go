package presence

import "hash/maphash"

// table is a hash table of very many small entries, each with a name that it contains.
// Entries are in chunks and do not move; an index of four bytes per slot leads to them.
// That costs 5–7 bytes in addition to each entry, where a map costs up to as much as
// the entry again. It has parts, so that growing never takes long.
type table[E any, P named[E]] struct {
	seed  maphash.Seed
	parts [64]part[E]
}

// named is a pointer to an entry.
type named[E any] interface {
	*E
	name() string
}

// part is open addressing with linear probing, three to four fifths full.
type part[E any] struct {
	index  []uint32 // by hash; where an entry is, plus one; 0: nothing
	chunks []*[chunkLen]E
	made   uint32   // entries that were ever used
	free   []uint32 // those of them that are free
}

// chunkLen is small, because the last chunk of a part is half empty on average, and such
// that chunks of entries of 24 and of 48 bytes fill the allocator's size classes (512 and
// 1024 bytes).
const chunkLen = 21

func newTable[E any, P named[E]]() *table[E, P] { return &table[E, P]{seed: maphash.MakeSeed()} }

func (p *part[E]) at(i uint32) *E { return &p.chunks[i/chunkLen][i%chunkLen] }

func (p *part[E]) len() int { return int(p.made) - len(p.free) }

// home is the ideal slot of an entry with a hash.
func (p *part[E]) home(hash uint64) int {
	return int(uint64(uint32(hash)) * uint64(len(p.index)) >> 32)
}

func (p *part[E]) after(slot int) int {
	if slot++; slot == len(p.index) {
		return 0
	}
	return slot
}

// find returns the slot of an entry, or the empty one where it belongs.
func (t *table[E, P]) find(name string) (p *part[E], slot int, found *E) {
	h := maphash.String(t.seed, name)
	p = &t.parts[h>>58]
	if len(p.index) == 0 {
		return p, 0, nil
	}
	for slot = p.home(h); ; slot = p.after(slot) {
		i := p.index[slot]
		if i == 0 {
			return p, slot, nil
		}
		if e := p.at(i - 1); P(e).name() == name {
			return p, slot, e
		}
	}
}

// get returns the entry of a name, nil if there is none. It is valid until it is deleted.
func (t *table[E, P]) get(name string) *E {
	_, _, e := t.find(name)
	return e
}

// add creates an entry for a name that has none.
func (t *table[E, P]) add(e E) *E {
	name := P(&e).name()
	p, slot, _ := t.find(name)
	if 5*(p.len()+1) > 4*len(p.index) {
		t.grow(p)
		_, slot, _ = t.find(name)
	}
	var i uint32
	if n := len(p.free); n > 0 {
		i, p.free = p.free[n-1], p.free[:n-1]
	} else {
		if i = p.made; i%chunkLen == 0 {
			p.chunks = append(p.chunks, new([chunkLen]E))
		}
		p.made++
	}
	p.index[slot] = i + 1
	*p.at(i) = e
	return p.at(i)
}

func (t *table[E, P]) grow(p *part[E]) {
	old := p.index
	p.index = make([]uint32, max(8, len(old)+len(old)/4))
	for _, i := range old {
		if i != 0 {
			_, slot, _ := t.find(P(p.at(i - 1)).name())
			p.index[slot] = i
		}
	}
}

// remove deletes the entry of a name that has one.
func (t *table[E, P]) remove(name string) {
	p, slot, e := t.find(name)
	*e = *new(E)
	p.free = append(p.free, p.index[slot]-1)
	if p.len() == 0 {
		*p = part[E]{}
		return
	}
	// Entries that were moved on because the slot was taken move back.
	for next := p.after(slot); p.index[next] != 0; next = p.after(next) {
		home := p.home(maphash.String(t.seed, P(p.at(p.index[next]-1)).name()))
		if p.steps(home, next) >= p.steps(slot, next) {
			p.index[slot] = p.index[next]
			slot = next
		}
	}
	p.index[slot] = 0
}

// steps is the distance from one slot to another.
func (p *part[E]) steps(from, to int) int {
	if to < from {
		to += len(p.index)
	}
	return to - from
}

// all calls yield for each entry until it returns false.
func (t *table[E, P]) all(yield func(*E) bool) {
	for i := range t.parts {
		p := &t.parts[i]
		for _, at := range p.index {
			if at != 0 && !yield(p.at(at-1)) {
				return
			}
		}
	}
}

// len returns the number of entries.
func (t *table[E, P]) len() (n int) {
	for i := range t.parts {
		n += t.parts[i].len()
	}
	return n
}
