package parley

import (
	"context"
	"time"
)

// Presence is the state about online users that the nodes of one system share. Leases belong to
// nodes, not to users: a node renews one lease and writes only changes. When the lease ends,
// everything that the node wrote is gone, so a dead node leaves no ghosts and one that stops
// removes no user of another node. All methods may be called concurrently.
type Presence interface {
	// Beat renews the lease of b.Node until b.TTL from now, by the store's clock, and applies
	// the changes in their order. Each states what is true from now on, so a Beat whose outcome
	// is unknown is simply sent again. Calls on every node that begin after Beat has returned
	// see what it applied. After that the store keeps no reference to b.
	Beat(ctx context.Context, b Beat) (Lease, error)

	// Online reports for each user, in the order of the arguments, whether a node with a running
	// lease has the user, whether one has the user visible, and, if none has the user, when the
	// user was last seen.
	Online(ctx context.Context, users ...UserID) ([]OnlineStatus, error)

	// Here reports who is in a channel on the nodes with running leases: the number of users,
	// and at most limit of them, in the order of their names. A user on several nodes counts
	// once, present since the first of them, by all transports.
	Here(ctx context.Context, channel ChannelID, limit int) (Occupancy, error)

	// EndLease ends a node's lease and with it everything that the node wrote, as if its time
	// were over. It does nothing for an unknown node.
	EndLease(ctx context.Context, node string) error

	// Reap returns what nodes held whose leases have ended: each place to one caller in the whole system,
	// once. It omits places where another node with a running lease has the user. The caller reports that
	// those users left; if it dies before that, no other caller does.
	Reap(ctx context.Context) ([]Gone, error)
}

// Gone is a user who was on a node whose lease has ended, or in a channel on it, and is on no other.
type Gone struct {
	User    UserID
	Channel ChannelID // "": the user is not online
	Seen    Timestamp // the node's last beat
}

// Beat is a node's sign of life and its changes.
type Beat struct {
	Node    string        // one run of a node: after a restart it takes another name
	TTL     time.Duration // the lease; a node beats several times within it
	All     bool          // everything that the node wrote before is void
	Changes []PresenceChange
}

// PresenceChange says that a user is on the node, or in a channel on it, or no longer. The two
// are separate: an online user need not be in a channel.
type PresenceChange struct {
	User       UserID
	Channel    ChannelID  // "": whether the user is online
	Here       bool       // else the user is gone
	Since      Timestamp  // in a channel: since when
	Transports Transports // in a channel: the transports in use
	Hidden     bool       // here on the node, with "" as the channel: none of the user's connections is visible
	Seen       Timestamp  // gone offline: when the user was last seen. It is kept even if the user was not online here
}

// Lease is what a beat returns about the node's own lease.
type Lease struct {
	// Known: the lease was running. If not, because this is the first beat or the last came too
	// late, the store has nothing of what the node wrote but this beat's changes, and the node
	// must write everything.
	Known bool
	// Others is the number of other nodes with a lease. A node that is alone need not write its
	// users, if it writes everything once it is not alone.
	Others int
	// Elsewhere reports for each change of the beat, after it was applied, whether another node with a running
	// lease has the user in that place: then others must not be notified of the arrival or departure.
	Elsewhere []bool
}

// OnlineStatus is the status of a user.
type OnlineStatus struct {
	User    UserID
	Online  bool
	Visible bool      // the user may be looking: not all of the user's connections, on all nodes, are hidden
	Seen    Timestamp // offline: when the user was last seen; 0 if never, or too long ago to be kept
}

// Occupancy lists who is in a channel.
type Occupancy struct {
	Count int
	Users []Occupant // at most the requested number
}

// Occupant is one user's stay in a channel.
type Occupant struct {
	User       UserID
	Since      Timestamp
	Transports Transports
}

// Transport is a way to read a channel.
type Transport uint8

// The transports.
const (
	TransportWebSocket Transport = iota
	TransportSSE
	TransportLongPoll
	TransportPoll
)

// Transports is a set of transports, one bit each.
type Transports uint8

// With returns the set with t added.
func (s Transports) With(t Transport) Transports { return s | 1<<t }

// Names are the transports' names on the wire.
func (s Transports) Names() []string {
	names := []string{}
	for i, name := range []string{"websocket", "sse", "long-poll", "poll"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
