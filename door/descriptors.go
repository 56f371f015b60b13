package door

// Descriptors is how the descriptors of a process are divided: the store's, with listeners
// and the like, those of the admin listener, those for answering clients that cannot be
// served, and the rest.
type Descriptors struct{ store, admin, away, public int }

// Share divides the process's own limit.
func Share() Descriptors { return share(descriptors()) }

// share divides a limit. The store gets an eighth, at least 256 and at most what it can
// use; a process that may have few keeps half for it.
func share(limit int) (s Descriptors) {
	s.store = max(min(limit/8, maxFiles+64), min(limit/2, 256))
	s.admin = max(1, min(limit/16, 32))
	s.away = max(1, min(limit/16, 64))
	s.public = limit - s.store - s.admin - s.away
	return s
}

// maxFiles is how many files a store may keep open.
const maxFiles = 1000

// Files is how many of its descriptors the store uses for what it reads; it opens at least 64.
func (s Descriptors) Files() int { return max(64, s.store-64) }
