package embedded

// recent knows the senders' keys in the last batches:
//
//	… | older: batches olderFrom… | newer: batches newerFrom…now
//
// When newer has grown enough it becomes older, and older is forgotten.
type recent struct {
	older, newer         map[string]struct{}
	olderFrom, newerFrom uint64
	last                 uint64 // the batch of the last key
}

// recentKeys is far more than the number of keys that arrive while an append waits.
const recentKeys = 8192

// add records a key of the batch being built.
func (r *recent) add(key string, batch uint64) {
	// Swap only between batches, so that all keys of a batch are in one of the sets.
	if r.newer == nil || (len(r.newer) >= recentKeys && batch > r.last) {
		if r.newer == nil {
			r.olderFrom = batch
		} else {
			r.older, r.olderFrom = r.newer, r.newerFrom
		}
		r.newer, r.newerFrom = make(map[string]struct{}, recentKeys), batch
	}
	r.newer[key] = struct{}{}
	r.last = batch
}

// mayHave reports whether a key may have been stored in a batch after seen.
func (r *recent) mayHave(key []byte, seen uint64) bool {
	if r.newer == nil {
		return false
	}
	if seen+1 < r.olderFrom {
		return true // forgotten
	}
	_, newer := r.newer[string(key)]
	_, older := r.older[string(key)]
	return newer || older
}
