package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// Config configures a run against a server. Zero values are replaced by defaults.
type Config struct {
	Servers    []string // URLs of the nodes of one system: each request and stream goes to one of them
	Token      string   // a JWT or an API key; empty: a development server, where each publisher is a separate user
	Channels   int      // 4
	Publishers int      // in total, alternating between HTTP and WebSocket; 8
	Readers    int      // in total, starting with different transports; 16
	For        time.Duration
	Until      <-chan struct{} // if not nil, closing it ends publishing early
	Pace       time.Duration   // between a publisher's messages; 10 ms
	DropOdds   int             // a reader drops its connection once in so many entries on average; 50
	Patience   time.Duration   // how long the last messages may take to arrive; 60 s
	Seed       uint64          // for the readers' random choices
	Progress   func(Progress)  // called every second; may be nil

	HTTP *http.Client // nil: the default client. With several servers its Transport carries the requests to each
}

// Progress is the progress of a run.
type Progress struct {
	Sent, Acknowledged int
	Left               time.Duration
}

func (c *Config) defaults() {
	for _, d := range []struct {
		field *int
		value int
	}{{&c.Channels, 4}, {&c.Publishers, 8}, {&c.Readers, 16}, {&c.DropOdds, 50}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.For, 30 * time.Second}, {&c.Pace, 10 * time.Millisecond}, {&c.Patience, time.Minute}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	c.Publishers, c.Readers = max(c.Publishers, c.Channels), max(c.Readers, c.Channels)
}

// room is one channel of a run.
type room struct {
	name       string
	ledger     *Ledger
	publishers []func(context.Context, <-chan struct{}) error
	readers    []*Reader
}

func (r *room) views() (all []*View) {
	for _, reader := range r.readers {
		all = append(all, &reader.View)
	}
	return all
}

// Run publishes and reads for a while, waits until everything has arrived, and returns the result.
// The error says why the run was not possible, for example because the server was unreachable.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	cfg.defaults()
	if len(cfg.Servers) > 1 {
		s, err := newSpread(cfg.Servers, cfg.Seed)
		if err != nil {
			return nil, err
		}
		if cfg.HTTP != nil && cfg.HTTP.Transport != nil {
			s.way = cfg.HTTP.Transport
		}
		cfg.HTTP = &http.Client{Transport: s}
	}
	rooms := cfg.rooms()
	c := cfg.client("")
	if _, err := c.Head(ctx, rooms[0].name); err != nil {
		return nil, fmt.Errorf("look at %s: %w", strings.Join(cfg.Servers, ", "), err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	shredder := cfg.shredder(rooms[0].name)
	var publishing, reading sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	failed := func(err error) {
		if err != nil {
			mu.Lock()
			failures = append(failures, err)
			mu.Unlock()
		}
	}
	for _, r := range rooms {
		for _, reader := range r.readers {
			reading.Go(func() { failed(reader.Run(ctx)) })
		}
		for _, publish := range r.publishers {
			publishing.Go(func() { failed(publish(ctx, stop)) })
		}
	}
	publishing.Go(func() { failed(shredder.run(ctx, stop)) })
	cfg.wait(ctx, rooms)
	close(stop)
	late := time.AfterFunc(cfg.Patience, cancel) // readers that have not seen the end by then have lost it
	defer late.Stop()
	publishing.Wait()
	for _, r := range rooms {
		failed(Finish(ctx, c, r.name, r.ledger))
	}
	reading.Wait()
	report, err := cfg.report(rooms, failures)
	for _, f := range shredder.shown {
		report.found(&report.Shown, "%s", f)
	}
	return report, err
}

// shredder creates the shredder, in a channel of its own.
func (cfg *Config) shredder(beside string) *shredder {
	s := &shredder{server: cfg.Servers[0], token: cfg.Token, user: "verify-shredder", http: cfg.HTTP, channel: beside + ".deleted",
		rand: rand.New(rand.NewPCG(cfg.Seed, 3))}
	if s.client = cfg.client(s.user); s.http == nil {
		s.http = http.DefaultClient
	}
	return s
}

// rooms creates the channels with their publishers and readers.
func (cfg *Config) rooms() []*room {
	rooms := make([]*room, cfg.Channels)
	run := rand.Uint32() // names are new in each run: reused keys would count as repetitions
	for i := range rooms {
		rooms[i] = &room{name: fmt.Sprintf("verify-%08x.%d", run, i), ledger: NewLedger()}
	}
	for i := range cfg.Publishers {
		r, name := rooms[i%len(rooms)], fmt.Sprintf("verify-p%d", i)
		p := Publisher{Name: name, Client: cfg.client(name), Channel: r.name, Ledger: r.ledger, Pace: cfg.Pace}
		publish := p.Run
		if i/len(rooms)%2 == 1 {
			publish = (&Pipeline{Publisher: p}).Run
		}
		r.publishers = append(r.publishers, publish)
	}
	zero := int64(0)
	for i := range cfg.Readers {
		r, ts := rooms[i%len(rooms)], client.Transports()
		first := i / len(rooms) % len(ts)
		ts[0], ts[first] = ts[first], ts[0]
		r.readers = append(r.readers, &Reader{Client: cfg.client(""), Channel: r.name, Transports: ts, After: &zero,
			DropOdds: cfg.DropOdds, Rand: rand.New(rand.NewPCG(cfg.Seed, uint64(i))),
			View: View{Name: fmt.Sprintf("reader %d of %s", i, r.name)}})
	}
	return rooms
}

func (cfg *Config) client(user string) *client.Client {
	if cfg.Token != "" {
		user = ""
	}
	return client.New(cfg.Servers[0], client.Config{User: user, Token: cfg.Token, HTTPClient: cfg.HTTP,
		FirstWait: 50 * time.Millisecond, MaxWait: 2 * time.Second, PollInterval: 100 * time.Millisecond})
}

// wait waits for the duration of the run.
func (cfg *Config) wait(ctx context.Context, rooms []*room) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(cfg.For); ; {
		left := time.NewTimer(time.Until(end))
		select {
		case <-ctx.Done():
			left.Stop()
			return
		case <-cfg.Until:
			left.Stop()
			return
		case <-left.C:
			return
		case <-tick.C:
			left.Stop()
		}
		if cfg.Progress != nil {
			p := Progress{Left: time.Until(end)}
			for _, r := range rooms {
				sent, acked := r.ledger.Len()
				p.Sent, p.Acknowledged = p.Sent+sent, p.Acknowledged+acked
			}
			cfg.Progress(p)
		}
	}
}

// report checks every channel's log against the ledgers and views. The run's context may have ended
// by then.
func (cfg *Config) report(rooms []*room, failures []error) (*Report, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cfg.Patience)
	defer cancel()
	sum := &Report{}
	var all []*View
	for _, r := range rooms {
		all = append(all, r.views()...)
	}
	for _, r := range rooms {
		log, err := ReadLog(ctx, cfg.client(""), r.name)
		if err != nil {
			return nil, err
		}
		for _, v := range r.views() {
			sum.Resets += v.Resets
		}
		sum.Add(verify(log, r.ledger, renewed(all), r.views()))
	}
	for _, err := range failures {
		sum.Findings = append(sum.Findings, err.Error())
	}
	sum.Failures = len(failures)
	return sum, nil
}
