package parley

import "context"

// Role is what a user is in a channel.
type Role string

// The roles. The last three are not a member's: NoRole of somebody about whom nothing was
// decided, Restricted of a reader who left, and Banned of a user who cannot become a member.
const (
	Owner      Role = "owner"
	Admin      Role = "admin"
	Regular    Role = "member"
	Reader     Role = "reader"
	NoRole     Role = ""
	Restricted Role = "restricted"
	Banned     Role = "banned"
)

// In reports whether the role is a member's.
func (r Role) In() bool { return r != NoRole && r != Restricted && r != Banned }

// Loses reports whether a user may have fewer rights with the role is than with r. A
// reader does not write where everybody else does.
func (r Role) Loses(is Role) bool {
	switch {
	case r == is || is == Owner:
		return false
	case r == Banned:
		return false
	case r == NoRole || r == Restricted:
		return is == Banned || r == NoRole && (is == Reader || is == Restricted)
	case r == Reader:
		return !is.In()
	case r == Regular:
		return is != Admin
	default:
		return true
	}
}

// Member is a user's place in a channel.
type Member struct {
	User   UserID
	Role   Role
	ReadID int64     // the read pointer: the last id that was read
	Joined Timestamp // when the user became a member
	Muted  bool
}

// MemberChange says what to change of a user's place; nil: leave it as it is.
type MemberChange struct {
	Was   *Role  // the role on which the change was decided; ErrChanged if the user has another
	Role  *Role  // NoRole takes the user out; Restricted and Banned do too, and remain
	Muted *bool  // of members only
	Read  *int64 // of members only; moves the pointer forward, at most to the head, and never back
}

// Roster holds who belongs to which channel, and what they have read. All methods may
// be called at the same time. What is derived from messages (membership by posting,
// the author's own pointer, mentions) is there when Append has returned.
type Roster interface {
	// Member returns a user's place in a channel; NoRole if there is none.
	Member(ctx context.Context, channel ChannelID, user UserID) (Member, error)
	// SetMember changes a user's place in a channel and returns it as it was and as
	// it is, durably. The pointer of a new member is the head. A condition (Was) is checked
	// in the same step as the change is made, on every node. A change that takes rights away
	// may use a reserve that messages may not (see Log).
	SetMember(ctx context.Context, channel ChannelID, user UserID, c MemberChange) (was, is Member, err error)
	// Members lists a channel's members in the order of their names, after the one
	// given, at most limit. It passes over at most a thousand who are not members, so there may be
	// fewer. next is where to go on, "" at the end.
	Members(ctx context.Context, channel ChannelID, after UserID, limit int) (ms []Member, next UserID, err error)
	// Memberships lists the channels a user is a member of, in the order of their
	// names, after the one given, at most limit.
	Memberships(ctx context.Context, user UserID, after ChannelID, limit int) ([]ChannelID, error)
	// Inbox tells how each channel stands for a member, in the order asked for.
	Inbox(ctx context.Context, user UserID, channels ...ChannelID) ([]Standing, error)
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

// Standing is a channel as one of its members finds it. Who is no member has zero
// Unread, Mentions and Member.
type Standing struct {
	Channel  ChannelID
	Settings Settings
	FirstID  int64 // the first id that was kept when Unread was counted
	LastID   int64
	Member   Member
	Unread   int64    // messages after the read pointer that are not deleted
	Mentions int64    // those of them that name the member, or everybody, and are not the member's own
	Last     *Message // the newest message that is not deleted; nil: there is none, or a hundred deleted ones are newer
}
