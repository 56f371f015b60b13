// Package hub is one node's live state: for each followed channel its recent bytes, and
// sessions with a cursor into them and a bell. It never waits for a reader, never keeps a
// message for one, and depends on no transport.
package hub

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
)

// Config of a Hub. The zero value works.
type Config struct {
	RecentLimit int              // bytes of recent entries on this node; 256 MiB. Above it the longest quiet channels are dropped
	PageLimit   int              // bytes of pages kept; 64 MiB
	Clock       func() time.Time // time.Now
	Events      parley.Events
	// OnRead reports whether a channel is fanned out on read: its streams are notified only
	// that there is more, at most once a second, and the client reads. nil: no channel is.
	OnRead func(parley.ChannelID) bool
}

// Source is what a hub reads from: the feed, over a log.
type Source interface {
	// Join returns when all further growth of the channel will be passed to Grown. It is called
	// before the channel's bounds are read for a follower.
	Join(ctx context.Context, channel parley.ChannelID) error
	// Leave is called after the channel's last follower has left. It must not block.
	Leave(channel parley.ChannelID)
	// Read and Bounds are those of a parley.Log.
	Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error)
	Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error)
}

// Hub connects a source with the sessions that read it. All methods may be called concurrently.
type Hub struct {
	// fixed after construction
	source Source
	pages  *pages
	limit  int64
	clock  func() time.Time
	onRead func(parley.ChannelID) bool
	events parley.Events
	seed   maphash.Seed
	shards [64]shard
	soon   *clock.OnDemand // wakes Run for tellMore

	recent atomic.Int64           // bytes in all tapes
	epoch  atomic.Pointer[string] // the log's, as known to this node; nil until the log has named one

	mu    sync.Mutex
	busy  map[*topic]visit // the topics that Sweep visits
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

// New creates a hub over a source.
func New(source Source, cfg Config) *Hub {
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
	h := &Hub{source: source, limit: int64(cfg.RecentLimit), clock: cfg.Clock, onRead: cfg.OnRead, events: cfg.Events.Complete(),
		mores: map[parley.ChannelID]more{}, soon: clock.NewOnDemand(moreEvery/10, 0), seed: maphash.MakeSeed(), busy: map[*topic]visit{}}
	h.pages = newPages(source, cfg.PageLimit, h.adopt, h.events.PageMissed)
	return h
}

func (h *Hub) grow(n int) {
	if n != 0 {
		h.recent.Add(int64(n))
	}
}

func (h *Hub) shard(hash uint64) *shard { return &h.shards[hash%uint64(len(h.shards))] }

// topic returns the channel's topic, nil if no session here follows it.
func (h *Hub) topic(channel parley.ChannelID) *topic {
	hash := h.hash(channel)
	s := h.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.topics.find(hash, channel)
}

// addFollower adds a follower to a channel's topic, and creates the topic if there is none.
func (h *Hub) addFollower(channel parley.ChannelID, f *follow) {
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

// removeFollower removes a follower and, with the last one, the topic.
func (h *Hub) removeFollower(f *follow) {
	if h.takeOut(f) {
		h.source.Leave(f.topic.channel)
	}
}

func (h *Hub) takeOut(f *follow) (last bool) {
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
		h.mu.Lock()
		delete(h.busy, t)
		h.mu.Unlock()
	}
	return last
}

// Grown takes entries that the log holds, in their order and with their epoch, whichever node
// stored them: it appends them to the channel's recent bytes and rings the channel's followers.
// It ignores entries that it took before, and those of another epoch than the hub's.
//
// If entries are missing before them, it takes nothing: contiguous is false, and the caller
// reads the entries after the id after. Reached handles a gap that is too large to be read.
func (h *Hub) Grown(channel parley.ChannelID, epoch string, entries []parley.Message) (after int64, contiguous bool) {
	h.changed(channel, entries)
	t := h.topic(channel)
	if t == nil || !h.adopt(epoch) {
		return 0, true
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	if h.onRead(channel) {
		h.advanceHead(t, entries[len(entries)-1].ID, sc)
		return 0, true
	}
	return h.deliver(t, epoch, entries, sc)
}

// Reached moves a channel's head to an id that the log named. Sessions that have not seen the
// entries before it read pages.
func (h *Hub) Reached(channel parley.ChannelID, epoch string, head int64) {
	t := h.topic(channel)
	if t == nil || !h.adopt(epoch) {
		return
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	if h.onRead(channel) {
		h.advanceHead(t, head, sc)
	} else {
		h.raise(t, epoch, head, sc)
	}
}

// Head returns the last id of a channel that was delivered to its followers, and reports
// whether it has followers whose start is known.
func (h *Hub) Head(channel parley.ChannelID) (id int64, followed bool) {
	t := h.topic(channel)
	if t == nil {
		return 0, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.head, 0), t.head != unknown
}

// Follows reports whether a session of this node follows a channel.
func (h *Hub) Follows(channel parley.ChannelID) bool { return h.topic(channel) != nil }

// Event delivers an event to the streams of a channel on this node, and returns the number of
// sessions that follow the channel.
func (h *Hub) Event(channel parley.ChannelID, e parley.Event) (followers int) {
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

// Recent returns the number of bytes of recent entries on this node.
func (h *Hub) Recent() int64 { return h.recent.Load() }
