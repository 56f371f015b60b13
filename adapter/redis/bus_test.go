package redis_test

import (
	"strings"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
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

func TestEnvelopesOfLaterVersionsAreIgnored(t *testing.T) {
	cfg := config(t)
	b := buses(t, cfg)[0].(*redis.Bus)
	got := make(chan parley.Envelope, 10)
	parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }})
	parleytest.Join(t, b, "room")
	for _, message := range []string{"\x02x", "\x01\x01", "x"} {
		cli(t, "PUBLISH", cfg.Prefix+"chat:room", message)
	}
	parleytest.Publish(t, b, parley.Envelope{Channel: "room", Head: 7})
	if e := parleytest.Soon(t, "an envelope", got); e.Head != 7 {
		t.Errorf("delivered %+v", e)
	}
	if n := b.Ignored(); n != 3 {
		t.Errorf("%d were ignored, want 3", n)
	}
}

// ownServer returns a server that a test may stop or configure.
func ownServer(t *testing.T) *testenv.SharedService {
	server := testenv.NewService("redis")
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func TestBusJoinsAgainWhenRedisWasAway(t *testing.T) {
	server := ownServer(t)
	all := buses(t, redis.Config{URL: server.URL(t)})
	b, other := all[0], all[1]
	got, lost := make(chan parley.Envelope, 10), make(chan struct{}, 10)
	parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }, OnLost: func() { lost <- struct{}{} }})
	parleytest.StartBus(t, other, parleytest.Listener{})
	parleytest.Join(t, b, "room")
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
	parleytest.Soon(t, "Lost", lost)
	if err := parleytest.Soon(t, "Join", joined); err != nil {
		t.Error(err)
	}
	for _, channel := range []parley.ChannelID{"room", "later"} {
		parleytest.Publish(t, other, parley.Envelope{Channel: channel, Head: 7})
		if e := parleytest.Soon(t, "an envelope", got); e.Channel != channel || e.Head != 7 {
			t.Errorf("delivered %+v", e)
		}
	}
}

// TestBusSaysWhyItIsRefused: the error says that the password is wrong, not only that there is no connection.
func TestBusSaysWhyItIsRefused(t *testing.T) {
	server := ownServer(t)
	cliOf(t, server.URL(t), "CONFIG", "SET", "requirepass", "secret")
	b := buses(t, redis.Config{URL: strings.Replace(server.URL(t), "redis://", "redis://:guess@", 1)})[0]
	parleytest.SaysWhyNot(t, b, "WRONGPASS")
	if err := b.Publish(t.Context(), parley.Envelope{Channel: "room"}); err == nil || strings.Contains(err.Error(), "guess") {
		t.Errorf("the error shows the password: %v", err)
	}
}

// TestBusWaitsForASlowServer: a server that does not answer for some seconds, but lives, loses nothing.
func TestBusWaitsForASlowServer(t *testing.T) {
	server := ownServer(t)
	all := buses(t, redis.Config{URL: server.URL(t)})
	got, lost := make(chan parley.Envelope, 10), make(chan struct{}, 10)
	parleytest.StartBus(t, all[0], parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }, OnLost: func() { lost <- struct{}{} }})
	parleytest.StartBus(t, all[1], parleytest.Listener{})
	parleytest.Join(t, all[0], "room")
	cliOf(t, server.URL(t), "CLIENT", "PAUSE", "5000", "ALL")
	parleytest.Publish(t, all[1], parley.Envelope{Channel: "room", Head: 7}) // waits
	if e := parleytest.Soon(t, "an envelope", got); e.Head != 7 || len(lost) > 0 {
		t.Errorf("delivered %+v, %d times lost", e, len(lost))
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

func TestBusOfSlowHandlerHasLost(t *testing.T) {
	parleytest.SlowHandlerLoses(t, buses(t, config(t))[0])
}
