package parleytest

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/testenv"
)

// Listener is a parley.BusHandler made of two functions, which may be nil.
type Listener struct {
	OnDeliver func(parley.Envelope)
	OnLost    func()
}

// Deliver implements parley.BusHandler.
func (l Listener) Deliver(e parley.Envelope) {
	if l.OnDeliver != nil {
		l.OnDeliver(e)
	}
}

// Lost implements parley.BusHandler.
func (l Listener) Lost() {
	if l.OnLost != nil {
		l.OnLost()
	}
}

// StartBus runs a bus until the test ends.
func StartBus(t *testing.T, b parley.Bus, h parley.BusHandler) {
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

// Join joins a channel or ends the test.
func Join(t *testing.T, b parley.Bus, channel parley.ChannelID) {
	t.Helper()
	if err := b.Join(t.Context(), channel); err != nil {
		t.Fatal(err)
	}
}

// Publish publishes an envelope or ends the test.
func Publish(t *testing.T, b parley.Bus, e parley.Envelope) {
	t.Helper()
	if err := b.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// SaysWhyNot demands that a publish over a bus that its broker refuses fails, and soon names the reason.
func SaysWhyNot(t *testing.T, b parley.Bus, reason string) {
	t.Helper()
	StartBus(t, b, Listener{})
	var err error
	for end := time.Now().Add(testenv.Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = b.Publish(t.Context(), parley.Envelope{Channel: "room", Head: 7}); err == nil {
			t.Fatal("published over a bus that is refused")
		}
		if strings.Contains(err.Error(), reason) {
			return
		}
	}
	t.Errorf("the error does not name the reason %q: %v", reason, err)
}

// Soon demands that a value arrives soon, and returns it.
func Soon[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(testenv.Patience):
		t.Fatalf("not in time: %s", what)
	}
	return v
}

// SlowHandlerLoses demands that a bus calls Lost when its handler accepts nothing while 20,000 envelopes arrive.
func SlowHandlerLoses(t *testing.T, b parley.Bus) {
	held, lost := make(chan struct{}), make(chan struct{}, 1)
	StartBus(t, b, Listener{OnDeliver: func(parley.Envelope) { <-held }, OnLost: func() {
		select {
		case lost <- struct{}{}:
		default:
		}
	}})
	Join(t, b, "room")
	var sending sync.WaitGroup
	for range 20 {
		sending.Go(func() {
			for range 1000 {
				if err := b.Publish(t.Context(), parley.Envelope{Channel: "room", Head: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sending.Wait()
	Join(t, b, "after") // the broker has accepted everything
	close(held)
	Soon(t, "Lost", lost)
}

// Wires are connections that a test can cut.
type Wires struct {
	mu  sync.Mutex
	all []net.Conn
}

// Dial connects as net.Dialer does.
func (w *Wires) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, c)
	}
	return c, err
}

// Cut closes all connections.
func (w *Wires) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all {
		c.Close()
	}
	w.all = nil
}
