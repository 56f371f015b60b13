package nats_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley"
	"parley/adapter/nats"
	"parley/testenv"
)

// server is the NATS of all tests here that do not end it; each has its own prefix.
var server = testenv.NewService("nats")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var systems atomic.Int64

// config is that of a system that nobody has used.
func config(t *testing.T) nats.Config {
	return nats.Config{URL: fmt.Sprintf("%s?prefix=t%d", server.URL(t), systems.Add(1))}
}

// wires are connections that a test can cut.
type wires struct {
	mu  sync.Mutex
	all []net.Conn
}

func (w *wires) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, c)
	}
	return c, err
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all {
		c.Close()
	}
	w.all = nil
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
