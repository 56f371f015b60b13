package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
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

// refusedBus is a bus whose broker lets nobody in, until it does.
type refusedBus struct {
	deafBus
	in chan struct{}
	h  atomic.Pointer[parley.BusHandler]
}

var errRefused = errors.New("wrong password")

func (b *refusedBus) Run(ctx context.Context, h parley.BusHandler) error {
	b.h.Store(&h)
	return b.deafBus.Run(ctx, h)
}

func (b *refusedBus) Publish(_ context.Context, e parley.Envelope) error {
	select {
	case <-b.in:
		(*b.h.Load()).Deliver(e)
		return nil
	default:
		return errRefused
	}
}

func (b *refusedBus) Join(ctx context.Context, _ parley.ChannelID) error {
	select {
	case <-b.in:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestABusThatWasNeverReachedIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		bus := &refusedBus{in: make(chan struct{})}
		h := mem.NewStore(mem.StoreConfig{}).Open()
		f := feed.New(h, feed.Config{Node: "n0", Index: h, Bus: bus, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1) // buffered for its only sender
		go func() { ended <- f.Run(ctx) }()
		after := func(d time.Duration) (deaf bool, why error) {
			time.Sleep(d)
			synctest.Wait()
			deaf, _, why = f.Peers()
			return deaf, why
		}
		if deaf, _ := after(5 * time.Second); deaf {
			t.Error("five seconds after the start the bus is said to be deaf")
		}
		if deaf, why := after(6 * time.Second); !deaf || !errors.Is(why, errRefused) {
			t.Errorf("a bus that refuses is deaf: %v, %v", deaf, why)
		}
		if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "wrong password") {
			t.Errorf("the log says %q", text)
		}
		close(bus.in)
		if deaf, why := after(6 * time.Second); deaf || why != nil {
			t.Errorf("a bus that lets the node in is deaf: %v, %v", deaf, why)
		}
		if text := log.String(); !strings.Contains(text, "delivers again") {
			t.Errorf("the log says %q", text)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
