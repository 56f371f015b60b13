package unread_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/unread"
)

// Counts that the store cannot compute now are computed and sent when it responds, even if nothing else happens.
func TestFailedCountIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		away, count := false, int64(0) // guarded by mu, as is told
		var told []int64
		set := func(isAway bool, n int64) { mu.Lock(); defer mu.Unlock(); away, count = isAway, n }
		in := unread.New(unread.Config{
			Channels: func(context.Context, parley.UserID) ([]parley.ChannelID, error) {
				return []parley.ChannelID{"room"}, nil
			},
			Count: func(_ context.Context, _ parley.UserID, channels []parley.ChannelID) (all []parley.Count, err error) {
				mu.Lock()
				defer mu.Unlock()
				if away {
					return nil, errors.New("away")
				}
				for _, channel := range channels {
					all = append(all, parley.Count{Channel: channel, Unread: count})
				}
				return all, nil
			},
			Bounds: func(_ context.Context, channels ...parley.ChannelID) (all []parley.Bounds, err error) {
				for _, channel := range channels {
					all = append(all, parley.Bounds{Channel: channel, First: 1})
				}
				return all, nil
			},
			Pointed: func(parley.ChannelID) bool { return false },
			Tell: func(_ parley.UserID, c *parley.Count, _ int64) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, c.Unread)
			},
			More:  func(parley.UserID, parley.ChannelID, int64) {},
			Watch: func(parley.ChannelID, bool) {},
			Clock: time.Now,
		})
		ctx, stop := context.WithCancel(t.Context())
		go in.Run(ctx)
		defer synctest.Wait()
		defer stop()
		in.AddConn("alice")
		time.Sleep(time.Second)
		set(true, 1)
		in.Grown("room")
		time.Sleep(10 * time.Second)
		set(false, 1)
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 1 || told[0] != 1 {
			t.Errorf("told %v", told)
		}
	})
}
