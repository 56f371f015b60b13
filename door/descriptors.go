package door

// Descriptors is the division of a process's descriptors: those for the store, listeners and
// the like, those for the admin listener, those for answering clients that cannot be served,
// and the rest.
type Descriptors struct{ store, admin, away, public int }

// Share divides the process's own limit. files reports whether the store keeps files open in
// this process.
func Share(files bool) Descriptors { return share(descriptors(), files) }

// share divides a limit. A store with files gets an eighth, at most as many as it can use. Any store
// gets at least 256; with a small limit it gets half.
func share(limit int, files bool) (s Descriptors) {
	s.store = min(limit/2, 256)
	if files {
		s.store = max(s.store, min(limit/8, maxFiles+64))
	}
	s.admin = max(1, min(limit/16, 32))
	s.away = max(1, min(limit/16, 64))
	s.public = limit - s.store - s.admin - s.away
	return s
}

// maxFiles is how many files a store may keep open.
const maxFiles = 1000

// Files returns how many descriptors the store uses for the files that it reads; it opens at
// least 64.
func (s Descriptors) Files() int { return max(64, s.store-64) }
