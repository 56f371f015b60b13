package kafka_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley"
	"parley/adapter/kafka"
	"parley/testenv"
)

// server is the Kafka of all tests here that do not end it; each has its own topics.
var server = testenv.NewService("kafka", "--secure")

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
func config(t *testing.T) kafka.Config {
	return kafka.Config{URL: fmt.Sprintf("kafka://%s/t%d", server.URL(t), systems.Add(1))}
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

// hosts is the first part of a URL for what a service prints.
func hosts(url string) string { return "kafka://" + strings.TrimPrefix(url, "kafka://") }
