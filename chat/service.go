package chat

import (
	"context"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/internal/clock"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/unread"
	"github.com/parley-server/parley/watch"
)

// Store holds everything that a Service stores.
type Store interface {
	parley.Log
	parley.Directory
	parley.Roster
	parley.Index
	parley.Reactions
	parley.Revocations
	parley.Table
}

// Config of a Service. The zero value works.
type Config struct {
	Presence   presence.Config
	Namespaces Namespaces
	Clock      func() time.Time // time.Now
	Limits     Limiter          // nil: no limits
	Push       PushConfig       // zero: no push service
	MaxAnswer  int              // bytes of the messages or channels of a response, including what surrounds them; 8 MiB
}

// Service is the use cases over a store and the feed of its log.
type Service struct {
	store     Store
	feed      *feed.Feed
	known     *known
	control   *control
	unread    *unread.Inboxes
	spaces    Namespaces
	presence  *presence.Tracker
	keeper    *presence.Keeper
	clock     func() time.Time
	steady    func() time.Time // not affected by jumps of the system clock; tokens use it too
	limits    Limiter
	maxAnswer int
	typing    typing
	push      PushConfig
	devices   devices
	watches   *watch.Streams
	onRead    func(user parley.UserID)
}

// New creates a service.
func New(store Store, f *feed.Feed, cfg Config) *Service {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Presence.Clock == nil {
		cfg.Presence.Clock = cfg.Clock
	}
	if cfg.Namespaces == nil {
		cfg.Namespaces, _ = NewNamespaces(nil) // the defaults are valid
	}
	if cfg.Presence.Tiers == nil {
		cfg.Presence.Tiers = cfg.Namespaces.Tiers
	}
	if cfg.MaxAnswer == 0 {
		cfg.MaxAnswer = 8<<20 - 4<<10
	}
	if cfg.Limits == nil {
		cfg.Limits = unlimited{}
	}
	s := &Service{
		store:     store,
		feed:      f,
		spaces:    cfg.Namespaces,
		control:   newControl(store, f),
		presence:  presence.New(cfg.Presence, cfg.Clock()),
		clock:     cfg.Clock,
		steady:    clock.Steady(cfg.Clock),
		limits:    cfg.Limits,
		maxAnswer: cfg.MaxAnswer,
		typing:    typing{last: map[typist]time.Time{}},
		push:      cfg.Push,
		devices:   devices{store, cfg.Clock},
		onRead:    func(parley.UserID) {},
	}
	s.known = newKnown(s.control.behind)
	s.keeper = presence.NewKeeper(s.presence, cfg.Presence)
	s.unread = s.newInboxes()
	s.watches = watch.New(watch.Config{Tracker: s.presence, Status: s.sightings, Follow: s.followUser, Clock: s.clock})
	f.OnGrown(s.grown, s.follows)
	f.OnEvent(func(e parley.Event, followers int) {
		if e.Presence {
			s.presence.ChargeBudget(followers) // events of other nodes use this node's budget too
		}
	})
	f.OnMissed(s.presence.Missed)
	f.Watch(controlChannel)
	return s
}

// Run sends presence and unread counts, and ends the streams of callers that lost a right,
// until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() { s.control.run(ctx, s.obey) })
	others.Go(func() { s.unread.Run(ctx) })
	others.Go(func() { s.watches.Run(ctx) })
	others.Go(func() { _ = s.keeper.Run(ctx) })
	others.Go(func() { s.tellMissed(ctx) })
	for s.presence.AwaitNext(ctx) {
		s.tellNews(ctx, s.clock())
	}
	return nil
}

// OnRead sets the function that is called when a user has moved a read pointer on this node. It must not block, and is
// set before Run.
func (s *Service) OnRead(read func(user parley.UserID)) { s.onRead = read }

// Hub returns the hub, which opens sessions.
func (s *Service) Hub() *hub.Hub { return s.feed.Hub() }
