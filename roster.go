package parley

import "context"

// Role is what a user is in a channel.
type Role string

// The roles. The last three are not a member's: RoleNone of somebody about whom nothing was
// decided, RoleRestricted of a reader who left, and RoleBanned of a user who cannot become a member.
const (
	RoleOwner      Role = "owner"
	RoleAdmin      Role = "admin"
	RoleMember     Role = "member"
	RoleReader     Role = "reader"
	RoleNone       Role = ""
	RoleRestricted Role = "restricted"
	RoleBanned     Role = "banned"
)

// In reports whether the role is a member's.
func (r Role) In() bool { return r != RoleNone && r != RoleRestricted && r != RoleBanned }

// Loses reports whether a user may have fewer rights with the role is than with r. A
// reader does not write where everybody else does.
func (r Role) Loses(is Role) bool {
	switch {
	case r == is || is == RoleOwner:
		return false
	case r == RoleBanned:
		return false
	case r == RoleNone || r == RoleRestricted:
		return is == RoleBanned || r == RoleNone && (is == RoleReader || is == RoleRestricted)
	case r == RoleReader:
		return !is.In()
	case r == RoleMember:
		return is != RoleAdmin
	default:
		return true
	}
}

// Mute is of which messages of a channel a member gets no push.
type Mute string

// The states.
const (
	MuteNone        Mute = ""
	MuteAll         Mute = "all"
	MuteButMentions Mute = "mentions" // all but those that mention the member
)

// Member is a user's place in a channel.
type Member struct {
	User      UserID
	Role      Role
	ReadID    int64     // the read pointer: the last id that was read
	ReadCount int64     // Message.Count of the entry ReadID, which never changes
	Joined    Timestamp // when the user became a member
	Mute      Mute
}

// MemberChange says what to change of a user's place; nil: leave it as it is.
type MemberChange struct {
	Was  *Role  // the role on which the change was decided; ErrChanged if the user has another
	Role *Role  // RoleNone takes the user out; RoleRestricted and RoleBanned do too, and remain
	Mute *Mute  // of members only
	Read *int64 // of members only; moves the pointer forward, at most to the head, and never back
}

// Roster holds who belongs to which channel, and what they have read: plain rows. All methods may
// be called at the same time. What follows from messages (membership by posting,
// the author's own pointer) is there when the channel's position has reached them (Index).
//
// Members and pointers belong to a channel, and a store may keep them with it. A user's list of channels
// belongs to the user, and may be kept elsewhere, where no write reaches both at once.
type Roster interface {
	// Member returns a user's place in each channel, in the order asked for; RoleNone if there is none.
	Member(ctx context.Context, user UserID, channels ...ChannelID) ([]Member, error)
	// SetMember changes a user's place in a channel and returns it as it was and as
	// it is, durably. The pointer of a new member is the head. A condition (Was) is checked
	// in the same step as the change is made, on every node; ErrChanged if it does not hold, and then nothing
	// is changed. ErrUnknown: the change may have been made, now or later. A change that takes rights away
	// may use a reserve that messages may not (see Log). A member makes the channel exist.
	SetMember(ctx context.Context, channel ChannelID, user UserID, c MemberChange) (was, is Member, err error)
	// Members lists a channel's members in the order of their names, after the one
	// given, at most limit. It passes over at most a thousand who are not members, so there may be
	// fewer. next is where the next page begins, "" at the end.
	Members(ctx context.Context, channel ChannelID, after UserID, limit int) (ms []Member, next UserID, err error)
	// Memberships lists the channels a user is a member of, in the order of their
	// names, after the one given, at most limit. It shows what SetMember has changed when that has returned. While
	// a change is under way, or after one whose outcome is unknown, it may name a channel too many or too few:
	// Member decides.
	Memberships(ctx context.Context, user UserID, after ChannelID, limit int) ([]ChannelID, error)
}

// Revocations remember whose tokens were cut off. All methods may be called at the
// same time.
type Revocations interface {
	// Revoke makes all tokens of a user void that were issued until a moment, durably.
	// An earlier moment than the last one changes nothing.
	Revoke(ctx context.Context, user UserID, until Timestamp) error
	// Revoked is the last such moment, 0 if there was none.
	Revoked(ctx context.Context, user UserID) (Timestamp, error)
}

// InboxEntry is a channel as one of its members finds it, put together from the contracts above. Who
// is not a member has zero Unread, Mentions and Member.
type InboxEntry struct {
	Settings Settings
	Member   Member
	Count
	Last *Message // Index.Latest
}
