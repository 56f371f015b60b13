package feed_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
)

// digestBus records when digests are published.
type digestBus struct {
	deafBus

	mu sync.Mutex
	at []time.Time
}

func (b *digestBus) Publish(_ context.Context, e parley.Envelope) error {
	if e.Channel == "$heads" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.at = append(b.at, time.Now())
	}
	return nil
}

// during returns how many digests were published in a period that passes now.
func (b *digestBus) during(d time.Duration) int {
	time.Sleep(d)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.at)
	b.at = nil
	return n
}

func TestDigestsAreSentAsOftenAsTheNumberOfNodesAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.NewStore(mem.StoreConfig{})
		bus := &digestBus{}
		h := store.Open()
		f := feed.New(h, feed.Config{Node: "n0", Index: h, Bus: bus, Logger: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1) // buffered for its only sender
		go func() { ended <- f.Run(ctx) }()
		if n := bus.during(time.Second); n != 1 {
			t.Errorf("%d digests in the first second of a quiet node, want 1", n)
		}
		bus.during(time.Second)
		if n := bus.during(20 * time.Second); n != 4 {
			t.Errorf("%d digests in 20 quiet seconds, want 4", n)
		}
		busy := make(chan struct{})
		var posting sync.WaitGroup
		posting.Go(func() {
			for {
				select {
				case <-busy:
					return
				case <-time.After(50 * time.Millisecond):
				}
				f.PublishAll("room", []parley.Draft{{User: "alice", Text: "x"}})
			}
		})
		bus.during(time.Second)
		if n := bus.during(10 * time.Second); n < 49 || n > 51 {
			t.Errorf("%d digests in 10 s of a busy node of few, want 50", n)
		}
		for i := range 100 {
			f.Heard(fmt.Sprint("other", i))
		}
		bus.during(time.Second)
		if n := bus.during(10 * time.Second); n < 9 || n > 11 {
			t.Errorf("%d digests in 10 s of a busy node of many, want 10", n)
		}
		close(busy)
		posting.Wait()
		bus.during(20 * time.Second)
		if n := bus.during(time.Minute); n != 4 {
			t.Errorf("%d digests in a quiet minute of a node of many, want 4", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
