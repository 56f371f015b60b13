package unread_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"parley"
	"parley/unread"
)

// What a store does not count now is counted and told when it answers, though nothing more comes.
func TestACountThatFailsIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away, count := false, int64(0)
		var told []int64
		in := unread.New(unread.Config{
			Channels: func(context.Context, parley.UserID) ([]parley.ChannelID, error) {
				return []parley.ChannelID{"room"}, nil
			},
			Count: func(_ context.Context, _ parley.UserID, channels []parley.ChannelID) (all []parley.Count, err error) {
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
			Tell:    func(_ parley.UserID, c *parley.Count, _ int64) { told = append(told, c.Unread) },
			More:    func(parley.UserID, parley.ChannelID, int64) {},
			Watch:   func(parley.ChannelID, bool) {},
			Clock:   time.Now,
		})
		ctx, stop := context.WithCancel(t.Context())
		go in.Run(ctx)
		defer synctest.Wait()
		defer stop()
		in.AddConn("alice")
		time.Sleep(time.Second)
		away, count = true, 1
		in.Grown("room")
		time.Sleep(10 * time.Second)
		away = false
		time.Sleep(time.Second)
		if len(told) != 1 || told[0] != 1 {
			t.Errorf("told %v", told)
		}
	})
}
