// Package hub is one node's live state: for each channel that somebody follows its
// recent bytes, and sessions with a cursor into them and a bell. It never waits
// for a reader, never keeps a message for one, and knows nothing of transports.
package hub

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"parley"
)

// Config of a Hub. The zero value works.
type Config struct {
	RecentLimit int              // bytes of recent entries on this node; 256 MiB. Beyond it channels that rested longest go first
	PageLimit   int              // bytes of pages kept; 64 MiB
	Clock       func() time.Time // time.Now
	// OnRead tells whether a channel is fanned out on read: its streams are told only
	// that there is more, at most once a second, and the client reads. nil: none is.
	OnRead func(parley.ChannelID) bool
}

// Hub connects a log with the sessions that read it. All methods may be called at
// the same time.
type Hub struct {
	// fixed after construction
	log    parley.Log
	pages  *pages
	limit  int64
	clock  func() time.Time
	onRead func(parley.ChannelID) bool
	seed   maphash.Seed
	shards [64]shard

	recent atomic.Int64 // bytes in all tapes

	mu    sync.Mutex
	busy  map[*topic]int64 // those that Sweep looks at, with the head that the log had named at the last sweep
	mores map[parley.ChannelID]more
}

type shard struct {
	mu     sync.Mutex
	topics topics
}

// scratch is what one delivery needs; a pool keeps them.
type scratch struct {
	json []byte
	rung []*follow
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// New makes a hub over a log.
func New(log parley.Log, cfg Config) *Hub {
	if cfg.RecentLimit == 0 {
		cfg.RecentLimit = 256 << 20
	}
	if cfg.PageLimit == 0 {
		cfg.PageLimit = 64 << 20
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.OnRead == nil {
		cfg.OnRead = func(parley.ChannelID) bool { return false }
	}
	return &Hub{log: log, pages: newPages(log, cfg.PageLimit), limit: int64(cfg.RecentLimit), clock: cfg.Clock, onRead: cfg.OnRead, mores: map[parley.ChannelID]more{}, seed: maphash.MakeSeed(), busy: map[*topic]int64{}}
}

func (h *Hub) grow(n int) {
	if n != 0 {
		h.recent.Add(int64(n))
	}
}

func (h *Hub) shard(hash uint64) *shard { return &h.shards[hash%uint64(len(h.shards))] }

// topic returns the channel's topic, nil if nobody here follows it.
func (h *Hub) topic(channel parley.ChannelID) *topic {
	hash := h.hash(channel)
	s := h.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.topics.find(hash, channel)
}

// enter adds a follower to a channel's topic, making it if there is none.
func (h *Hub) enter(channel parley.ChannelID, f *follow) {
	hash := h.hash(channel)
	s := h.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics.find(hash, channel)
	if t == nil {
		t = &topic{channel: channel, head: unknown}
		s.topics.add(h, t)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addLocked(f)
}

// exit takes a follower out and, with the last, the topic.
func (h *Hub) exit(f *follow) {
	t := f.topic
	s := h.shard(h.hash(t.channel))
	s.mu.Lock()
	defer s.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	dropped, last := t.removeLocked(f)
	h.grow(-dropped)
	if last {
		s.topics.remove(h, t)
	}
}

// Grown takes entries that the log holds, in their order, whoever stored them: it appends
// them to the channel's recent bytes and rings those who follow it. Entries that were
// taken before are ignored.
func (h *Hub) Grown(channel parley.ChannelID, entries []parley.Message) {
	h.changed(channel, entries)
	t := h.topic(channel)
	if t == nil {
		return
	}
	sc := scratches.Get().(*scratch)
	if h.onRead(channel) {
		h.advance(t, entries[len(entries)-1].ID, sc)
	} else {
		h.deliver(t, entries, sc)
	}
	scratches.Put(sc)
}

// Event is what streams at a channel's head are given and nothing keeps.
type Event struct {
	Name     string // among server-sent events
	Object   []byte // JSON on one line
	Skip     string // the identity whose sessions are not given it; "": nobody's
	Presence bool   // it tells who is here, of which blind sessions are not told
}

// Event gives an event to the streams of a channel on this node, and returns how many
// sessions follow the channel.
func (h *Hub) Event(channel parley.ChannelID, e Event) (followers int) {
	t := h.topic(channel)
	if t == nil {
		return 0
	}
	sc := scratches.Get().(*scratch)
	h.event(t, e, sc)
	followers = len(sc.rung)
	scratches.Put(sc)
	return followers
}

// Recent is how many bytes of recent entries this node keeps.
func (h *Hub) Recent() int64 { return h.recent.Load() }
