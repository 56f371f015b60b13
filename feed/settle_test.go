package feed_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/feed"
)

// slow is a log whose appends wait for the test.
type slow struct {
	parley.Log
	proceed chan struct{}
}

func (s *slow) Append(_ context.Context, _ parley.ChannelID, ds ...parley.Draft) []parley.Result {
	<-s.proceed
	return make([]parley.Result, len(ds))
}

func TestSettleWaitsForEarlierDrafts(t *testing.T) {
	log := &slow{proceed: make(chan struct{})}
	f := feed.New(log, feed.Config{})
	f.Settle(t.Context(), "c") // the queue is empty
	var stored atomic.Int32
	publish := func() {
		f.Publish("c", parley.Draft{}, func(parley.Result) { stored.Add(1) })
	}
	publish()                 // in flight
	log.proceed <- struct{}{} // and stored; the next is in flight
	for range 3 {
		publish()
	}
	settled := make(chan int32, 1)
	go func() { f.Settle(context.Background(), "c"); settled <- stored.Load() }()
	for range 3 { // at most one for each
		select {
		case log.proceed <- struct{}{}:
		case n := <-settled:
			if n < 4 {
				t.Fatalf("it was settled when %d of 4 were stored", n)
			}
			return
		}
	}
	if n := <-settled; n < 4 {
		t.Fatalf("it was settled when %d of 4 were stored", n)
	}
}

func TestSettleEndsWithItsContext(t *testing.T) {
	log := &slow{proceed: make(chan struct{})}
	f := feed.New(log, feed.Config{})
	done := make(chan struct{})
	f.Publish("c", parley.Draft{}, func(parley.Result) { close(done) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Settle(ctx, "c")
	log.proceed <- struct{}{}
	<-done
}

// derived is a log that itself derives some of what follows from its entries.
type derived struct {
	parley.Log
	parley.Index
	derives   bool
	projected chan struct{}
}

func (d *derived) Append(_ context.Context, _ parley.ChannelID, ds ...parley.Draft) []parley.Result {
	return []parley.Result{{Message: parley.Message{ID: 1, Channel: "c"}, Epoch: "e", Derived: d.derives}}
}

func (d *derived) Position(context.Context, ...parley.ChannelID) ([]int64, error) {
	d.projected <- struct{}{}
	return []int64{1}, nil
}

func (d *derived) Read(context.Context, parley.ChannelID, parley.Cursor, int) (parley.Run, error) {
	return parley.Run{Epoch: "e"}, nil
}

func TestOnlyUnderivedEntriesAreProjected(t *testing.T) {
	d := &derived{projected: make(chan struct{}, 10)}
	f := feed.New(d, feed.Config{Index: d})
	ctx, stop := context.WithCancel(t.Context())
	running := make(chan error, 1) // buffered for its only sender
	go func() { running <- f.Run(ctx) }()
	publish := func(derives bool) {
		d.derives = derives
		f.PublishAll("c", []parley.Draft{{}})
		f.Settle(t.Context(), "c")
	}
	publish(false)
	<-d.projected
	publish(true)
	stop()
	if err := <-running; err != nil {
		t.Fatal(err)
	}
	if len(d.projected) > 0 {
		t.Error("what the log had derived was projected once more")
	}
}
