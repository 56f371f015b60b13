package feed_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
)

// heldOutbox holds the removal of a node's own notes until the test releases it.
type heldOutbox struct {
	*mem.Handle
	own     atomic.Int32 // removals that have begun
	release chan struct{}
}

func (o *heldOutbox) RemoveUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	if node == "n0" {
		o.own.Add(1)
		<-o.release
	}
	return o.Handle.RemoveUnfinished(ctx, node, channels...)
}

// A node that seems dead, for example because the bus is down, may have left a channel unfinished that this node works
// on too: they finish it one after the other, and appends continue.
func TestNodesFinishAChannelOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.NewStore(mem.StoreConfig{Projected: true})
		o := &heldOutbox{Handle: store.Open(), release: make(chan struct{})}
		f := feed.New(o.Handle, feed.Config{Node: "n0", Index: o.Handle, Outbox: o, Logger: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		post := func() {
			t.Helper()
			if r := f.PublishAll("room", []parley.Draft{{User: "alice", Text: "x"}}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
		}
		post()
		time.Sleep(time.Minute) // until it is projected and its note is being removed
		synctest.Wait()
		if err := o.PutUnfinished(ctx, "dead", "room"); err != nil {
			t.Fatal(err)
		}
		taken := make(chan error, 1)
		go func() { taken <- f.TakeOver(ctx, "dead") }()
		synctest.Wait()
		if n := o.own.Load(); n != 1 {
			t.Errorf("%d remove the note at once", n)
		}
		close(o.release)
		if err := <-taken; err != nil {
			t.Error(err)
		}
		post()
		time.Sleep(time.Minute)
		if left, err := o.UnfinishedNodes(ctx); err != nil || len(left) > 0 {
			t.Errorf("unfinished are %v, %v", left, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A take-over that is interrupted leaves the note, since perhaps no node works on the channel.
func TestAnInterruptedTakeOverLeavesTheNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mem.NewStore(mem.StoreConfig{Projected: true}).Open()
		if r := h.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "x"}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		if err := h.PutUnfinished(t.Context(), "dead", "room"); err != nil {
			t.Fatal(err)
		}
		f := feed.New(h, feed.Config{Node: "n0", Index: h, Outbox: h, Bus: deafBus{}, Logger: slog.New(slog.DiscardHandler)})
		f.AddWork(&job{fail: 1 << 30})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		short, cut := context.WithCancel(ctx)
		taken := make(chan error, 1)
		go func() { taken <- f.TakeOver(short, "dead") }()
		time.Sleep(time.Second)
		cut()
		if err := <-taken; err == nil {
			t.Error("it says that all is finished")
		}
		if left, err := h.Unfinished(ctx, "dead", "", 10); err != nil || len(left) != 1 {
			t.Errorf("what the dead node left is %v, %v", left, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// deafBus delivers nothing.
type deafBus struct{}

// Run implements parley.Bus.
func (deafBus) Run(ctx context.Context, _ parley.BusHandler) error { <-ctx.Done(); return nil }

// Publish implements parley.Bus.
func (deafBus) Publish(context.Context, parley.Envelope) error { return nil }

// Join implements parley.Bus.
func (deafBus) Join(context.Context, parley.ChannelID) error { return nil }

// Leave implements parley.Bus.
func (deafBus) Leave(context.Context, parley.ChannelID) error { return nil }

// While the bus delivers nothing, no node can be heard, and none is taken over.
func TestNoNodeIsTakenOverWhileTheBusIsAway(t *testing.T) {
	now := time.Unix(1_774_684_800, 0)
	f := feed.New(nil, feed.Config{Node: "self", Clock: func() time.Time { return now }})
	pass := func(seconds int, heard ...string) {
		for range seconds {
			now = now.Add(time.Second)
			for _, node := range heard {
				f.Heard(node)
			}
			f.Deaf()
		}
	}
	silent := func(want string) {
		t.Helper()
		if got := fmt.Sprint(f.Silent([]string{"self", "dead", "alive"})); got != want {
			t.Errorf("silent are %s, want %s", got, want)
		}
	}
	pass(1, "self", "dead", "alive")
	pass(90)
	if !f.Deaf() {
		t.Error("the bus delivers")
	}
	silent("[]")
	pass(40, "self", "alive")
	silent("[]")
	pass(30, "self", "alive")
	silent("[dead]")
}
