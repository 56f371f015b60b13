package parley

import "context"

// Role is a user's role in a channel.
type Role string

// The roles. The last three are not members: RoleNone about whom nothing was decided, RoleRestricted
// of a reader who left, and RoleBanned of a user who cannot become a member.
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

// Loses reports whether a user may have fewer rights with the role is than with r. A reader may
// not write where others may.
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

// Mute says which messages of a channel are not pushed to a member.
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

// MemberChange says what to change of a user's place; nil: unchanged.
type MemberChange struct {
	Was  *Role  // the role that the decision was based on; ErrChanged if the user has another
	Role *Role  // RoleNone removes the user; so do RoleRestricted and RoleBanned, which are stored
	Mute *Mute  // of members only
	Read *int64 // of members only; moves the pointer forward, at most to the head, never back
}

// Roster holds the members of channels, and what they have read: plain rows. All methods may be called
// concurrently. What is derived from messages (membership by posting, the author's own pointer) is
// included when the channel's position has reached them (Index).
//
// Members and pointers belong to a channel, and a store may keep them with it. A user's list of channels
// belongs to the user, and may be stored elsewhere, where no single write reaches both.
type Roster interface {
	// Member returns a user's place in each channel, in the order of the arguments; RoleNone if there
	// is none.
	Member(ctx context.Context, user UserID, channels ...ChannelID) ([]Member, error)
	// SetMember changes a user's place in a channel, durably, and returns it before and after the change. The
	// pointer of a new member is the head. A condition (Was) is checked in the same step as the change is
	// made, on every node; if it does not hold, SetMember returns ErrChanged and changes nothing. ErrUnknown:
	// the change may be made, now or later. A change that takes rights away may use a reserve of disk space
	// that messages may not (see Log). A member makes the channel exist.
	SetMember(ctx context.Context, channel ChannelID, user UserID, c MemberChange) (was, is Member, err error)
	// Members lists a channel's members in the order of their names, after the given one, at most
	// limit. One call skips at most a thousand users who are not members, so it may return fewer.
	// next is where the next page begins, "" at the end.
	Members(ctx context.Context, channel ChannelID, after UserID, limit int) (ms []Member, next UserID, err error)
	// Memberships lists the channels that a user is a member of, in the order of their names, after the given one,
	// at most limit. It reflects a SetMember that has returned. During a change, or after one whose outcome is
	// unknown, it may list a channel too many or too few: Member decides.
	Memberships(ctx context.Context, user UserID, after ChannelID, limit int) ([]ChannelID, error)
}

// Revocations records the users whose tokens were revoked. All methods may be called
// concurrently.
type Revocations interface {
	// Revoke voids all tokens of a user that were issued up to until, durably. A time earlier
	// than the last one changes nothing.
	Revoke(ctx context.Context, user UserID, until Timestamp) error
	// Revoked returns the last such time, 0 if there was none.
	Revoked(ctx context.Context, user UserID) (Timestamp, error)
}

// InboxEntry is a channel as one of its members sees it, assembled from the contracts above. A user
// who is not a member has zero Unread, Mentions and Member.
type InboxEntry struct {
	Settings Settings
	Member   Member
	Count
	Last *Message // Index.Latest
}
