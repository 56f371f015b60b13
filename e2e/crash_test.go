package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// TestCrash kills the server at random moments under publishers and readers of all
// kinds. At the end every acknowledged message is stored once, ids have no gap, each
// publisher's order is kept, and each reader saw exactly the log. PARLEY_CRASH_KILLS is
// the number of kills (50), PARLEY_CRASH_SEED repeats a run's choices.
func TestCrash(t *testing.T) {
	kills := number(t, "PARLEY_CRASH_KILLS", 50)
	seed := number(t, "PARLEY_CRASH_SEED", rand.IntN(1<<31))
	t.Logf("seed: PARLEY_CRASH_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(uint64(seed), 0))

	server := testenv.Server(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var publishers, readers sync.WaitGroup
	channels := []*crashChannel{newCrashChannel("crash.a"), newCrashChannel("crash.b")}
	for i, c := range channels {
		c.publish(ctx, t, &publishers, server.URL, stop)
		c.read(ctx, t, &readers, server.URL, rand.New(rand.NewPCG(uint64(seed), uint64(i+1))))
	}
	for range kills {
		up := time.NewTimer(time.Duration(rng.IntN(150)) * time.Millisecond)
		select {
		case <-up.C:
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
		server.Kill()
		server.Restart()
	}
	close(stop)
	publishers.Wait()
	for _, c := range channels {
		if err := load.Finish(ctx, parleytest.NewClient(server.URL, load.End), c.name, c.ledger); err != nil {
			t.Error(err)
		}
	}
	end := time.AfterFunc(testenv.Patience, cancel) // a reader that has not seen the end by then has lost it
	defer end.Stop()
	readers.Wait()
	for _, c := range channels {
		c.verify(t, server.URL, kills)
	}
}

// crashChannel is a channel of the crash test with all that is known of it.
type crashChannel struct {
	name    string
	ledger  *load.Ledger
	readers []*load.Reader
}

func newCrashChannel(name string) *crashChannel {
	return &crashChannel{name: name, ledger: load.NewLedger()}
}

// publish starts three publishers over HTTP and one that keeps many messages in flight
// on a WebSocket.
func (c *crashChannel) publish(ctx context.Context, t *testing.T, wg *sync.WaitGroup, url string, stop <-chan struct{}) {
	for i := range 4 {
		name := fmt.Sprintf("%s.p%d", c.name, i)
		p := load.Publisher{Name: name, Client: parleytest.NewClient(url, name), Channel: c.name,
			Ledger: c.ledger, Pace: 5 * time.Millisecond}
		wg.Go(func() {
			run := p.Run
			if i == 3 {
				run = (&load.Pipeline{Publisher: p}).Run
			}
			if err := run(ctx, stop); err != nil {
				t.Errorf("publisher %s: %v", name, err)
			}
		})
	}
}

// read starts one reader that stays on each transport, and three that change transport
// after any disconnect, some of which they cause themselves.
func (c *crashChannel) read(ctx context.Context, t *testing.T, wg *sync.WaitGroup, url string, rng *rand.Rand) {
	zero := int64(0)
	add := func(name string, odds int, transports ...client.Transport) {
		r := &load.Reader{Client: parleytest.NewClient(url, ""), Channel: c.name, Transports: transports, After: &zero,
			DropOdds: odds, Rand: rand.New(rand.NewPCG(rng.Uint64(), 0)), View: load.View{Name: c.name + " " + name}}
		c.readers = append(c.readers, r)
		wg.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for _, tr := range client.Transports() {
		add(string(tr), 0, tr)
	}
	for i := range 3 {
		add(fmt.Sprint("hopper ", i), 50, client.Transports()...)
	}
}

func (c *crashChannel) verify(t *testing.T, url string, kills int) {
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	log, err := load.ReadLog(ctx, parleytest.NewClient(url, ""), c.name)
	if err != nil {
		t.Fatal(err)
	}
	var views []*load.View
	for _, r := range c.readers {
		views = append(views, &r.View)
		if r.View.Resets > 0 {
			t.Errorf("%s was reset %d times, and nothing was lost", r.View.Name, r.View.Resets)
		}
	}
	report := load.Verify(log, c.ledger, views...)
	t.Logf("%s after %d kills: %s", c.name, kills, report)
	if !report.OK() {
		t.Errorf("%s: not every message arrived once and in order", c.name)
	}
	if report.Acknowledged < kills || len(log) > 0 && log[0].ID != 1 {
		t.Errorf("%s: %d acknowledged, the log begins with %d: this proves nothing", c.name, report.Acknowledged, log[0].ID)
	}
}

// number reads an integer from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
