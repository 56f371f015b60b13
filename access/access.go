// Package access defines callers, and what a caller may do in a channel. It is pure: what a
// store knows of the channel and the user is a parameter.
package access

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-server/parley"
)

// Right is what a caller may do in a channel.
type Right byte

// The rights. Administer implies the others.
const (
	Read Right = 1 << iota
	Write
	Presence // see presence
	Administer

	All = Read | Write | Presence | Administer
)

// Caller is the sender of a request or the owner of a stream, by its credentials.
type Caller struct {
	User    parley.UserID // parley.Guest without a user name
	Name    string        // the display name, if it differs
	As      *Credentials  // nil: only the rights of members
	Address netip.Addr    // the caller's address; zero if no limit applies to it
}

// Called returns the caller with a display name, if the caller may choose one: in development.
func (c Caller) Called(name string) (Caller, error) {
	if name == "" || c.As == nil || !c.As.Development {
		return c, nil
	}
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > parley.MaxUser {
		return c, &parley.Error{Code: parley.CodeBadRequest, Detail: "the name is not UTF-8, or has more than 128 characters",
			Hint: "shorten it"}
	}
	c.Name = name
	return c, nil
}

// Named reports whether the caller is a user.
func (c Caller) Named() bool { return c.User != parley.Guest }

// Any reports whether the caller may speak as any user.
func (c Caller) Any() bool { return c.As != nil && c.As.Any }

// KnowsAll reports whether the caller may know of every user.
func (c Caller) KnowsAll() bool { return c.As != nil && (c.As.Service || c.As.Development) }

// Everywhere reports whether the caller administers every channel.
func (c Caller) Everywhere() bool {
	if c.As == nil {
		return false
	}
	for _, g := range c.As.Grants {
		if g.Pattern == "*" && g.Rights&Administer != 0 {
			return true
		}
	}
	return c.As.Service
}

// Identity returns the identity whose events the caller's own sessions skip: the user; "" for
// guests, who share a name.
func (c Caller) Identity() string {
	if !c.Named() {
		return ""
	}
	return string(c.User)
}

// Limited returns the user whose limits apply to the caller; "" for back ends, to which only
// the node's limits apply.
func (c Caller) Limited() parley.UserID {
	if c.As != nil && c.As.Service {
		return ""
	}
	return c.User
}

// Credentials are what a caller has presented. Many callers may share them; they are not
// changed.
type Credentials struct {
	Any         bool   // acts as any user: development, and back ends
	Development bool   // everybody administers; bans and membership still hold
	Service     bool   // a back end, which may do everything
	Key         string // the hash of its API key

	Listed bool    // the token lists channels: outside of them it allows nothing
	Grants []Grant // the list

	Issued  time.Time // zero if the credentials do not say
	Expires time.Time // zero: never
}

// Grant gives rights in the channels of a pattern: a name, or a prefix and a *.
type Grant struct {
	Pattern string
	Rights  Right
}

// Developer are the credentials of every caller in development.
var Developer = &Credentials{Any: true, Development: true, Listed: true, Grants: []Grant{{"*", All}}}

// Rights returns the rights that the credentials give by themselves; none without credentials.
func (c *Credentials) Rights(channel parley.ChannelID) (r Right) {
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
		r = All
	}
	return r
}

// roleRights are those of members.
var roleRights = map[parley.Role]Right{
	parley.RoleOwner:  All,
	parley.RoleAdmin:  All,
	parley.RoleMember: Read | Write | Presence,
	parley.RoleReader: Read | Presence,
}

// Rights returns what a caller may do in a channel of a kind, in which the caller has a role.
//
//	              credentials list channels      they do not
//	public        what the list gives            what the role gives
//	members-only  that and what the role gives   what the role gives
//
// An owner or admin administers in any case, a reader never writes, even after leaving, and a
// banned user may do nothing. @alice is alice's and the back ends'. In development a members-only channel
// gives those who are not members only the right to administer.
func Rights(c Caller, channel parley.ChannelID, kind parley.ChannelKind, role parley.Role) Right {
	cred := c.As
	if cred == nil {
		cred = &Credentials{}
	}
	if owner, own := channel.Owner(); own {
		switch {
		case cred.Service, cred.Development:
			return All
		case owner == c.User:
			return Read | Presence
		default:
			return 0
		}
	}
	switch {
	case channel.Internal(), role == parley.RoleBanned:
		return 0
	case cred.Service:
		return All
	}
	r, mine := cred.Rights(channel), roleRights[role]
	switch {
	case kind == parley.KindMembers && cred.Development:
		r = r&Administer | mine
	case kind == parley.KindMembers || !cred.Listed:
		r |= mine
	}
	if mine&Administer != 0 {
		r |= All
	}
	if role == parley.RoleReader || role == parley.RoleRestricted {
		r &^= Write
	}
	return r
}
