package feed

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
)

func TestBusyChannelRestsUnlessAwaited(t *testing.T) {
	for waits, want := range map[bool]time.Duration{false: time.Second, true: 0} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			var k *keyed
			var at []time.Time
			k = newKeyed(func(_ context.Context, channel parley.ChannelID) {
				if at = append(at, time.Now()); len(at) == 1 {
					k.add(channel)
				}
			}, time.Second)
			done := make(chan error, 1)
			go func() { done <- k.run(ctx) }()
			synctest.Wait()
			k.add("room")
			synctest.Wait()
			if waits {
				k.wait(ctx, "room")
			} else {
				time.Sleep(time.Minute)
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if len(at) != 2 || at[1].Sub(at[0]) != want {
				t.Errorf("somebody waits %v: worked on at %v, want twice, %v apart", waits, at, want)
			}
		})
	}
}
