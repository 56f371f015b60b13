package chat

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

var rightNames = map[access.Right]string{access.Read: "read", access.Write: "write to", access.Presence: "see who is in",
	access.Administer: "administer", access.Read | access.Administer: "see"}

// facts are what a store knows of a channel and a user that decides about rights.
type facts struct {
	kind   parley.ChannelKind
	role   parley.Role
	direct bool // the role is only in the channel's name, not yet in the roster
	made   bool // the channel is known to be there
	reading
}

// reading says when facts were read: before the store was asked.
type reading struct {
	generation uint64
	at         time.Duration
}

// stored returns the role in the roster.
func (a facts) stored() parley.Role {
	if a.direct {
		return parley.RoleNone
	}
	return a.role
}

// Authorize checks a right in a channel, or one of several. The refusal does not reveal whether the
// channel exists.
func (s *Service) Authorize(ctx context.Context, c access.Caller, want access.Right, channel parley.ChannelID) error {
	_, err := s.authorize(ctx, c, want, channel)
	return err
}

// Admit checks the right to read a channel, and reports whether the caller may see presence
// there.
func (s *Service) Admit(ctx context.Context, c access.Caller, channel parley.ChannelID) (sees bool, err error) {
	a, err := s.authorize(ctx, c, access.Read, channel)
	return access.Rights(c, channel, a.kind, a.role)&access.Presence != 0, err
}

func (s *Service) authorize(ctx context.Context, c access.Caller, want access.Right, channel parley.ChannelID) (facts, error) {
	if a, ok := s.known.get(channel, c.User); ok && access.Rights(c, channel, a.kind, a.role)&want != 0 {
		return a, nil
	}
	a, err := s.facts(ctx, c.User, channel)
	if err == nil && access.Rights(c, channel, a.kind, a.role)&want == 0 && s.known.forgetPublic(channel) {
		a, err = s.facts(ctx, c.User, channel) // remembered facts may allow, but never refuse
	}
	if err != nil {
		return a, err
	}
	if access.Rights(c, channel, a.kind, a.role)&want == 0 {
		return a, forbidden(c, want, channel)
	}
	if want == access.Write && !a.direct { // a user who writes will do so again
		s.known.put(channel, c.User, a)
	}
	return a, nil
}

// MayWrite reports whether it is known, without reading the store, which may block, that a
// caller may write to a channel and that the channel exists.
func (s *Service) MayWrite(c access.Caller, channel parley.ChannelID) bool {
	a, ok := s.known.get(channel, c.User)
	return ok && (a.made || !c.Address.IsValid()) && access.Rights(c, channel, a.kind, a.role)&access.Write != 0
}

func forbidden(c access.Caller, want access.Right, channel parley.ChannelID) *parley.Error {
	return &parley.Error{
		Code:    parley.CodeForbidden,
		Channel: channel,
		Detail:  fmt.Sprintf("%s may not %s %s", c.User, rightNames[want], channel),
		Hint:    "ask an administrator of the channel, or show credentials that allow it",
	}
}

// facts reads what decides about a user in a channel.
func (s *Service) facts(ctx context.Context, user parley.UserID, channel parley.ChannelID) (a facts, err error) {
	a.reading = s.known.now()
	if channel[0] == '@' || channel.Internal() {
		return a, nil
	}
	if a.kind = parley.KindPublic; !s.known.public(channel) {
		before := s.known.publicNow(channel)
		set, err := s.settings(ctx, channel)
		if err != nil {
			return a, err
		}
		if a.kind = set.Kind; a.kind == "" {
			a.kind = s.kind(channel)
		}
		if a.kind == parley.KindPublic {
			s.known.putPublic(channel, before)
		}
	}
	if user == parley.Guest {
		return a, nil
	}
	m, err := s.member(ctx, channel, user)
	a.role, a.made = m.Role, m.Role.In()
	if a.role == parley.RoleNone {
		if x, y, ok := channel.Direct(); ok && (user == x || user == y) {
			a.role, a.direct = parley.RoleMember, true
		}
	}
	return a, err
}

// kind returns the kind of a channel whose settings have none.
func (s *Service) kind(channel parley.ChannelID) parley.ChannelKind {
	if kind := s.spaces.Of(channel).Kind; kind != "" {
		return kind
	}
	return parley.KindPublic
}

// known remembers a few thousand answers of facts that allowed something. Whatever
// may take a right away begins a new generation.
type known struct {
	behind     func() bool // what is known may no longer be so, and is used only for controlLate after it was read
	begin      time.Time   // of at
	generation atomic.Uint64
	seed       maphash.Seed
	slots      [4096]atomic.Pointer[knownAccess]
	publics    [4096]publicSlot
}

func (k *known) now() reading { return reading{k.generation.Load(), time.Since(k.begin)} }

// recent reports whether what was read at r may still be used, if nothing has changed it. A node that cannot follow the
// changes of rights reads again after controlLate, and until then all streams share what one of them has read.
func (k *known) recent(r reading) bool { return !k.behind() || time.Since(k.begin)-r.at < controlLate }

// changed forgets what a change of rights may have made untrue. What a channel is does not depend on the rights of one user,
// nor on another channel: otherwise each change anywhere would keep public channels from a node that cannot follow the changes.
func (k *known) changed(o rightsChange) {
	k.generation.Add(1)
	switch {
	case o.User != "":
	case o.Channel != "":
		k.publicSlot(o.Channel).generation.Add(1)
	default:
		for i := range k.publics {
			k.publics[i].generation.Add(1)
		}
	}
}

// publicSlot has at most one of the channels that share it.
type publicSlot struct {
	generation atomic.Uint64 // of the channels' kinds
	known      atomic.Pointer[knownPublic]
}

// knownPublic is a channel that was public when it was read, in a generation of its slot.
type knownPublic struct {
	channel parley.ChannelID
	reading
}

func (k *known) publicSlot(channel parley.ChannelID) *publicSlot {
	return &k.publics[maphash.String(k.seed, string(channel))%uint64(len(k.publics))]
}

// publicNow is the reading of a channel's kind that begins now.
func (k *known) publicNow(channel parley.ChannelID) reading {
	return reading{k.publicSlot(channel).generation.Load(), time.Since(k.begin)}
}

func (k *known) putPublic(channel parley.ChannelID, r reading) {
	k.publicSlot(channel).known.Store(&knownPublic{channel, r})
}

// wasPublic returns when a channel was found to be public, if no change since then is known.
func (k *known) wasPublic(channel parley.ChannelID) (r reading, known bool) {
	slot := k.publicSlot(channel)
	p := slot.known.Load()
	if p == nil || p.channel != channel || p.generation != slot.generation.Load() {
		return reading{}, false
	}
	return p.reading, true
}

// public reports whether a channel is public, as far as is known and can be relied on now.
func (k *known) public(channel parley.ChannelID) bool {
	r, known := k.wasPublic(channel)
	return known && k.recent(r)
}

// forgetPublic reports whether there was something to forget.
func (k *known) forgetPublic(channel parley.ChannelID) bool {
	slot := k.publicSlot(channel)
	p := slot.known.Load()
	return p != nil && p.channel == channel && slot.known.CompareAndSwap(p, nil)
}

type knownAccess struct {
	channel parley.ChannelID
	user    parley.UserID
	facts
}

func newKnown(behind func() bool) *known {
	return &known{behind: behind, begin: time.Now(), seed: maphash.MakeSeed()}
}

func (k *known) slot(channel parley.ChannelID, user parley.UserID) *atomic.Pointer[knownAccess] {
	h := maphash.String(k.seed, string(channel)) ^ 31*maphash.String(k.seed, string(user))
	return &k.slots[h%uint64(len(k.slots))]
}

func (k *known) get(channel parley.ChannelID, user parley.UserID) (facts, bool) {
	a := k.slot(channel, user).Load()
	if a == nil || a.channel != channel || a.user != user || a.generation != k.generation.Load() || !k.recent(a.reading) {
		return facts{}, false
	}
	return a.facts, true
}

func (k *known) put(channel parley.ChannelID, user parley.UserID, a facts) {
	k.slot(channel, user).Store(&knownAccess{channel, user, a})
}
