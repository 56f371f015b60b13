package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// threeMasters starts a Cluster, and returns how to reach it and the addresses of its servers.
func threeMasters(t *testing.T) (cfg redis.Config, addrs []string) {
	t.Helper()
	server := testenv.NewService("redis", "--nodes", "3")
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	addrs = strings.Split(server.URL(t), ",")
	return redis.Config{URL: "redis://" + addrs[0] + "?addr=" + strings.Join(addrs[1:], "&addr=")}, addrs
}

// mover moves slots between the servers of a Cluster.
type mover struct {
	*testing.T
	addrs []string
}

func (m mover) cli(addr string, args ...string) string {
	return strings.TrimSpace(cliOf(m.T, "redis://"+addr, args...))
}

// owner is the server that has a slot.
func (m mover) owner(slot string) string {
	n, _ := strconv.Atoi(slot)
	for _, addr := range m.addrs {
		for line := range strings.Lines(m.cli(addr, "CLUSTER", "NODES")) {
			part := strings.Fields(line)
			if len(part) < 8 || !strings.Contains(part[2], "myself") {
				continue
			}
			for _, r := range part[8:] {
				from, to, ok := strings.Cut(r, "-")
				a, _ := strconv.Atoi(from)
				b := a
				if ok {
					b, _ = strconv.Atoi(to)
				}
				if !strings.HasPrefix(r, "[") && a <= n && n <= b {
					return addr
				}
			}
		}
	}
	m.Fatalf("nobody has slot %s", slot)
	return ""
}

// move gives a key's slot to the next server. between is called when some of its keys have moved.
func (m mover) move(key string, between func()) {
	m.Helper()
	slot := m.cli(m.addrs[0], "CLUSTER", "KEYSLOT", key)
	from := m.owner(slot)
	to := m.addrs[0]
	for i, addr := range m.addrs {
		if addr == from {
			to = m.addrs[(i+1)%len(m.addrs)]
		}
	}
	id := map[string]string{from: m.cli(from, "CLUSTER", "MYID"), to: m.cli(to, "CLUSTER", "MYID")}
	m.cli(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", id[from])
	m.cli(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", id[to])
	host, port, _ := net.SplitHostPort(to)
	for {
		keys := strings.Fields(m.cli(from, "CLUSTER", "GETKEYSINSLOT", slot, "1"))
		if len(keys) == 0 {
			break
		}
		if out := m.cli(from, "MIGRATE", host, port, keys[0], "0", "5000"); out != "OK" {
			m.Fatalf("migrate %s: %s", keys[0], out)
		}
		between()
	}
	for _, addr := range append([]string{to, from}, m.addrs...) {
		m.cli(addr, "CLUSTER", "SETSLOT", slot, "NODE", id[to])
	}
}

// TestLogWhileItsSlotMoves: a script sees all of a channel's keys or is not called.
func TestLogWhileItsSlotMoves(t *testing.T) {
	cfg, addrs := threeMasters(t)
	cfg.Prefix = "m:"
	s, other := openOne(t, cfg), openOne(t, cfg)
	first := post(t, s, "first", "@bob x")
	var done atomic.Bool
	var running sync.WaitGroup
	stored := map[string]int64{}
	var mu sync.Mutex
	for n, store := range []*redis.Store{s, other} {
		running.Go(func() {
			for i := 0; !done.Load(); i++ {
				key := fmt.Sprint(n, ".", i)
				var r parley.Result
				for r.Err = parley.ErrUnavailable; errors.Is(r.Err, parley.ErrUnavailable) || errors.Is(r.Err, parley.ErrUnknown); {
					r = store.Append(t.Context(), "room", parley.Draft{User: "alice", Key: key, Text: "@bob " + key, Join: true})[0]
				}
				if r.Err != nil || r.Epoch != first.Epoch {
					t.Errorf("%s: %+v", key, r)
					return
				}
				mu.Lock()
				stored[key] = r.Message.ID
				mu.Unlock()
			}
		})
	}
	m := mover{t, addrs}
	for range 4 {
		m.move("m:{room}:head", func() {
			ctx, stop := context.WithCancel(t.Context())
			stop() // it does not wait for the end of the move
			if b, err := s.Bounds(ctx, "room"); err == nil && b[0].Last == 0 {
				t.Error("the channel is empty while it moves")
			}
		})
		m.move("m:{channels}:list", func() {})
		m.move("m:{/alice}:list", func() {})
		m.move("m:{unfinished}:nodes", func() {})
	}
	done.Store(true)
	running.Wait()
	seen := map[int64]string{}
	for key, id := range stored {
		if seen[id] != "" {
			t.Errorf("%s and %s have the id %d", key, seen[id], id)
		}
		seen[id] = key
	}
	b, err := s.Bounds(t.Context(), "room")
	if err != nil || b[0].Last != int64(len(stored))+1 {
		t.Errorf("%d messages are stored, and the bounds are %+v, %v", len(stored)+1, b, err)
	}
	counts, err := s.Unread(t.Context(), "bob", parley.Place{Channel: "room"})
	if err != nil || counts[0].Mentions != b[0].Last {
		t.Errorf("unread: %+v, %v", counts, err)
	}
}

// TestBusWhileSlotsMove: a partition whose slot moves is subscribed at its new server, and Lost is called.
func TestBusWhileSlotsMove(t *testing.T) {
	cfg, addrs := threeMasters(t)
	cfg.Prefix = "m:"
	all := buses(t, cfg)
	got, lost := make(chan parley.Envelope, 200_000), make(chan struct{}, 1)
	parleytest.StartBus(t, all[0], parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }, OnLost: func() {
		select {
		case lost <- struct{}{}:
		default:
		}
	}})
	parleytest.StartBus(t, all[1], parleytest.Listener{})
	channels := make([]parley.ChannelID, 100)
	for i := range channels {
		channels[i] = parley.ChannelID(fmt.Sprint("c", i))
		parleytest.Join(t, all[0], channels[i])
	}
	arrivesInTime(t, all, channels, got, 1)
	m := mover{t, addrs}
	for round := range int64(2) {
		for p := range 8 {
			m.move(fmt.Sprintf("m:{chat%d}:x", p), func() {})
		}
		parleytest.Soon(t, "Lost", lost)
		arrivesInTime(t, all, channels, got, 1000*(round+1))
	}
}

// arrivesInTime publishes in all channels until all have had something above a head.
func arrivesInTime(t *testing.T, all []parley.Bus, channels []parley.ChannelID, got <-chan parley.Envelope, head int64) {
	t.Helper()
	missing := map[parley.ChannelID]bool{}
	for _, c := range channels {
		missing[c] = true
	}
	for try, late := int64(0), time.Now().Add(testenv.Patience); len(missing) > 0; try++ {
		if time.Now().After(late) {
			t.Fatalf("nothing arrives in %v", missing)
		}
		for c := range missing {
			_ = all[1].Publish(t.Context(), parley.Envelope{Channel: c, Head: head + try})
		}
		for more := true; more; {
			select {
			case e := <-got:
				if e.Head >= head {
					delete(missing, e.Channel)
				}
			default:
				more = false
			}
		}
	}
}
