package feed

import "time"

// window knows which of the last numbers were seen; those that are too old to say were.
type window struct {
	top  uint64
	seen uint64 // a bit for top, and each before it
}

// add notes a number and reports whether it is new.
func (w *window) add(n uint64) bool {
	switch {
	case n > w.top:
		w.seen, w.top = w.seen<<(n-w.top)|1, n
		return true
	case w.top-n >= 64 || w.seen&(1<<(w.top-n)) != 0:
		return false
	}
	w.seen |= 1 << (w.top - n)
	return true
}

// isNew notes an event of a node and reports whether it did not come before.
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
