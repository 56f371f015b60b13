package limit

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// most limits the names or addresses remembered of each kind. Beyond it, which takes a flood, some
// that were too fast are forgotten.
const most = 1 << 17

// rates is a table of token buckets. For each bucket it stores one number: the time when it will be
// full again (the generic cell rate algorithm, ITU-T I.371). Full buckets are not stored.
type rates[K comparable] struct {
	// fixed after construction
	each  int64 // nanoseconds per token
	depth int64 // nanoseconds until an empty bucket is full

	mu    sync.Mutex
	full  map[K]int64 // time when the bucket is full, in nanoseconds of the clock
	sweep int         // at this size full buckets are removed
}

const leastSweep = 1024

// newRates creates a table for a rate per second, with bursts of what accrues in a given time. For
// a rate of 0 it returns nil, which refuses nothing.
func newRates[K comparable](perSecond float64, burst time.Duration) *rates[K] {
	if perSecond <= 0 {
		return nil
	}
	each := int64(math.Max(1, float64(time.Second)/perSecond))
	return &rates[K]{each: each, depth: max(int64(burst), each), full: map[K]int64{}, sweep: leastSweep}
}

// spendOne takes one token, or returns how long to wait for it.
func (r *rates[K]) spendOne(k K, now int64) (wait time.Duration) { return r.spend(k, now, 1) }

// spend takes n tokens if there is at least one; the missing ones are owed.
func (r *rates[K]) spend(k K, now, n int64) (wait time.Duration) {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	full := max(r.full[k], now)
	if ahead := full - now + r.each; ahead > r.depth {
		return time.Duration(ahead - r.depth)
	}
	r.addLocked(k, full, now, n)
	return 0
}

// owe takes n tokens whether they are available or not.
func (r *rates[K]) owe(k K, now, n int64) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addLocked(k, max(r.full[k], now), now, n)
}

func (r *rates[K]) addLocked(k K, full, now, n int64) {
	r.full[k] = min(full+n*r.each, now+2*r.depth) // debt is limited too
	if len(r.full) >= r.sweep {
		r.sweepLocked(now)
	}
}

// sweepLocked removes full buckets, and some others if there are too many.
func (r *rates[K]) sweepLocked(now int64) {
	left := make(map[K]int64, min(len(r.full), leastSweep))
	for k, full := range r.full {
		if full > now && len(left) < most/2 {
			left[k] = full
		}
	}
	r.full, r.sweep = left, min(max(leastSweep, 2*len(left)), most)
}

// seats counts open streams and polls.
type seats struct {
	perIP, perUser int // 0: any number

	mu    sync.Mutex
	ips   map[netip.Addr]int
	users map[parley.UserID]int
}

func newSeats(perIP, perUser int) *seats {
	if perIP == 0 && perUser == 0 {
		return nil
	}
	return &seats{perIP: perIP, perUser: perUser, ips: map[netip.Addr]int{}, users: map[parley.UserID]int{}}
}

// seatOfIP and seatOfUser tell which limit was reached.
const (
	seatOfIP = iota + 1
	seatOfUser
)

func (s *seats) acquire(user parley.UserID, ip netip.Addr) (missing int) {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.perIP > 0 && s.ips[ip] >= s.perIP:
		return seatOfIP
	case s.perUser > 0 && s.users[user] >= s.perUser:
		return seatOfUser
	}
	s.addLocked(user, ip)
	return 0
}

func (s *seats) add(user parley.UserID, ip netip.Addr) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addLocked(user, ip)
}

func (s *seats) addLocked(user parley.UserID, ip netip.Addr) {
	if s.perIP > 0 {
		s.ips[ip]++
	}
	if s.perUser > 0 {
		s.users[user]++
	}
}

func (s *seats) release(user parley.UserID, ip netip.Addr) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	less(s.ips, ip)
	less(s.users, user)
}

func less[K comparable](counts map[K]int, k K) {
	if counts[k]--; counts[k] <= 0 {
		delete(counts, k)
	}
}

// budget counts how much of something each user has.
type budget struct {
	each int // 0: any number

	mu    sync.Mutex
	users map[parley.UserID]int
}

func newBudget(each int) *budget {
	return &budget{each: each, users: map[parley.UserID]int{}}
}

// acquire counts n more, all or none, and reports whether they fit.
func (b *budget) acquire(user parley.UserID, n int) bool {
	if b.each == 0 || n == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users[user]+n > b.each {
		return false
	}
	b.users[user] += n
	return true
}

func (b *budget) release(user parley.UserID, n int) {
	if b.each == 0 || n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users[user] -= n; b.users[user] <= 0 {
		delete(b.users, user)
	}
}
