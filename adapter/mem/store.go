package mem

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// StoreConfig configures a Store. The zero value works.
type StoreConfig struct {
	Clock func() time.Time // time.Now
	// Projected leaves derived data to Project: positions trail until a node calls it, as in a
	// store that keeps its rows in several places.
	Projected bool
}

// Store is what several nodes share: maps under one mutex. Each node has a Handle.
type Store struct {
	// fixed after construction
	presence  *Presence
	once      *Once
	clock     func() time.Time
	projected bool

	mu         sync.Mutex // guards the rest
	epoch      int
	channels   map[parley.ChannelID]*channel
	lists      map[parley.UserID]map[parley.ChannelID]struct{} // channels of which each user is a member
	revoked    map[parley.UserID]parley.Timestamp
	keys       map[string]parley.Key
	unfinished map[string]map[parley.ChannelID]struct{} // by node
	rows       map[string]map[string][]byte             // by group
}

// NewStore creates an empty store.
func NewStore(cfg StoreConfig) *Store {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Store{presence: NewPresence(PresenceConfig{Clock: cfg.Clock}), once: NewOnce(cfg.Clock), clock: cfg.Clock,
		projected: cfg.Projected, epoch: 1, channels: map[parley.ChannelID]*channel{},
		lists:   map[parley.UserID]map[parley.ChannelID]struct{}{},
		revoked: map[parley.UserID]parley.Timestamp{}, keys: map[string]parley.Key{},
		unfinished: map[string]map[parley.ChannelID]struct{}{}, rows: map[string]map[string][]byte{}}
}

// Open returns a node's handle of the store.
func (s *Store) Open() *Handle { return &Handle{store: s} }

// Promote begins a new epoch, like a store that lost entries: each channel keeps the entries up to the
// result of survive for its head; 0 keeps none. It returns the new epoch.
func (s *Store) Promote(survive func(channel parley.ChannelID, last int64) int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	for name, c := range s.channels {
		c.cut(min(survive(name, c.last), c.last))
	}
	return s.epochLocked()
}

// Trim removes the entries of a channel before one, as retention does.
func (s *Store) Trim(channel parley.ChannelID, first int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[channel]; c != nil {
		c.trim(min(first, c.last+1))
	}
}

func (s *Store) epochLocked() string { return fmt.Sprint("mem-", s.epoch) }

// channelLocked returns a channel, trimmed to what it keeps; nil if nothing was ever stored in it.
func (s *Store) channelLocked(name parley.ChannelID) *channel {
	c := s.channels[name]
	if c != nil {
		c.retain(s.clock())
	}
	return c
}

// makeLocked returns a channel, and creates it if it does not exist.
func (s *Store) makeLocked(name parley.ChannelID) *channel {
	if c := s.channelLocked(name); c != nil {
		return c
	}
	c := &channel{store: s, name: name, first: 1}
	c.forget()
	c.index.clear()
	s.channels[name] = c
	return c
}

// Handle is one node's access to a Store. It implements parley.Store; tests can make it fail.
type Handle struct {
	store *Store
	faults
}

var (
	_ parley.Store    = (*Handle)(nil)
	_ parley.Presence = (*Handle)(nil)
)

// Close implements parley.Log, for this handle only.
func (h *Handle) Close() error {
	h.faults.close()
	return nil
}

// read calls do under the store's mutex, unless the handle has a fault.
func (h *Handle) read(ctx context.Context, do func(s *Store) error) error {
	if err := h.admit(ctx, false); err != nil {
		return err
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	return do(h.store)
}

// write is like read, for changes of the store.
func (h *Handle) write(ctx context.Context, do func(s *Store) error) error {
	err := h.admit(ctx, true)
	if err != nil && err != errUnanswered {
		return err
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if done := do(h.store); err == nil {
		return done
	}
	return fmt.Errorf("%w: the answer was lost", parley.ErrUnknown)
}

// clone returns a copy of a message that shares no memory with it.
func clone(m *parley.Message) parley.Message {
	out := *m
	out.Data = bytes.Clone(m.Data)
	out.Reactions = slices.Clone(m.Reactions)
	for i := range out.Reactions {
		out.Reactions[i].Users = slices.Clone(out.Reactions[i].Users)
	}
	if m.Target != nil {
		t := clone(m.Target)
		out.Target = &t
	}
	return out
}

func cloneSettings(s parley.Settings) parley.Settings {
	s.Data = json.RawMessage(bytes.Clone(s.Data))
	if s.Retention != nil {
		keep := *s.Retention
		s.Retention = &keep
	}
	return s
}
