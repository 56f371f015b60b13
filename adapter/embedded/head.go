package embedded

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// head is a channel's state in memory. While it is pinned (pins > 0) the cache keeps it, so the
// builder, the completer and all readers of a channel always share one head. A newly loaded head
// has nothing in flight: everything that the database then shows is durable.
type head struct {
	channel parley.ChannelID

	pins int // guarded by the shard's mu

	// owned by the builder
	next  record // including everything in flight
	batch uint64 // the last batch that touched it

	mu      sync.Mutex // guards the rest
	loaded  bool
	durable bounds
	shadows map[rowID][]shadow // the durable content of rows in flight
}

// bounds limit what readers may see.
type bounds struct {
	first, last int64
	time        parley.Timestamp
	count       int64 // count of entry last
	before      int64 // count of the entry before first
}

// rowID identifies a row of the channel: 'm' or 'f', and an entry's id.
type rowID struct {
	kind byte
	id   int64
}

// shadow is the content of a row before a batch in flight rewrote it, nil if there was none. Reads of
// the database see the new row immediately, readers of the log only when it is durable.
type shadow struct {
	batch uint64
	value []byte
}

func (h *head) bounds() bounds {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.durable
}

// raise moves the first kept id up, before the deletion becomes visible.
func (h *head) raise(first, before int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if first > h.durable.first {
		h.durable.first, h.durable.before = first, before
	}
}

// advance moves the durable head to where a batch has brought it.
func (h *head) advance(batch uint64, r record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.last > h.durable.last {
		h.durable.last, h.durable.time, h.durable.count = r.last, r.time, r.count
	}
	for id, s := range h.shadows {
		for len(s) > 0 && s[0].batch <= batch {
			s = s[1:]
		}
		if h.shadows[id] = s; len(s) == 0 {
			delete(h.shadows, id)
		}
	}
}

// cover keeps the content of a row before the batch being built rewrites it; nil if there is none.
func (h *head) cover(kind byte, id int64, value []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := rowID{kind, id}
	s := h.shadows[at]
	if n := len(s); n > 0 && s[n-1].batch == h.batch {
		return // the content before the batch is already kept
	}
	if h.shadows == nil {
		h.shadows = map[rowID][]shadow{}
	}
	h.shadows[at] = append(s, shadow{h.batch, append([]byte(nil), value...)})
}

// inFlight reports whether a message is being changed.
func (h *head) inFlight(id int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.shadows[rowID{'f', id}]) > 0
}

// covered returns the durable value of a row whose value was just read, nil for none.
func (h *head) covered(kind byte, id int64, value []byte) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.shadows[rowID{kind, id}]; len(s) > 0 {
		return s[0].value
	}
	return value
}

const headShards = 16

// heads is a bounded cache: when it is full it drops channels that are not pinned.
type heads struct {
	seed   maphash.Seed
	max    int // per shard
	shards [headShards]headShard
}

type headShard struct {
	mu sync.Mutex // guards m and the pins of its heads
	m  map[parley.ChannelID]*head
}

func newHeads(size int) *heads {
	c := &heads{seed: maphash.MakeSeed(), max: max(1, size/headShards)}
	for i := range c.shards {
		c.shards[i].m = map[parley.ChannelID]*head{}
	}
	return c
}

func (c *heads) shard(ch parley.ChannelID) *headShard {
	return &c.shards[maphash.String(c.seed, string(ch))%headShards]
}

// pin returns the head of a channel, which may not be loaded yet.
func (c *heads) pin(ch parley.ChannelID) *head {
	s := c.shard(ch)
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.m[ch]
	if h == nil {
		if len(s.m) >= c.max {
			s.evictLocked(c.max)
		}
		h = &head{channel: ch}
		s.m[ch] = h
	}
	h.pins++
	return h
}

func (c *heads) release(h *head) {
	s := c.shard(h.channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	// Reading a channel that does not exist leaves nothing behind.
	if h.pins--; h.pins == 0 && h.bounds().last == 0 {
		delete(s.m, h.channel)
	}
}

// evictLocked drops idle heads in the map's random order, after checking few.
func (s *headShard) evictLocked(limit int) {
	looked := 0
	for ch, h := range s.m {
		if h.pins == 0 {
			delete(s.m, ch)
		}
		if looked++; looked >= 8 || len(s.m) < limit/2 {
			return
		}
	}
}

// hold pins a channel's head and loads it if it is new. The caller releases it.
func (l *Log) hold(ch parley.ChannelID) (*head, error) {
	h := l.heads.pin(ch)
	if err := l.load(h); err != nil {
		l.heads.release(h)
		return nil, fmt.Errorf("load the head of %s: %w", ch, err)
	}
	return h, nil
}

// load reads a head's record once; mu is held during the read.
func (l *Log) load(h *head) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loaded {
		return nil
	}
	r, err := l.loadRecord(h.channel)
	if err != nil {
		return err
	}
	h.next = r
	h.durable = bounds{first: r.first, last: r.last, time: r.time, count: r.count, before: r.before}
	h.loaded = true
	return nil
}

// loadRecord reads a channel's record and advances it to the last message.
func (l *Log) loadRecord(ch parley.ChannelID) (record, error) {
	v, closer, err := l.rows.Get(headKey(ch))
	if errors.Is(err, pebble.ErrNotFound) {
		return record{first: 1}, nil
	}
	if err != nil {
		return record{}, err
	}
	r, err := decodeRecord(v)
	closer.Close()
	if err != nil {
		return record{}, err
	}
	_, end := span('m', ch)
	it, err := l.db.rowsOf(messageKey(ch, r.last+1), end)
	if err != nil {
		return record{}, err
	}
	defer it.Close()
	if it.Last() {
		r.last = messageID(it.Key())
		if r.time, r.count, err = decodePrefix(it.Value()); err != nil {
			return record{}, err
		}
	}
	return r, it.Error()
}
