package parleytest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/door"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/httpapi"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/transport"
)

// member is a complete node of a cluster: all that parley dev runs, over a store and a bus that
// it shares with the others.
type member struct {
	parts
	url   string
	addr  string
	bus   *parleytest.FaultyBus
	clock func() time.Time
	away  atomic.Bool // $control cannot be read
	feed  *feed.Feed
	chat  *chat.Service
}

// withoutControl is a store whose $control cannot be read while it is away.
type withoutControl struct {
	chat.Store
	away *atomic.Bool
}

func (s *withoutControl) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	if channel == "$control" && s.away.Load() {
		return parley.Run{}, parley.ErrUnavailable
	}
	return s.Store.Read(ctx, channel, after, limit)
}

// cluster is several nodes over one store and a bus, which run until the test ends.
type cluster struct {
	members []*member
	url     string // of a balancer that assigns each connection to a random node
}

// grace is how long a user of a cluster may be away before the others are notified.
const grace = 500 * time.Millisecond

func newCluster(t *testing.T, nodes int, open opener, faults parleytest.BusFaults) *cluster {
	t.Helper()
	return newClusterAt(t, nodes, open, faults, func(int) func() time.Time { return time.Now })
}

// newClusterAt is a cluster in which each node has its own clock.
func newClusterAt(t *testing.T, nodes int, open opener, faults parleytest.BusFaults, clock func(node int) func() time.Time) *cluster {
	t.Helper()
	c := &cluster{}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	for i, p := range open(t, nodes) {
		m := &member{parts: p, bus: parleytest.NewFaultyBus(p.bus, uint64(i+1), faults), clock: clock(i)}
		m.start(ctx, t, fmt.Sprint("n", i), &running)
		c.members = append(c.members, m)
	}
	c.url = c.balance(t, &running)
	return c
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (m *member) start(ctx context.Context, t *testing.T, name string, running *sync.WaitGroup) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	m.feed = feed.New(m.store, feed.Config{Node: name, Bus: m.bus, Index: m.index, Outbox: m.outbox, Clock: m.clock, Logger: quiet})
	m.chat = chat.New(&withoutControl{m.store, &m.away}, m.feed, chat.Config{Clock: m.clock,
		Presence: presence.Config{Grace: grace, TTL: 4 * time.Second, Store: m.presence, Node: name}})
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	socket := listen(t)
	m.addr, m.url = socket.Addr().String(), "http://"+socket.Addr().String()
	d := door.New([]net.Listener{socket}, e, door.Config{Logger: quiet})
	tickets := auth.NewTickets(auth.TicketsConfig{Secret: []byte("a secret that all nodes of it share"), Once: m.once, Clock: m.clock})
	ways := transport.New(m.chat, e, transport.Config{Door: d})
	api := httpapi.New(m.chat, ways, httpapi.Config{Auth: httpapi.Development{Tickets: tickets}, Tickets: tickets,
		Origins: func(string) bool { return false }, Pages: http.NotFoundHandler(), Logger: quiet})
	srv := &http.Server{Handler: api, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	serve := func(context.Context) error { return d.Serve(srv, api.OpensStream) }
	for _, run := range []func(context.Context) error{m.run, m.feed.Run, m.chat.Run, e.Run, serve} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		e.Close()
		srv.Close()
	})
}

// balance listens and forwards each connection to a random node.
func (c *cluster) balance(t *testing.T, running *sync.WaitGroup) (url string) {
	t.Helper()
	socket := listen(t)
	rnd := rand.New(rand.NewPCG(1, 1))
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	closed := false
	keep := func(nc net.Conn) bool {
		mu.Lock()
		defer mu.Unlock()
		open[nc] = true
		return !closed
	}
	running.Go(func() {
		for {
			client, err := socket.Accept()
			if err != nil {
				return
			}
			to := c.members[rnd.IntN(len(c.members))].addr
			running.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", to)
				if err != nil || !keep(client) || !keep(server) {
					return
				}
				defer server.Close()
				running.Go(func() { _, _ = io.Copy(server, client); server.Close(); client.Close() })
				_, _ = io.Copy(client, server)
				mu.Lock()
				defer mu.Unlock()
				delete(open, client)
				delete(open, server)
			})
		}
	})
	t.Cleanup(func() {
		if err := socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		closed = true
		for nc := range open {
			nc.Close()
		}
	})
	return "http://" + socket.Addr().String()
}
