package transfer

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// sums are hashes of a channel's lines: one for so many entries each, and one for all places.
type sums struct {
	n       int // lines in running
	running hash.Hash
	inPlace bool
	entries [][sha256.Size]byte
	places  [sha256.Size]byte
}

const summed = 1000 // entries

func newSums() sums { return sums{running: sha256.New()} }

var placeBegins = []byte(`{"type":"place"`)

// add adds a line. Places come after all entries.
func (s *sums) add(raw []byte) {
	if is := bytes.HasPrefix(raw, placeBegins); is != s.inPlace {
		s.flush()
		s.inPlace = is
	}
	s.running.Write(raw)
	s.running.Write([]byte{'\n'})
	if s.n++; s.n == summed && !s.inPlace {
		s.flush()
	}
}

func (s *sums) flush() {
	if s.n > 0 {
		s.entries = append(s.entries, [sha256.Size]byte(s.running.Sum(nil)))
	}
	s.running.Reset()
	s.n = 0
}

// end is called after the last line.
func (s *sums) end() {
	if s.inPlace {
		s.places = [sha256.Size]byte(s.running.Sum(nil))
	} else {
		s.flush()
	}
}
