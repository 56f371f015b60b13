package hub

import (
	"hash/maphash"

	"github.com/parley-server/parley"
)

// topics finds topics by their channels: a table with open addressing and linear
// probing. A node may have as many topics as connections, and a map that holds the
// names again would cost as much as the topics.
type topics struct {
	slots []*topic // at most seven eighths are taken, so that every search ends
	len   int
}

// hash is a channel's hash. The low bits choose the shard, the high ones the slot.
func (h *Hub) hash(channel parley.ChannelID) uint64 { return maphash.String(h.seed, string(channel)) }

// home is the slot at which the search for a hash begins.
func (s *topics) home(hash uint64) int { return int(hash >> 32 * uint64(len(s.slots)) >> 32) }

// next is the slot after i.
func (s *topics) next(i int) int {
	if i++; i < len(s.slots) {
		return i
	}
	return 0
}

// find returns the channel's topic, nil if there is none.
func (s *topics) find(hash uint64, channel parley.ChannelID) *topic {
	if s.len == 0 {
		return nil
	}
	i := s.home(hash)
	for s.slots[i] != nil && s.slots[i].channel != channel {
		i = s.next(i)
	}
	return s.slots[i]
}

// add adds a topic that is not in the table.
func (s *topics) add(h *Hub, t *topic) {
	if s.len++; 8*s.len > 7*len(s.slots) {
		old := s.slots
		s.slots = make([]*topic, 8+len(old)+len(old)/2)
		for _, t := range old {
			if t != nil {
				s.put(h.hash(t.channel), t)
			}
		}
	}
	s.put(h.hash(t.channel), t)
}

func (s *topics) put(hash uint64, t *topic) {
	i := s.home(hash)
	for s.slots[i] != nil {
		i = s.next(i)
	}
	s.slots[i] = t
}

// remove removes a topic that is in the table. Topics behind it up to the next gap are inserted
// again, since their search may have passed the slot.
func (s *topics) remove(h *Hub, t *topic) {
	i := s.home(h.hash(t.channel))
	for s.slots[i] != t {
		i = s.next(i)
	}
	s.slots[i] = nil
	for i = s.next(i); s.slots[i] != nil; i = s.next(i) {
		moved := s.slots[i]
		s.slots[i] = nil
		s.put(h.hash(moved.channel), moved)
	}
	if s.len--; s.len == 0 {
		s.slots = nil
	}
}
