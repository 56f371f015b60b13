package parleytest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// Store is what the suites test: a log and what is kept with it.
type Store interface {
	parley.Log
	parley.Index
	parley.Reactions
	parley.Roster
	parley.Directory
	parley.Revocations
}

// StoreHarness opens the stores that the suites test.
type StoreHarness struct {
	// Open returns handles of one empty store, one for each of several nodes. It stamps
	// appends with clock if that is not nil. There is at least one, and the same handle may occur several times. The harness
	// closes them when the test ends, unless the test did.
	Open func(t *testing.T, clock func() time.Time) []Store
	// Reopen closes the handles and returns the same number for a store with the same content.
	// nil if the store does not outlive its process.
	Reopen func(t *testing.T, handles []Store) []Store
	// Trim applies retention at once. nil if the store always does. In RunIndex and RunRoster nothing is trimmed at
	// any other time.
	Trim func(t *testing.T, s Store)
	// Slow reports that each call takes milliseconds: tests that try many histories try fewer.
	Slow bool
}

// histories is how many of n random histories a test tries.
func histories(n int, slow bool) int {
	if slow {
		return max(1, n/4)
	}
	return n
}

// nodes is a store in which each call goes to another handle. What follows from entries is
// projected before it is asked for.
type nodes struct {
	handles []Store
	turn    atomic.Uint64

	mu    sync.Mutex
	grown map[parley.ChannelID]bool // grown since they were last projected
	facts []parley.Fact
}

var _ Store = (*nodes)(nil)

func newNodes(handles []Store) *nodes {
	return &nodes{handles: handles, grown: map[parley.ChannelID]bool{}}
}

func (n *nodes) next() Store { return n.handles[n.turn.Add(1)%uint64(len(n.handles))] }

// settle projects what was appended.
func (n *nodes) settle(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for channel := range n.grown {
		facts, err := project(ctx, n.next, channel, 7)
		if n.facts = append(n.facts, facts...); err != nil {
			return err
		}
		delete(n.grown, channel)
	}
	return nil
}

// project projects a channel's entries up to its head, some at a time.
func project(ctx context.Context, next func() Store, channel parley.ChannelID, some int) (facts []parley.Fact, err error) {
	for {
		at, err := next().Position(ctx, channel)
		if err != nil {
			return facts, err
		}
		run, err := next().Read(ctx, channel, parley.Cursor{ID: at[0]}, some)
		if err != nil || len(run.Entries) == 0 {
			return facts, err
		}
		fs, err := next().Project(ctx, channel, run)
		if facts = append(facts, fs...); err != nil && !errors.Is(err, parley.ErrGap) { // it was trimmed since the read
			return facts, err
		}
	}
}

// facts returns the facts that follow from results.
func facts(t *testing.T, s Store, rs []parley.Result) (all []parley.Fact) {
	t.Helper()
	n := s.(*nodes)
	if err := n.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids := map[int64]bool{}
	for i := range rs {
		all = append(all, rs[i].Facts...)
		ids[rs[i].Message.ID] = true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.facts = slices.DeleteFunc(n.facts, func(f parley.Fact) bool {
		if ids[f.ID] {
			all = append(all, f)
		}
		return ids[f.ID]
	})
	return all
}

func (n *nodes) Append(ctx context.Context, channel parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	rs := n.next().Append(ctx, channel, drafts...)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.grown[channel] = true
	return rs
}

func (n *nodes) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	return n.next().Read(ctx, channel, after, limit)
}

func (n *nodes) Lookup(ctx context.Context, channel parley.ChannelID, user parley.UserID, key string) (parley.Message, bool, error) {
	return n.next().Lookup(ctx, channel, user, key)
}

func (n *nodes) Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	return n.next().Bounds(ctx, channels...)
}

func (n *nodes) Close() (err error) {
	for i, h := range n.handles {
		if !slices.Contains(n.handles[:i], h) {
			err = errors.Join(err, h.Close())
		}
	}
	return err
}

func (n *nodes) Project(ctx context.Context, channel parley.ChannelID, run parley.Run) ([]parley.Fact, error) {
	return n.next().Project(ctx, channel, run)
}

func (n *nodes) Position(ctx context.Context, channels ...parley.ChannelID) ([]int64, error) {
	return n.next().Position(ctx, channels...)
}

func (n *nodes) Unread(ctx context.Context, user parley.UserID, places ...parley.Place) ([]parley.Count, error) {
	if err := n.settle(ctx); err != nil {
		return nil, err
	}
	return n.next().Unread(ctx, user, places...)
}

func (n *nodes) Latest(ctx context.Context, channels ...parley.ChannelID) ([]*parley.Message, error) {
	if err := n.settle(ctx); err != nil {
		return nil, err
	}
	return n.next().Latest(ctx, channels...)
}

func (n *nodes) Thread(ctx context.Context, channel parley.ChannelID, root int64, q parley.ThreadQuery) (parley.Thread, error) {
	if err := n.settle(ctx); err != nil {
		return parley.Thread{}, err
	}
	return n.next().Thread(ctx, channel, root, q)
}

func (n *nodes) Reactors(ctx context.Context, channel parley.ChannelID, of int64, emoji string, user, after parley.UserID, limit int) (
	parley.Reactors, error) {
	return n.next().Reactors(ctx, channel, of, emoji, user, after, limit)
}

func (n *nodes) Member(ctx context.Context, user parley.UserID, channels ...parley.ChannelID) ([]parley.Member, error) {
	if err := n.settle(ctx); err != nil {
		return nil, err
	}
	return n.next().Member(ctx, user, channels...)
}

func (n *nodes) SetMember(ctx context.Context, channel parley.ChannelID, user parley.UserID, c parley.MemberChange) (
	was, is parley.Member, err error) {
	if err := n.settle(ctx); err != nil {
		return was, is, err
	}
	return n.next().SetMember(ctx, channel, user, c)
}

func (n *nodes) Members(ctx context.Context, channel parley.ChannelID, after parley.UserID, limit int) (
	[]parley.Member, parley.UserID, error) {
	if err := n.settle(ctx); err != nil {
		return nil, "", err
	}
	return n.next().Members(ctx, channel, after, limit)
}

func (n *nodes) Memberships(ctx context.Context, user parley.UserID, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	if err := n.settle(ctx); err != nil {
		return nil, err
	}
	return n.next().Memberships(ctx, user, after, limit)
}

func (n *nodes) Settings(ctx context.Context, channels ...parley.ChannelID) ([]parley.Settings, error) {
	return n.next().Settings(ctx, channels...)
}

func (n *nodes) SetChannel(ctx context.Context, channel parley.ChannelID, change func(*parley.Settings) error) (
	was, is parley.Settings, err error) {
	return n.next().SetChannel(ctx, channel, change)
}

func (n *nodes) RemoveChannel(ctx context.Context, channel parley.ChannelID) error {
	return n.next().RemoveChannel(ctx, channel)
}

func (n *nodes) Channels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	if err := n.settle(ctx); err != nil {
		return nil, err
	}
	return n.next().Channels(ctx, after, limit)
}

func (n *nodes) OpenChannels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	if err := n.settle(ctx); err != nil {
		return nil, err
	}
	return n.next().OpenChannels(ctx, after, limit)
}

func (n *nodes) Revoke(ctx context.Context, user parley.UserID, until parley.Timestamp) error {
	return n.next().Revoke(ctx, user, until)
}

func (n *nodes) Revoked(ctx context.Context, user parley.UserID) (parley.Timestamp, error) {
	return n.next().Revoked(ctx, user)
}

// logHarness is what tests of a log receive.
type logHarness struct {
	Open   func(t *testing.T, clock func() time.Time) parley.Log
	Reopen func(t *testing.T, log parley.Log) parley.Log // nil: see StoreHarness
	Slow   bool
}

type logTest struct {
	name string
	test func(*testing.T, logHarness)
}

func runLog(t *testing.T, h StoreHarness, tests []logTest) {
	lh := logHarness{Slow: h.Slow, Open: func(t *testing.T, clock func() time.Time) parley.Log { return newNodes(h.Open(t, clock)) }}
	if h.Reopen != nil {
		lh.Reopen = func(t *testing.T, log parley.Log) parley.Log { return reopened(t, h, log.(*nodes)) }
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, lh)
		})
	}
}

// reopened is a store that was closed and reopened.
func reopened(t *testing.T, h StoreHarness, n *nodes) *nodes {
	again := newNodes(h.Reopen(t, n.handles))
	again.grown = n.grown
	return again
}

// rosterHarness is what tests of the data kept with a log receive.
type rosterHarness struct {
	Open   func(t *testing.T) Store
	Reopen func(t *testing.T, s Store) Store       // the same one if the store does not outlive its process
	Trim   func(t *testing.T, s Store, keep int64) // at once trims room to the newest keep entries
	Slow   bool
}

type rosterTest struct {
	name string
	test func(*testing.T, rosterHarness)
}

func runRoster(t *testing.T, h StoreHarness, tests []rosterTest) {
	rh := rosterHarness{
		Slow: h.Slow,
		Open: func(t *testing.T) Store { return newNodes(h.Open(t, nil)) },
		Reopen: func(t *testing.T, s Store) Store {
			if h.Reopen == nil {
				return s
			}
			return reopened(t, h, s.(*nodes))
		},
		Trim: func(t *testing.T, s Store, keep int64) {
			t.Helper()
			if _, _, err := s.SetChannel(t.Context(), room, parley.Settings{Retention: &parley.Retention{Messages: keep}}.Replace); err != nil {
				t.Fatal(err)
			}
			if h.Trim != nil {
				h.Trim(t, s.(*nodes).handles[0])
			}
		},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, rh)
		})
	}
}
