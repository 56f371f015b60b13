package feed_test

import (
	"context"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/parleytest"
)

// heldBus confirms no Join before it is released.
type heldBus struct {
	parley.Bus
	let chan struct{}
}

func (b heldBus) Join(ctx context.Context, channel parley.ChannelID) error {
	select {
	case <-b.let:
		return b.Bus.Join(ctx, channel)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A client that follows while the bus is down can read, including what is appended later, and is notified at once when
// the bus is up again.
func TestFollowerDoesNotWaitForABusThatIsAway(t *testing.T) {
	let := make(chan struct{})
	all := clusterOf(t, mem.NewStore(mem.StoreConfig{}), 2, parleytest.BusFaults{}, func(cfg *feed.Config, _ *mem.Handle) {
		if cfg.Node == "n1" {
			cfg.Bus = heldBus{cfg.Bus, let}
		}
	})
	r := all[1].read(t, "room", 0)
	publish := func() {
		t.Helper()
		if res := all[0].PublishAll("room", []parley.Draft{{User: "alice", Text: "x"}})[0]; res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	publish()
	r.upTo(t, 1, 1)
	publish()
	r.upTo(t, 1, 2)
	close(let)
	publish()
	r.upTo(t, 1, 3)
}
