package feed

import "time"

// windowSize is for how many numbers the window records whether they were seen. Envelopes of a node
// overtake each other: they wait in several queues and travel on several connections.
const windowSize = 4096

// window records which of the last numbers were seen; older ones count as seen.
type window struct {
	top  uint64                  // the largest
	seen [windowSize / 64]uint64 // a bit for each number, at its remainder
}

// add notes a number and reports whether it is new.
func (w *window) add(n uint64) bool {
	if n > w.top {
		for k := w.top + 1; k < n && k <= w.top+windowSize; k++ {
			w.seen[k%windowSize/64] &^= 1 << (k % 64)
		}
		w.top = n
	} else if w.top-n >= windowSize || w.seen[n%windowSize/64]&(1<<(n%64)) != 0 {
		return false
	}
	w.seen[n%windowSize/64] |= 1 << (n % 64)
	return true
}

// isNew notes an event of a node and reports whether it was not received before.
func (d *digest) isNew(node string, seq, own uint64, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.peerLocked(node, own)
	p.heard = now
	return seq == 0 || p.events.add(seq)
}

func (d *digest) peerLocked(node string, own uint64) *peer {
	p := d.peers[node]
	if p == nil || p.unheard {
		p = &peer{settings: own}
		d.peers[node] = p
	}
	return p
}
