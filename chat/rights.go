package chat

import (
	"context"
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"parley"
)

// Right is what a caller may do in a channel.
type Right byte

// The rights. Administer implies the others.
const (
	Read Right = 1 << iota
	Write
	Presence // see who is there
	Administer

	all = Read | Write | Presence | Administer
)

var rightNames = map[Right]string{Read: "read", Write: "write to", Presence: "see who is in", Administer: "administer", Read | Administer: "see"}

// Caller is who asks, as the credentials say.
type Caller struct {
	User    parley.UserID // parley.Guest if nobody was named
	Name    string        // what people read, if it differs
	As      *Credentials  // nil: what members may, and no more
	Address netip.Addr    // where the caller is; the zero one if nothing is limited by it
}

// Named tells whether the caller is somebody.
func (c Caller) Named() bool { return c.User != parley.Guest }

// Any tells whether the caller may speak as any user.
func (c Caller) Any() bool { return c.As != nil && c.As.Any }

// Identity is what the caller's own sessions skip the events of: the user; "" for a
// guest, who is not one but many.
func (c Caller) Identity() string {
	if !c.Named() {
		return ""
	}
	return string(c.User)
}

// Credentials are what a caller has shown. Many callers may share them; they are not
// changed.
type Credentials struct {
	Any         bool   // speaks as any user: development, and back ends
	Development bool   // everybody administers; bans and membership still hold
	Service     bool   // a back end, which may do everything
	Key         string // the hash of its API key

	Listed bool    // the token lists channels: outside of them it allows nothing
	Grants []Grant // the list

	Issued  time.Time // zero if the credentials don't say
	Expires time.Time // zero: never
}

// Grant gives rights in the channels of a pattern: a name, or its beginning and a *.
type Grant struct {
	Pattern string
	Rights  Right
}

// Developer is what everybody is in development.
var Developer = &Credentials{Any: true, Development: true, Listed: true, Grants: []Grant{{"*", all}}}

// rights are those of the credentials alone.
func (c *Credentials) rights(channel parley.ChannelID) (r Right) {
	if c == nil {
		return 0
	}
	for _, g := range c.Grants {
		prefix, many := strings.CutSuffix(g.Pattern, "*")
		if g.Pattern == string(channel) || many && strings.HasPrefix(string(channel), prefix) {
			r |= g.Rights
		}
	}
	if r&Administer != 0 {
		r = all
	}
	return r
}

// roleRights are those of members.
var roleRights = map[parley.Role]Right{parley.Owner: all, parley.Admin: all, parley.Regular: Read | Write | Presence, parley.Reader: Read | Presence}

// access is what of a channel and a user decides.
type access struct {
	kind   parley.Kind
	role   parley.Role
	direct bool // the role is only in the channel's name, not yet in the roster
	made   bool // the channel is known to be there
}

// stored is the role that the roster has.
func (a access) stored() parley.Role {
	if a.direct {
		return parley.NoRole
	}
	return a.role
}

// rights tells what a caller may do in a channel.
//
//	              credentials list channels      they don't
//	public        what the list gives            what the role gives
//	members-only  that and what the role gives   what the role gives
//
// An owner or admin administers in any case, a reader never writes, also after leaving, and a
// banned user does nothing. @alice is alice's and the back ends'. In development a members-only channel
// gives those who are no members only the right to administer.
func rights(c Caller, channel parley.ChannelID, a access) Right {
	cred := c.As
	if cred == nil {
		cred = &Credentials{}
	}
	if owner, own := channel.Owner(); own {
		switch {
		case cred.Service, cred.Development:
			return all
		case owner == c.User:
			return Read | Presence
		default:
			return 0
		}
	}
	switch {
	case channel.Internal(), a.role == parley.Banned:
		return 0
	case cred.Service:
		return all
	}
	r, mine := cred.rights(channel), roleRights[a.role]
	switch {
	case a.kind == parley.MembersOnly && cred.Development:
		r = r&Administer | mine
	case a.kind == parley.MembersOnly || !cred.Listed:
		r |= mine
	}
	if mine&Administer != 0 {
		r |= all
	}
	if a.role == parley.Reader || a.role == parley.Restricted {
		r &^= Write
	}
	return r
}

// Authorize asks for a right in a channel, or for one of several. The refusal does not tell whether the
// channel exists.
func (s *Service) Authorize(ctx context.Context, c Caller, want Right, channel parley.ChannelID) error {
	_, err := s.authorize(ctx, c, want, channel)
	return err
}

// Admit asks for the right to read a channel, and whether who reads is told who is there.
func (s *Service) Admit(ctx context.Context, c Caller, channel parley.ChannelID) (sees bool, err error) {
	a, err := s.authorize(ctx, c, Read, channel)
	return rights(c, channel, a)&Presence != 0, err
}

func (s *Service) authorize(ctx context.Context, c Caller, want Right, channel parley.ChannelID) (access, error) {
	if a, ok := s.known.get(channel, c.User); ok && rights(c, channel, a)&want != 0 {
		return a, nil
	}
	generation := s.known.generation.Load()
	a, err := s.access(ctx, c.User, channel)
	if err == nil && rights(c, channel, a)&want == 0 && s.known.forgetPublic(channel) {
		a, err = s.access(ctx, c.User, channel) // what is known may allow, and never refuse
	}
	if err != nil {
		return a, err
	}
	if rights(c, channel, a)&want == 0 {
		return a, forbidden(c, want, channel)
	}
	if want == Write && !a.direct { // who writes will do so again
		s.known.put(channel, c.User, a, generation)
	}
	return a, nil
}

// MayWrite tells whether it is known without asking the store, which may block, that a
// caller may write to a channel, and that it is there.
func (s *Service) MayWrite(c Caller, channel parley.ChannelID) bool {
	a, ok := s.known.get(channel, c.User)
	return ok && (a.made || !c.Address.IsValid()) && rights(c, channel, a)&Write != 0
}

func forbidden(c Caller, want Right, channel parley.ChannelID) *parley.Error {
	return &parley.Error{Code: parley.CodeForbidden, Channel: channel, Detail: fmt.Sprintf("%s may not %s %s", c.User, rightNames[want], channel),
		Hint: "ask an administrator of the channel, or show credentials that allow it"}
}

// access reads what decides about a user in a channel.
func (s *Service) access(ctx context.Context, user parley.UserID, channel parley.ChannelID) (a access, err error) {
	if channel[0] == '@' || channel.Internal() {
		return a, nil
	}
	if a.kind = parley.Public; !s.known.public(channel) {
		generation := s.known.generation.Load()
		set, err := s.settings(ctx, channel)
		if err != nil {
			return a, err
		}
		if a.kind = set.Kind; a.kind == "" {
			a.kind = s.kind(channel)
		}
		if a.kind == parley.Public {
			s.known.putPublic(channel, generation)
		}
	}
	if user == parley.Guest {
		return a, nil
	}
	m, err := s.member(ctx, channel, user)
	a.role, a.made = m.Role, m.Role.In()
	if a.role == parley.NoRole {
		if x, y, ok := channel.Direct(); ok && (user == x || user == y) {
			a.role, a.direct = parley.Regular, true
		}
	}
	return a, err
}

// kind is that of a channel whose settings have none.
func (s *Service) kind(channel parley.ChannelID) parley.Kind {
	if kind := s.spaces.Of(channel).Kind; kind != "" {
		return kind
	}
	return parley.Public
}

// known remembers a few thousand answers of access that allowed something. Whatever
// may take a right away begins a new generation.
type known struct {
	generation atomic.Uint64
	seed       maphash.Seed
	slots      [4096]atomic.Pointer[knownAccess]
	publics    [4096]atomic.Pointer[knownPublic]
}

// knownPublic is a channel that was public in a generation.
type knownPublic struct {
	channel    parley.ChannelID
	generation uint64
}

func (k *known) publicSlot(channel parley.ChannelID) *atomic.Pointer[knownPublic] {
	return &k.publics[maphash.String(k.seed, string(channel))%uint64(len(k.publics))]
}

// public tells whether a channel is known to be public.
func (k *known) public(channel parley.ChannelID) bool {
	p := k.publicSlot(channel).Load()
	return p != nil && p.channel == channel && p.generation == k.generation.Load()
}

// forgetPublic tells whether there was something to forget.
func (k *known) forgetPublic(channel parley.ChannelID) bool {
	slot := k.publicSlot(channel)
	p := slot.Load()
	return p != nil && p.channel == channel && slot.CompareAndSwap(p, nil)
}

func (k *known) putPublic(channel parley.ChannelID, generation uint64) {
	k.publicSlot(channel).Store(&knownPublic{channel, generation})
}

type knownAccess struct {
	channel    parley.ChannelID
	user       parley.UserID
	generation uint64
	access
}

func newKnown() *known { return &known{seed: maphash.MakeSeed()} }

func (k *known) slot(channel parley.ChannelID, user parley.UserID) *atomic.Pointer[knownAccess] {
	h := maphash.String(k.seed, string(channel)) ^ 31*maphash.String(k.seed, string(user))
	return &k.slots[h%uint64(len(k.slots))]
}

func (k *known) get(channel parley.ChannelID, user parley.UserID) (access, bool) {
	a := k.slot(channel, user).Load()
	if a == nil || a.channel != channel || a.user != user || a.generation != k.generation.Load() {
		return access{}, false
	}
	return a.access, true
}

func (k *known) put(channel parley.ChannelID, user parley.UserID, a access, generation uint64) {
	k.slot(channel, user).Store(&knownAccess{channel, user, generation, a})
}
