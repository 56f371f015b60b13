package watch_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/watch"
	"github.com/parley-server/parley/wire"
)

// stream remembers what it received.
type stream struct {
	mu  sync.Mutex
	got string
}

func (s *stream) Send(b []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got += string(b)
	return len(s.got)
}

func (s *stream) Waiting() int    { return 0 }
func (s *stream) Form() wire.Form { return wire.FormWS }

// next returns the status that it received since the last call.
func (s *stream) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = ""
	return got
}

// A change after a quiet time is sent within a tenth of a second.
func TestChangeAfterAQuietTimeIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker := presence.New(presence.Config{}, time.Now())
		streams := watch.New(watch.Config{
			Tracker: tracker,
			Status: func(_ context.Context, users ...parley.UserID) (all []parley.OnlineStatus, err error) {
				for _, user := range users {
					all = append(all, parley.OnlineStatus{User: user, Online: tracker.Online(user)})
				}
				return all, nil
			},
			Follow: func(parley.UserID, bool) {},
			Clock:  time.Now,
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { streams.Run(ctx) })
		defer running.Wait()
		defer stop()
		s := &stream{}
		if err := streams.Watch(ctx, s, "bob", nil, []parley.UserID{"alice"}); err != nil {
			t.Fatal(err)
		}
		s.next()
		time.Sleep(time.Hour)
		tracker.Enter("", "alice", "", parley.TransportSSE, time.Now())
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := s.next(); !strings.Contains(got, `"online":true`) {
			t.Errorf("it received %q", got)
		}
	})
}
