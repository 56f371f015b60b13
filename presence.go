package parley

import (
	"context"
	"time"
)

// Presence is what the nodes of one system tell each other of who is here. Leases
// belong to nodes, not to users: a node renews one lease and writes only what changes,
// and all that it wrote is gone with its lease, so that a node that died leaves no
// ghosts and one that stops takes nobody of another node with it. All methods may be
// called at the same time.
type Presence interface {
	// Beat renews the lease of b.Node until b.TTL from now, by the store's clock, and
	// applies the changes in their order. Each says what is true from now on, so
	// that a Beat whose outcome is unknown is simply sent again. What was applied is
	// seen on every node by the calls that begin after Beat has returned. The store
	// keeps nothing of b after that.
	Beat(ctx context.Context, b Beat) (Lease, error)

	// Online says of each user, in the order asked for, whether a node whose lease
	// runs has them, and one where they are not hidden, and if none has when they were last seen.
	Online(ctx context.Context, users ...UserID) ([]OnlineStatus, error)

	// Here says who is in a channel on the nodes whose leases run: how many, and
	// at most limit of them, in the order of their names. A user on several nodes is
	// one, there since the first moment, by all transports.
	Here(ctx context.Context, channel ChannelID, limit int) (Occupancy, error)

	// EndLease ends a node's lease and with it all that the node wrote, as if its time
	// were over. A node that is not known has left.
	EndLease(ctx context.Context, node string) error

	// Reap returns what nodes held whose leases have ended: each place to one caller in the whole
	// system, once. Places where a node whose lease runs has the user are left out. The caller reports that
	// those users left; if it dies before that, nobody does.
	Reap(ctx context.Context) ([]Gone, error)
}

// Gone is a user who was on a node whose lease has ended, or in a channel on it, and is on no other.
type Gone struct {
	User    UserID
	Channel ChannelID // "": the user is not online
	Seen    Timestamp // the node's last beat
}

// Beat is a node's sign of life and what it has to tell.
type Beat struct {
	Node    string        // one run of a node: after a restart it takes another name
	TTL     time.Duration // the lease; a node beats several times within it
	All     bool          // whatever the node wrote before is void
	Changes []PresenceChange
}

// PresenceChange says that a user is on the node, or in a channel on it, or no longer.
// The two are apart: who is online need not be in a channel.
type PresenceChange struct {
	User       UserID
	Channel    ChannelID  // "": whether the user is online
	Here       bool       // else the user is gone
	Since      Timestamp  // in a channel: since when
	Transports Transports // in a channel: by which
	Hidden     bool       // here on the node, with "" as the channel: none of the user's connections is visible
	Seen       Timestamp  // gone offline: the last sign of them. It is kept though they were not online here
}

// Lease is what a node learns of its own from a beat.
type Lease struct {
	// Known: the lease was running. If not, because this is the first beat or the
	// last came too late, nothing but this beat's changes is left of what the node
	// wrote, and it must write everything.
	Known bool
	// Others is how many other nodes have a lease. A node that is alone may keep to
	// itself who is here, if it writes everything once it is not.
	Others int
	// Elsewhere says of each change of the beat, after it was applied, whether a node other than this one whose
	// lease runs has the user in that place: then a coming or going here is none for others.
	Elsewhere []bool
}

// OnlineStatus is whether a user is online.
type OnlineStatus struct {
	User    UserID
	Online  bool
	Visible bool      // somebody may be looking: not all of the user's connections, on all nodes, said that they are hidden
	Seen    Timestamp // offline: the last sign of them; 0 if there was none, or it was too long ago to be kept
}

// Occupancy is who is in a channel.
type Occupancy struct {
	Count int
	Users []Occupant // at most as many as were asked for
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

// Transports is a set of transports, a bit for each.
type Transports uint8

// With is the set with one more.
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
