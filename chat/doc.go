// Package chat is what one can do with parley: publish, read, follow, come and go,
// type. It asks for rights and applies limits; it knows no transport and no store.
package chat

import (
	"context"
	"time"

	"parley"
	"parley/hub"
	"parley/presence"
)

// Right is what a caller may do in a channel.
type Right byte

// The rights.
const (
	Read Right = 1 << iota
	Write
	Administer
)

// Caller is who asks, as the credentials say.
type Caller struct {
	User parley.UserID // parley.Guest if nobody was named
	Name string        // what people read, if it differs
	Any  bool          // may speak as any user: development, and back ends
}

// Named tells whether the caller is somebody.
func (c Caller) Named() bool { return c.User != parley.Guest }

// Identity is what the caller's own sessions skip the events of: the user; "" for a
// guest, who is not one but many.
func (c Caller) Identity() string {
	if !c.Named() {
		return ""
	}
	return string(c.User)
}

// Policy decides. A nil error allows; a refusal is an *parley.Error.
type Policy interface {
	Authorize(ctx context.Context, c Caller, r Right, channel parley.ChannelID) error
}

// Everybody is the policy of development: all may do all.
type Everybody struct{}

// Authorize implements Policy.
func (Everybody) Authorize(context.Context, Caller, Right, parley.ChannelID) error { return nil }

// Config of a Service. Policy is required; the rest may be zero.
type Config struct {
	Policy   Policy
	Presence presence.Config
	Clock    func() time.Time // time.Now
}

// Service is the use cases over a log, a directory and a hub.
type Service struct {
	log      parley.Log
	dir      parley.Directory
	hub      *hub.Hub
	policy   Policy
	presence *presence.Tracker
	clock    func() time.Time
	typing   typing
}

// New makes a service.
func New(log parley.Log, dir parley.Directory, h *hub.Hub, cfg Config) *Service {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Service{log: log, dir: dir, hub: h, policy: cfg.Policy, presence: presence.New(cfg.Presence), clock: cfg.Clock,
		typing: typing{last: map[typist]time.Time{}}}
}

// Run tells of users who left, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			now := s.clock()
			s.tellGone(now)
			s.typing.forget(now)
		}
	}
}

// Authorize asks for a right in a channel.
func (s *Service) Authorize(ctx context.Context, c Caller, r Right, channel parley.ChannelID) error {
	return s.policy.Authorize(ctx, c, r, channel)
}

// Hub is where sessions come from.
func (s *Service) Hub() *hub.Hub { return s.hub }

// NotYet refuses what the wire describes and this version lacks.
func NotYet(what string) error {
	return &parley.Error{Code: parley.CodeBadRequest, Detail: what + " can't be done", Hint: "not in this version"}
}
