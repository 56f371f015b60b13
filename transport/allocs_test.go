//go:build linux && !race

package transport

import (
	"context"
	"io"
	"math"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/wire"
)

// Delivering a message to one more connection allocates nothing: not in the hub, not in
// the session, not in the engine. The fixed cost of a message is excluded by comparing
// many readers with few.
func TestADeliveryAllocatesNothing(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	for name, form := range sharedForms {
		if each := perDelivery(t, form); each > 0.01 {
			t.Errorf("%s: a delivery allocates %.3f objects", name, each)
		}
	}
}

// BenchmarkDelivery reports the same as a number.
func BenchmarkDelivery(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for name, form := range sharedForms {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(max(perDelivery(b, form), 0), "allocs/delivery")
			}
		})
	}
}

var sharedForms = map[string]wire.Form{"text": wire.FormWS, "compressed": wire.FormWSDeflate, "msgpack": wire.FormMsgpack,
	"sse": wire.FormSSE}

func perDelivery(t testing.TB, form wire.Form) float64 {
	few, many := mallocs(t, form, 20), mallocs(t, form, 220)
	return math.Round(1000*(many-few)/200) / 1000
}

// mallocs returns the number of objects allocated for one message to a number of readers.
func mallocs(t testing.TB, form wire.Form, readers int) float64 {
	store := mem.NewStore(mem.StoreConfig{}).Open()
	f := feed.New(store, feed.Config{})
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	defer func() { e.Close(); stop(); running.Wait() }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()

	ways := New(chat.New(store, f, chat.Config{}), e, Config{})
	clients := make([]net.Conn, readers)
	for i := range clients {
		if clients[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		p := ways.newPeer(access.Caller{User: parley.Guest}, form, []byte("welcome\n"))
		if _, err := p.session.Follow(ctx, "c", nil); err != nil {
			t.Fatal(err)
		}
		e.Park(&p.conn, server, nil, p, true, time.Hour)
		if _, err := io.ReadFull(clients[i], make([]byte, len("welcome\n"))); err != nil {
			t.Fatal(err)
		}
	}
	draft := []parley.Draft{{User: "alice", Text: strings.Repeat("a text ", 20)}}
	buf := make([]byte, 4096)
	send := func() {
		if r := f.PublishAll("c", draft); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		for _, c := range clients { // each message is one write, and so one read
			if _, err := c.Read(buf); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 {
		send()
	}
	const rounds = 80
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		send()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / rounds
}
