// Package limit counts what users and addresses do, and refuses the excess. It is independent of
// transports; a nil *Limiter refuses nothing.
package limit

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/parley-server/parley"
)

// Config configures a Limiter. Rates are per second, in bursts of three times that; 0 means no limit.
type Config struct {
	User       float64          // messages of a user
	IP         float64          // messages from an address
	Channel    float64          // messages in a channel, from all users
	Handshakes float64          // streams opened, and invalid credentials presented, by an address
	UserReads  float64          // reads by a user, in bursts of twenty times that
	IPReads    float64          // reads from an address, in the same bursts
	Channels   int              // channels that a user creates per day, possibly all at once
	PerIP      int              // streams and held polls of an address
	PerUser    int              // streams and held polls of a user
	Follows    int              // channels that these follow, in total
	Clock      func() time.Time // time.Now
}

// Bursts. A client that reconnects with many channels requests all of them at once.
const (
	burst     = 3 * time.Second
	readBurst = 20 * time.Second
	day       = 24 * time.Hour
)

// Refusals have a cost too. A client that ignores them is refused immediately up to this rate;
// beyond it, the refusal is delayed.
const (
	refusals     = 100 // per second and address
	refusalBurst = 100 * time.Second
	patience     = time.Second
)

// Limiter is safe for concurrent use.
type Limiter struct {
	clock      func() time.Time
	begin      time.Time // rates count from here, so clock jumps do not affect them
	users      *rates[parley.UserID]
	addresses  *rates[netip.Addr]
	channels   *rates[parley.ChannelID]
	handshakes *rates[netip.Addr]
	userReads  *rates[parley.UserID]
	ipReads    *rates[netip.Addr]
	makers     *rates[parley.UserID]
	refusals   *rates[netip.Addr]
	seats      *seats
	follows    *budget
}

// New creates a limiter; it returns nil if there are no limits.
func New(cfg Config) *Limiter {
	if cfg.User+cfg.IP+cfg.Channel+cfg.Handshakes+cfg.UserReads+cfg.IPReads == 0 && cfg.PerIP+cfg.PerUser+cfg.Channels+cfg.Follows == 0 {
		return nil
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Limiter{
		clock:      cfg.Clock,
		begin:      cfg.Clock(),
		users:      newRates[parley.UserID](cfg.User, burst),
		addresses:  newRates[netip.Addr](cfg.IP, burst),
		channels:   newRates[parley.ChannelID](cfg.Channel, burst),
		handshakes: newRates[netip.Addr](cfg.Handshakes, burst),
		userReads:  newRates[parley.UserID](cfg.UserReads, readBurst),
		ipReads:    newRates[netip.Addr](cfg.IPReads, readBurst),
		makers:     newRates[parley.UserID](float64(cfg.Channels)/day.Seconds(), day),
		refusals:   newRates[netip.Addr](refusals, refusalBurst),
		seats:      newSeats(cfg.PerIP, cfg.PerUser),
		follows:    newBudget(cfg.Follows),
	}
}

// now returns nanoseconds since begin.
func (l *Limiter) now() int64 { return int64(l.clock().Sub(l.begin)) }

// AllowSend counts a message, or refuses it; channel is "" if no channel is involved.
func (l *Limiter) AllowSend(user parley.UserID, ip netip.Addr, channel parley.ChannelID) *parley.Error {
	return l.AllowSendMany(user, ip, channel, 1)
}

// AllowSendMany is AllowSend for something that costs as much as n messages. It is refused only if
// nothing is left; with n 0 it reports whether anything is.
func (l *Limiter) AllowSendMany(user parley.UserID, ip netip.Addr, channel parley.ChannelID, n int) *parley.Error {
	if l == nil {
		return nil
	}
	now := l.now()
	if wait := l.users.spend(user, now, int64(n)); wait > 0 {
		return refuse("rate_user", fmt.Sprintf("too many messages from %s", user), wait)
	}
	if wait := l.addresses.spend(ip, now, int64(n)); wait > 0 {
		return refuse("rate_ip", "too many messages from your address", wait)
	}
	if channel == "" {
		return nil
	}
	if wait := l.channels.spend(channel, now, int64(n)); wait > 0 {
		return refuse("rate_channel", fmt.Sprintf("too many messages in %s", channel), wait)
	}
	return nil
}

// AllowRead counts a read, in units of the cost of a small response, or refuses it. It refuses only
// if nothing is left: the excess of a larger cost is owed.
func (l *Limiter) AllowRead(user parley.UserID, ip netip.Addr, units int) *parley.Error {
	if l == nil {
		return nil
	}
	now := l.now()
	if wait := l.userReads.spend(user, now, int64(units)); wait > 0 {
		return refuse("reads_user", fmt.Sprintf("too many reads by %s", user), wait)
	}
	if wait := l.ipReads.spend(ip, now, int64(units)); wait > 0 {
		return refuse("reads_ip", "too many reads from your address", wait)
	}
	return nil
}

// ChargeRead counts a cost that exceeds what was counted before.
func (l *Limiter) ChargeRead(user parley.UserID, ip netip.Addr, units int) {
	if l == nil || units <= 0 {
		return
	}
	now := l.now()
	l.userReads.owe(user, now, int64(units))
	l.ipReads.owe(ip, now, int64(units))
}

// AllowCreate counts a channel that a user creates, or refuses it.
func (l *Limiter) AllowCreate(user parley.UserID) *parley.Error {
	if l == nil {
		return nil
	}
	if wait := l.makers.spendOne(user, l.now()); wait > 0 {
		return refuse("channels_user", fmt.Sprintf("%s makes too many channels", user), wait)
	}
	return nil
}

// NoteRefusal counts a refusal and returns by how long it must be delayed.
func (l *Limiter) NoteRefusal(ip netip.Addr) (pause time.Duration) {
	if l == nil || !ip.IsValid() || l.refusals.spendOne(ip, l.now()) == 0 {
		return 0
	}
	return patience
}

// AllowHandshake counts a stream that is opened, or refuses it.
func (l *Limiter) AllowHandshake(ip netip.Addr) *parley.Error {
	if l == nil {
		return nil
	}
	if wait := l.handshakes.spendOne(ip, l.now()); wait > 0 {
		return refuse("rate_handshakes", "too many connections are opened from your address", wait)
	}
	return nil
}

// Acquire counts a stream or held poll until Release, or refuses it.
func (l *Limiter) Acquire(user parley.UserID, ip netip.Addr) *parley.Error {
	if l == nil {
		return nil
	}
	switch l.seats.acquire(user, ip) {
	case seatOfIP:
		return refuse("connections_ip", "your address has as many connections as it may", 5*time.Second)
	case seatOfUser:
		return refuse("connections_user", fmt.Sprintf("%s has as many connections as one user may", user), 5*time.Second)
	default:
		return nil
	}
}

// Add is Acquire for an existing stream, regardless of the limits.
func (l *Limiter) Add(user parley.UserID, ip netip.Addr) {
	if l != nil {
		l.seats.add(user, ip)
	}
}

// Release ends what Acquire counted.
func (l *Limiter) Release(user parley.UserID, ip netip.Addr) {
	if l != nil {
		l.seats.release(user, ip)
	}
}

// Follow counts channels that a user's stream or held poll follows until Unfollow, or refuses
// all of them.
func (l *Limiter) Follow(user parley.UserID, channels int) *parley.Error {
	if l == nil || l.follows.acquire(user, channels) {
		return nil
	}
	e := refuse("subscriptions_user",
		fmt.Sprintf("%s follows as many channels as one user may: %d, over all connections", user, l.follows.each), 5*time.Second)
	e.Hint = "unsubscribe from some channels, or close a connection"
	return e
}

// Unfollow ends what Follow counted.
func (l *Limiter) Unfollow(user parley.UserID, channels int) {
	if l != nil {
		l.follows.release(user, channels)
	}
}

func refuse(reason, detail string, wait time.Duration) *parley.Error {
	return &parley.Error{
		Code:       parley.CodeRateLimited,
		Reason:     reason,
		Detail:     detail,
		RetryAfter: wait,
		Hint:       "retry after the given delay",
	}
}
