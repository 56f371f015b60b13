package redis_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"parley"
	"parley/adapter/redis"
	"parley/parleytest"
	"parley/testenv"
)

func TestBus(t *testing.T) {
	parleytest.RunBus(t, func(t *testing.T) parleytest.BusHarness {
		return parleytest.BusHarness{Buses: buses(t, config(t)), Break: func() { cli(t, "CLIENT", "KILL", "TYPE", "pubsub") }}
	})
}

func buses(t *testing.T, cfg redis.Config) (all []parley.Bus) {
	for range 3 {
		b, err := redis.NewBus(cfg)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// listener is what a bus tells of.
type listener struct {
	deliver func(parley.Envelope)
	lost    func()
}

func (l listener) Deliver(e parley.Envelope) { l.deliver(e) }
func (l listener) Lost()                     { l.lost() }

// run runs a bus until the test ends.
func run(t *testing.T, b parley.Bus, h parley.BusHandler) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Run(ctx, h); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
}

func join(t *testing.T, b parley.Bus, channel parley.ChannelID) {
	t.Helper()
	if err := b.Join(t.Context(), channel); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, b parley.Bus, e parley.Envelope) {
	t.Helper()
	if err := b.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// soon demands that something comes.
func soon[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(testenv.Patience):
		t.Fatalf("not in time: %s", what)
	}
	return v
}

func TestBusOfSlowHandlerHasLost(t *testing.T) {
	b := buses(t, config(t))[0]
	held, lost := make(chan struct{}), make(chan struct{}, 1)
	run(t, b, listener{deliver: func(parley.Envelope) { <-held }, lost: func() {
		select {
		case lost <- struct{}{}:
		default:
		}
	}})
	join(t, b, "room")
	var sending sync.WaitGroup
	for range 20 {
		sending.Go(func() {
			for range 500 {
				if err := b.Publish(t.Context(), parley.Envelope{Channel: "room", Head: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sending.Wait()
	close(held)
	soon(t, "Lost", lost)
}

func TestEnvelopesOfLaterVersionsAreIgnored(t *testing.T) {
	cfg := config(t)
	b := buses(t, cfg)[0].(*redis.Bus)
	got := make(chan parley.Envelope, 10)
	run(t, b, listener{deliver: func(e parley.Envelope) { got <- e }, lost: func() {}})
	join(t, b, "room")
	for _, message := range []string{"\x02x", "\x01\x01", "x"} {
		cli(t, "PUBLISH", cfg.Prefix+"chat:room", message)
	}
	publish(t, b, parley.Envelope{Channel: "room", Head: 7})
	if e := soon(t, "an envelope", got); e.Head != 7 {
		t.Errorf("delivered %+v", e)
	}
	if n := b.Ignored(); n != 3 {
		t.Errorf("%d were ignored, want 3", n)
	}
}

func TestBusJoinsAgainWhenRedisWasAway(t *testing.T) {
	server := testenv.NewService("redis")
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	all := buses(t, redis.Config{URL: server.URL(t)})
	b, other := all[0], all[1]
	got, lost := make(chan parley.Envelope, 10), make(chan struct{}, 10)
	run(t, b, listener{deliver: func(e parley.Envelope) { got <- e }, lost: func() { lost <- struct{}{} }})
	run(t, other, listener{deliver: func(parley.Envelope) {}, lost: func() {}})
	join(t, b, "room")
	if _, err := server.Control("kill"); err != nil {
		t.Fatal(err)
	}
	if err := other.Publish(t.Context(), parley.Envelope{Channel: "room", Head: 1}); err == nil {
		t.Error("something was published while Redis is away")
	}
	joined := make(chan error, 1) // buffered for its only sender
	go func() { joined <- b.Join(t.Context(), "later") }()
	if _, err := server.Control("up"); err != nil {
		t.Fatal(err)
	}
	soon(t, "Lost", lost)
	if err := soon(t, "Join", joined); err != nil {
		t.Error(err)
	}
	for _, channel := range []parley.ChannelID{"room", "later"} {
		publish(t, other, parley.Envelope{Channel: channel, Head: 7})
		if e := soon(t, "an envelope", got); e.Channel != channel || e.Head != 7 {
			t.Errorf("delivered %+v", e)
		}
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, cfg := range []redis.Config{{}, {URL: "http://127.0.0.1"},
		{URL: "redis://u:hidden@127.0.0.1:x"}, {URL: "redis://127.0.0.1", Prefix: "{a}"}} {
		if _, err := redis.NewBus(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		} else if strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}
