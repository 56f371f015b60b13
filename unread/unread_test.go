package unread_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/unread"
)

// fake is a store in which everybody has the same count of a channel, and the user who receives it.
type fake struct {
	mu       sync.Mutex
	channels []parley.ChannelID // of every user
	away     bool
	count    int64
	calls    int
	told     []int64
}

func (f *fake) set(away bool, count int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away, f.count = away, count
}

func (f *fake) in(channels ...parley.ChannelID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.channels = channels
}

// result returns the counts that were sent, and the calls of the store, since the last call.
func (f *fake) result() (told []int64, calls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	told, calls = f.told, f.calls
	f.told, f.calls = nil, 0
	return told, calls
}

// start starts inboxes until the test's end.
func (f *fake) start(t *testing.T) *unread.Inboxes {
	in := unread.New(unread.Config{
		Channels: func(context.Context, parley.UserID) ([]parley.ChannelID, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.calls++
			return f.channels, nil
		},
		Count: func(_ context.Context, _ parley.UserID, channels []parley.ChannelID) (all []parley.Count, err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.calls++; f.away {
				return nil, errors.New("away")
			}
			for _, channel := range channels {
				all = append(all, parley.Count{Channel: channel, Unread: f.count})
			}
			return all, nil
		},
		Bounds: func(_ context.Context, channels ...parley.ChannelID) (all []parley.Bounds, err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.calls++
			for _, channel := range channels {
				all = append(all, parley.Bounds{Channel: channel, First: 1})
			}
			return all, nil
		},
		Pointed: func(parley.ChannelID) bool { return false },
		Tell: func(_ parley.UserID, c *parley.Count, _ int64) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.told = append(f.told, c.Unread)
		},
		More:  func(parley.UserID, parley.ChannelID, int64) {},
		Watch: func(parley.ChannelID, bool) {},
		Clock: time.Now,
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { in.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return in
}

// Counts that the store cannot compute now are computed and sent when it responds, even if nothing else happens.
func TestFailedCountIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{channels: []parley.ChannelID{"room"}}
		in := f.start(t)
		in.AddConn("alice")
		time.Sleep(time.Second)
		f.set(true, 1)
		in.Grown("room")
		time.Sleep(10 * time.Second)
		f.set(false, 1)
		time.Sleep(time.Second)
		if told, _ := f.result(); !slices.Equal(told, []int64{1}) {
			t.Errorf("told %v", told)
		}
	})
}

// Whatever happens after a quiet time is counted within a quarter of a second; without anybody who is in a channel the store
// is not asked.
func TestCountsWakeUpForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		in := f.start(t)
		for _, step := range []struct {
			what string
			do   func()
			told []int64
		}{
			{"a user without channels comes", func() { in.AddConn("alice") }, nil},
			{"the user reads a channel without being a member", func() { in.Touched("alice", "open") }, nil},
			{"the user joins one", func() { in.Moved("alice", "room", true) }, []int64{3}},
			{"it grows", func() { in.Grown("room") }, []int64{4}},
			{"the user reads", func() { in.Touched("alice", "room") }, []int64{5}},
			{"another node says that the user joined", func() { f.in("room", "den"); in.Changed("alice") }, []int64{6, 6}},
			{"and has left", func() { f.in(); in.Changed("alice") }, nil},
		} {
			time.Sleep(time.Hour)
			f.result()
			f.set(false, f.count+1)
			step.do()
			time.Sleep(250 * time.Millisecond)
			synctest.Wait()
			if told, calls := f.result(); !slices.Equal(told, step.told) || calls == 0 {
				t.Errorf("%s: told %v after %d calls of the store, want %v", step.what, told, calls, step.told)
			}
		}
		time.Sleep(time.Second)
		f.result()
		time.Sleep(time.Hour)
		if _, calls := f.result(); calls > 0 {
			t.Errorf("%d calls of the store in a quiet hour", calls)
		}
	})
}
