package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/kafka"
	"github.com/parley-server/parley/adapter/nats"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/testenv"
)

// heard is what one end of a bus measures: the time from publishing, which is sent as the head, to delivery.
type heard struct {
	begin time.Time
	mu    sync.Mutex
	took  []time.Duration
}

func (h *heard) Deliver(e parley.Envelope) {
	took := time.Since(h.begin) - time.Duration(e.Head)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.took = append(h.took, took)
}

func (*heard) Lost() {}

// BenchmarkBuses measures each bus by itself, in turn: from publishing on one connection, 500 times a second in twenty
// channels, to delivery on another one. The last turn counts, when all are warm.
func BenchmarkBuses(b *testing.B) {
	type ends struct {
		name     string
		from, to parley.Bus
		heard    *heard
	}
	var all []ends
	for name, open := range map[string]func(url string) (parley.Bus, error){
		"redis": func(url string) (parley.Bus, error) { return redis.NewBus(redis.Config{URL: url}) },
		"nats":  func(url string) (parley.Bus, error) { return nats.NewBus(nats.Config{URL: url}) },
		"kafka": func(url string) (parley.Bus, error) { return kafka.NewBus(kafka.Config{URL: "kafka://" + url}) },
	} {
		url := testenv.Service(b, name)
		e := ends{name: name, heard: &heard{begin: time.Now()}}
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		b.Cleanup(func() { stop(); running.Wait() })
		for _, bus := range []*parley.Bus{&e.from, &e.to} {
			var err error
			if *bus, err = open(url); err != nil {
				b.Fatal(err)
			}
			h := e.heard
			if bus == &e.from {
				h = &heard{begin: e.heard.begin}
			}
			running.Go(func() { _ = (*bus).Run(ctx, h) })
		}
		for i := range 20 {
			if err := e.to.Join(b.Context(), parley.ChannelID(fmt.Sprint("room", i))); err != nil {
				b.Fatal(err)
			}
		}
		if err := e.from.Join(b.Context(), "other"); err != nil {
			b.Fatal(err)
		}
		all = append(all, e)
	}
	const each, turns = 1000, 8
	message := parley.Message{ID: 1, User: "alice", Text: string(make([]byte, 200))}
	for turn := range turns {
		for _, e := range all {
			e.heard.mu.Lock()
			e.heard.took = nil
			e.heard.mu.Unlock()
			tick := time.NewTicker(2 * time.Millisecond)
			for i := range each {
				<-tick.C
				envelope := parley.Envelope{Channel: parley.ChannelID(fmt.Sprint("room", i%20)), Head: int64(time.Since(e.heard.begin)),
					Messages: []parley.Message{message}}
				if err := e.from.Publish(b.Context(), envelope); err != nil {
					b.Fatal(err)
				}
			}
			tick.Stop()
			becomes(b, "deliveries over "+e.name, each, func() int {
				e.heard.mu.Lock()
				defer e.heard.mu.Unlock()
				return len(e.heard.took)
			})
			slices.Sort(e.heard.took)
			ms := func(part float64) float64 { return e.heard.took[int(part*each)].Seconds() * 1000 }
			b.Logf("turn %d: %s p50 %.2f ms, p99 %.2f ms", turn, e.name, ms(0.5), ms(0.99))
			b.ReportMetric(ms(0.5), e.name+"-p50-ms")
			b.ReportMetric(ms(0.99), e.name+"-p99-ms")
		}
	}
}
