package feed

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
)

// joins are the channels whose growth this node must learn: those that its
// sessions follow, which are joined on the bus, and those that are watched, whose growth the
// digest of heads reports.
//
//	idle ──Join──▶ joining ──confirmed──▶ joined ──unfollowed for leaveAfter──▶ leaving ──▶ idle
type joins struct {
	mu     sync.Mutex
	byHash map[uint64]*join
	leaves map[*join]time.Time // of some that are joined: when to check whether they are still unfollowed
	looks  *clock.OnDemand     // wakes leaveUnfollowed
	order  []parley.ChannelID  // of check, those that must still be checked
	round  lost                // they are checked soon, because this may have been lost
	again  lost                // afterwards all are checked again, because this may have been lost since
	began  time.Time           // when the last round over all of them began
	moves  uint64
}

type join struct {
	channel parley.ChannelID // fixed
	next    *join            // of the same hash

	state   joinState
	done    chan struct{} // while joining or leaving: closed after it
	watched int
	head    int64  // the newest that this node knows of
	moved   uint64 // when that was, in moves of all channels
}

type joinState uint8

const (
	idle joinState = iota
	joining
	joined
	leaving
)

const (
	leaveAfter = time.Second // a channel that is followed again within it stays joined
	leaveLooks = leaveAfter / 4
	leaveTime  = 5 * time.Second // bounds one call of Bus.Leave
)

// hashOf returns the same hash on every node.
func hashOf(channel parley.ChannelID) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(channel))
	return h.Sum64()
}

func (js *joins) findLocked(channel parley.ChannelID) *join {
	for j := js.byHash[hashOf(channel)]; j != nil; j = j.next {
		if j.channel == channel {
			return j
		}
	}
	return nil
}

func (js *joins) makeLocked(channel parley.ChannelID) *join {
	j := js.findLocked(channel)
	if j == nil {
		hash := hashOf(channel)
		j = &join{channel: channel, next: js.byHash[hash]}
		js.byHash[hash] = j
	}
	return j
}

// dropLocked forgets a channel that is neither joined nor watched.
func (js *joins) dropLocked(j *join) {
	if j.state != idle || j.watched > 0 {
		return
	}
	delete(js.leaves, j)
	hash := hashOf(j.channel)
	if first := js.byHash[hash]; first == j {
		if js.byHash[hash] = j.next; j.next == nil {
			delete(js.byHash, hash)
		}
		return
	}
	for p := js.byHash[hash]; p != nil; p = p.next {
		if p.next == j {
			p.next = j.next
		}
	}
}

// Join implements hub.Source.
func (s source) Join(ctx context.Context, channel parley.ChannelID) error {
	if s.cfg.Bus == nil {
		return nil
	}
	js := &s.joins
	js.mu.Lock()
	defer js.mu.Unlock()
	for {
		j := js.makeLocked(channel)
		delete(js.leaves, j)
		switch j.state {
		case joined:
			return nil
		case joining, leaving:
			done := j.done
			js.mu.Unlock()
			select {
			case <-done:
			case <-ctx.Done():
			}
			js.mu.Lock()
			if err := ctx.Err(); err != nil {
				return err
			}
		case idle:
			j.state, j.done = joining, make(chan struct{})
			js.mu.Unlock()
			err := s.joinSoon(ctx, channel)
			js.mu.Lock()
			close(j.done)
			if err != nil {
				j.state = idle
				js.dropLocked(j)
				return err
			}
			j.state = joined
			if !s.hub.Follows(channel) { // the follower has left in the meantime
				js.leaveLocked(j, s.cfg.Clock())
			}
			return nil
		}
	}
}

// joinTime is how long a follower waits for the bus: a bus that is down must not keep clients from reading. Until it
// has confirmed, other nodes' appends are found by reading the heads of channels.
const joinTime = 2 * time.Second

// joinSoon joins a channel, or has it joined later if the bus does not confirm in time. The error is ctx's.
func (f *Feed) joinSoon(ctx context.Context, channel parley.ChannelID) error {
	soon, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	if f.cfg.Bus.Join(soon, channel) == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	f.late.add(channel)
	return nil
}

// joinLate joins a channel that counts as joined, however long that takes, and then reads what it may have
// missed.
func (f *Feed) joinLate(ctx context.Context, channel parley.ChannelID) {
	for f.cfg.Bus.Join(ctx, channel) != nil {
		if !pause(ctx, retryEvery) {
			return
		}
	}
	f.joins.mu.Lock()
	j := f.joins.findLocked(channel)
	left := j == nil || j.state == idle || j.state == leaving
	f.joins.mu.Unlock()
	if left { // while it was being joined
		_ = f.cfg.Bus.Leave(ctx, channel)
		return
	}
	f.repairs.add(channel)
}

// Leave implements hub.Source.
func (s source) Leave(channel parley.ChannelID) {
	if s.cfg.Bus == nil {
		return
	}
	s.joins.mu.Lock()
	defer s.joins.mu.Unlock()
	if j := s.joins.findLocked(channel); j != nil {
		s.joins.leaveLocked(j, s.cfg.Clock())
	}
}

// leaveLocked has leaveUnfollowed check a channel after leaveAfter.
func (js *joins) leaveLocked(j *join, now time.Time) {
	js.leaves[j] = now.Add(leaveAfter)
	js.looks.Need()
}

// hasLeaves reports whether leaveUnfollowed must check a channel.
func (js *joins) hasLeaves() bool {
	js.mu.Lock()
	defer js.mu.Unlock()
	return len(js.leaves) > 0
}

// leaveUnfollowed leaves channels that no session here has followed for leaveAfter, until ctx
// ends.
func (f *Feed) leaveUnfollowed(ctx context.Context) error {
	for f.joins.looks.Wait(ctx, f.joins.hasLeaves) {
		for _, j := range f.joins.unfollowed(f.cfg.Clock(), f.hub.Follows) {
			until, cancel := context.WithTimeout(ctx, leaveTime)
			err := f.cfg.Bus.Leave(until, j.channel)
			cancel()
			f.hub.ForgetPages(j.channel) // from now on this node does not learn of changes
			f.joins.left(j, err, f.cfg.Clock())
		}
	}
	return nil
}

// unfollowed marks as leaving, and returns, the channels that must be left now.
func (js *joins) unfollowed(now time.Time, followed func(parley.ChannelID) bool) (all []*join) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for j, at := range js.leaves {
		if j.state == idle {
			delete(js.leaves, j) // its join failed
			continue
		}
		if j.state != joined || now.Before(at) {
			continue
		}
		if delete(js.leaves, j); !followed(j.channel) {
			j.state, j.done = leaving, make(chan struct{})
			all = append(all, j)
		}
	}
	return all
}

// left completes a leave. If the bus could not be reached, the channel is left later.
func (js *joins) left(j *join, err error, now time.Time) {
	js.mu.Lock()
	defer js.mu.Unlock()
	close(j.done)
	if err != nil {
		j.state = joined
		js.leaveLocked(j, now)
		return
	}
	j.state = idle
	js.dropLocked(j)
}

// Watch has OnGrown called for a channel's growth on other nodes although no session here may
// follow it, until Unwatch was called as often.
func (f *Feed) Watch(channel parley.ChannelID) {
	if f.cfg.Bus == nil {
		return
	}
	f.joins.mu.Lock()
	defer f.joins.mu.Unlock()
	f.joins.makeLocked(channel).watched++
}

// Unwatch ends one Watch.
func (f *Feed) Unwatch(channel parley.ChannelID) {
	if f.cfg.Bus == nil {
		return
	}
	f.joins.mu.Lock()
	defer f.joins.mu.Unlock()
	if j := f.joins.findLocked(channel); j != nil {
		j.watched--
		f.joins.dropLocked(j)
	}
}

// reached notes that a channel has an id, and reports whether that is news.
func (js *joins) reached(channel parley.ChannelID, head int64) bool {
	js.mu.Lock()
	defer js.mu.Unlock()
	j := js.findLocked(channel)
	return j != nil && js.reachedLocked(j, head)
}

func (js *joins) reachedLocked(j *join, head int64) bool {
	if head <= j.head {
		return false
	}
	js.moves++
	j.head, j.moved = head, js.moves
	return true
}

// restart forgets the heads of an epoch that has ended and returns all channels.
func (js *joins) restart() (all []parley.ChannelID) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for _, j := range js.byHash {
		for ; j != nil; j = j.next {
			j.head = 0
			all = append(all, j.channel)
		}
	}
	return all
}
