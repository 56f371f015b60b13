// Package hub is one node's live state: for each channel that somebody follows its
// recent bytes, and sessions with a cursor into them and a bell. It never waits
// for a reader, never keeps a message for one, and knows nothing of transports.
package hub

import (
	"context"
	"hash/maphash"
	"sort"
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
}

// Hub connects a log with the sessions that read it. All methods may be called at
// the same time.
type Hub struct {
	// fixed after construction
	log    parley.Log
	pages  *pages
	limit  int64
	clock  func() time.Time
	seed   maphash.Seed
	shards [64]shard

	recent atomic.Int64 // bytes in all tapes
}

type shard struct {
	mu      sync.Mutex
	topics  map[parley.ChannelID]*topic
	outlets map[parley.ChannelID]*outlet
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
	h := &Hub{log: log, pages: newPages(log, cfg.PageLimit), limit: int64(cfg.RecentLimit), clock: cfg.Clock, seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].topics = map[parley.ChannelID]*topic{}
		h.shards[i].outlets = map[parley.ChannelID]*outlet{}
	}
	return h
}

// Run keeps the recent bytes within their bounds until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.Sweep()
		}
	}
}

// Sweep looks at every topic once; Run calls it every second.
func (h *Hub) Sweep() {
	type aged struct {
		topic   *topic
		size    int
		touched time.Time
	}
	var all []aged
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	now := h.clock()
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		topics := make([]*topic, 0, len(s.topics))
		for _, t := range s.topics {
			topics = append(topics, t)
		}
		s.mu.Unlock()
		for _, t := range topics {
			if size, touched := t.sweep(now, sc); size > 0 {
				all = append(all, aged{t, size, touched})
			}
		}
	}
	if h.recent.Load() <= h.limit {
		return
	}
	sort.Slice(all, func(i, j int) bool { return all[i].touched.Before(all[j].touched) })
	for _, a := range all {
		if h.recent.Load() <= h.limit*3/4 {
			return
		}
		a.topic.mu.Lock()
		dropped := a.topic.recent.drop()
		a.topic.mu.Unlock()
		h.grow(-dropped)
	}
}

func (h *Hub) grow(n int) {
	if n != 0 {
		h.recent.Add(int64(n))
	}
}

func (h *Hub) shard(channel parley.ChannelID) *shard {
	return &h.shards[maphash.String(h.seed, string(channel))%uint64(len(h.shards))]
}

// topic returns the channel's topic, nil if nobody here follows it.
func (h *Hub) topic(channel parley.ChannelID) *topic {
	s := h.shard(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.topics[channel]
}

// enter adds a follower to a channel's topic, making it if there is none.
func (h *Hub) enter(channel parley.ChannelID, f *follow) {
	s := h.shard(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[channel]
	if t == nil {
		t = &topic{hub: h, channel: channel}
		s.topics[channel] = t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f.topic, f.index = t, int32(len(t.followers))
	t.followers = append(t.followers, f)
	t.recent.readers[f.session.form]++
}

// exit takes a follower out and, with the last, the topic.
func (h *Hub) exit(f *follow) {
	t := f.topic
	s := h.shard(t.channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.followers) - 1
	moved := t.followers[last]
	t.followers[f.index], moved.index = moved, f.index
	t.followers[last] = nil
	t.followers = t.followers[:last]
	f.left = true
	h.grow(-t.recent.leave(f.session.form))
	if last == 0 {
		h.grow(-t.recent.drop())
		delete(s.topics, t.channel)
	}
}

// Event gives an event to the streams of a channel on this node. obj is its JSON
// object on one line, name its name among server-sent events; sessions whose
// identity is skip don't get it.
func (h *Hub) Event(channel parley.ChannelID, name string, obj []byte, skip string) {
	t := h.topic(channel)
	if t == nil {
		return
	}
	sc := scratches.Get().(*scratch)
	t.event(name, obj, skip, sc)
	scratches.Put(sc)
}

// Recent is how many bytes of recent entries this node keeps.
func (h *Hub) Recent() int64 { return h.recent.Load() }
