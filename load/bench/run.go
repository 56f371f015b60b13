package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Config configures a run. Zero values are replaced by the scenario's own (see Scenario).
type Config struct {
	Scenario string
	Command  string   // the command line, for the report
	Binary   string   // this program; it is also started as server, worker and bare loop
	Servers  []string // URLs of the nodes of one system; empty: starts a server with temporary data
	Nodes    int      // million: nodes to start; 0: as many as their descriptors require, at least 3
	PIDs     []int    // processes of Servers, to measure their CPU and memory together; empty: not measured
	Publish  []string // URLs that publishers use; empty: those of Servers
	Fsync    string   // of a server that the run starts
	Flags    []string
	TempDir  string
	Progress func(string) // receives progress messages; may be nil

	Transport   string
	Connections int
	Rate        float64 // messages (connect: connections) per second; 0: as fast as possible
	Size        int
	For         time.Duration
	Burst       int
	Layout      string // own, one, rooms
	Rooms       int    // with layout rooms; 0: ten connections each
	Settle      time.Duration
	Dials       int
	Publishers  int
	Window      int
	Behind      int
	PollEvery   time.Duration
	Baseline    bool
	Pairs       int
	Peer        string // centrifuge, socket.io: the server is not parley
}

// Scenario is one kind of run.
type Scenario struct {
	Name string
	Help string
	run  func(*run) error
	base func(*Config) // fills in unset values
}

// Scenarios lists all scenarios.
func Scenarios() []Scenario {
	return []Scenario{
		{"connect", "handshakes with welcome per second", (*run).connect, func(c *Config) { c.set(5000, 0, "own") }},
		{"idle", "the server's memory for each connection that is silent", (*run).idle, func(c *Config) { c.set(15000, 0, "own") }},
		{"fanout", "one channel, many subscribers: CPU per delivery, latency", (*run).fanout, func(c *Config) { c.set(10000, 4, "one") }},
		{"rooms", "many rooms at a rate, or flooded (--rate 0)", (*run).rooms, func(c *Config) { c.set(10000, 0, "rooms") }},
		{
			"storm",
			"all are dropped at once and reconnect at once with their cursors, while messages continue",
			(*run).storm,
			func(c *Config) { c.set(10000, 300, "rooms"); orDefault(&c.Dials, c.Connections) },
		},
		{
			"publish",
			"acknowledged messages per second, beside what the disk can do",
			(*run).publish,
			func(c *Config) { c.set(1, 0, "own") },
		},
		{
			"mixed",
			"subscribers on each streaming transport: from publishing to delivery, beyond the commit",
			(*run).mixed,
			func(c *Config) { c.set(100, 200, "one") },
		},
		{
			"stalled",
			"whether readers that stop reading cost the others anything",
			(*run).stalled,
			func(c *Config) { c.set(1000, 1000, "rooms"); orDefault(&c.Size, 4096) },
		},
		{
			"million",
			"many nodes, each client in a room and in a channel of all; some drop, a node is killed",
			(*run).million,
			func(c *Config) {
				c.set(1_000_000, 300, "rooms")
				orDefault(&c.For, time.Minute)
				orDefault(&c.Dials, 4096)
			},
		},
		{"catchup", "readers that are all far behind at once", (*run).catchup, func(c *Config) { c.set(10000, 0, "rooms") }},
	}
}

// set fills in the numbers in which scenarios differ. A negative rate means unset.
func (c *Config) set(connections int, rate float64, layout string) {
	if c.Connections == 0 {
		c.Connections = connections
	}
	if c.Rate < 0 {
		c.Rate = rate
	}
	if c.Layout == "" {
		c.Layout = layout
	}
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// run is a run in progress.
type run struct {
	*Config
	ctx    context.Context
	server *Server
	prefix string
	report *Report
	own    time.Duration // CPU time of this process at the beginning
}

// Run runs a scenario and measures it. The report is nil only with an error, when nothing could be
// measured. A report that is not OK means that the server did something wrong.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	i := slices.IndexFunc(Scenarios(), func(s Scenario) bool { return s.Name == cfg.Scenario })
	if i < 0 {
		return nil, fmt.Errorf("there is no scenario %q", cfg.Scenario)
	}
	s := Scenarios()[i]
	s.base(&cfg)
	orDefault(&cfg.Transport, "websocket")
	orDefault(&cfg.Size, 128)
	orDefault(&cfg.For, 10*time.Second)
	orDefault(&cfg.Burst, 1)
	orDefault(&cfg.Settle, time.Minute)
	orDefault(&cfg.Dials, 128)
	orDefault(&cfg.Window, 60)
	orDefault(&cfg.Behind, 1000)
	orDefault(&cfg.PollEvery, time.Second)
	orDefault(&cfg.Pairs, 5)
	orDefault(&cfg.Fsync, "commit")
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{Config: &cfg, ctx: ctx, prefix: fmt.Sprintf("bench-%06x", rand.IntN(1<<24)), own: ownCPU(),
		report: &Report{Scenario: cfg.Scenario, Command: cfg.Command, Date: time.Now(), Machine: Machine()}}
	r.server = &Server{URLs: cfg.Servers, PIDs: cfg.PIDs}
	switch {
	case cfg.Scenario == "million":
		var err error
		if r.server, err = r.startNodes(); err != nil {
			return nil, err
		}
		defer r.server.Stop()
	case len(cfg.Servers) == 0:
		r.Progress("starting a server")
		var err error
		if r.server, err = StartServer(ctx, cfg.Binary, cfg.TempDir, append([]string{"--fsync", cfg.Fsync}, cfg.Flags...)...); err != nil {
			return nil, err
		}
		defer r.server.Stop()
	}
	others := r.others()
	err := s.run(r)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		r.report.problem("%v", err)
	}
	if log, died := r.server.Died(); died {
		r.report.problem("the server ended: %s", log)
	}
	r.server.Stop() // the CPU time of children is known once they have ended
	others()
	r.report.settle()
	return r.report, nil
}

// others returns a function that reports what the rest of the machine did during the run: a number
// from a busy machine is not worth much.
func (r *run) others() (report func()) {
	known := func() time.Duration { return ownCPU() + childrenCPU() }
	if r.server.cmd == nil && r.server.nodes == nil {
		known = func() time.Duration { return ownCPU() + childrenCPU() + cpu(r.server) }
	}
	begin, machine, mine := time.Now(), machineCPU(), known()
	return func() {
		if machine > 0 {
			cores := (machineCPU() - machine - (known() - mine)).Seconds() / time.Since(begin).Seconds()
			r.report.add("others_cpu", "CPU that others took meanwhile", max(cores, 0), "cores")
		}
	}
}

// channels is how many channels the layout has.
func (r *run) channels() int {
	switch r.Layout {
	case "one":
		return 1
	case "rooms":
		if r.Rooms > 0 {
			return r.Rooms
		}
		return max(1, r.Connections/10)
	}
	return r.Connections
}

func (r *run) args() SwarmArgs {
	return SwarmArgs{
		Servers:   r.server.URLs,
		Transport: r.Transport,
		Prefix:    r.prefix,
		Channels:  r.channels(),
		PollEvery: r.PollEvery,
		Peer:      r.Peer,
	}
}

// fleet starts the readers and connects them.
func (r *run) fleet(args SwarmArgs, count, nth int) (*Fleet, error) {
	r.Progress(fmt.Sprintf("connecting %d over %s", count, args.Transport))
	f, err := StartFleet(r.ctx, r.Binary, args, count, nth)
	if err != nil {
		return nil, err
	}
	if _, err := f.Open(false, r.Dials, 0); err != nil {
		f.Stop()
		return nil, err
	}
	return f, nil
}

func (r *run) plan() Plan {
	return Plan{Rate: r.Rate, Burst: r.Burst, Window: r.Window, For: r.For, Size: r.Size, Prefix: r.prefix, Channel: r.channels()}
}

// publishTo is where publishers connect.
func (r *run) publishTo() []string {
	if len(r.Publish) > 0 {
		return r.Publish
	}
	return r.server.URLs
}

// cpu is the CPU time of a server's processes, 0 if it is unknown.
func cpu(s *Server) (sum time.Duration) {
	for _, pid := range s.PIDs {
		d, _ := cpuOf(pid) // a server that is gone is noticed by its connections
		sum += d
	}
	return sum
}

func rss(s *Server) (sum int64) {
	for _, pid := range s.PIDs {
		n, _ := rssOf(pid)
		sum += n
	}
	return sum
}

// round is one period of sending and its result.
type round struct {
	deliveries int64
	took       time.Duration // from the first message to the last delivery
	cpu        time.Duration // CPU time of the server
	load       time.Duration // CPU of the readers' processes
	latency    *hdrhistogram.Histogram
	each       []*hdrhistogram.Histogram // the latency of each fleet
	acks       *hdrhistogram.Histogram
	sent       int64
}

// perDelivery is the server's CPU time per delivery in microseconds.
func (o round) perDelivery() float64 {
	return float64(o.cpu.Microseconds()) / float64(max(o.deliveries, 1))
}

// feed sends according to a plan and returns the channels' heads.
type feed func(Plan) (heads []int64, s *Sending, err error)

// publishing is the feed for a real server.
func (r *run) publishing(ps []*publisher) feed {
	var before *Sending
	return func(p Plan) ([]int64, *Sending, error) {
		s := NewSending(p, before)
		before = s
		err := s.Run(r.ctx, ps)
		return s.Heads(), s, err
	}
}

// writing is the feed for the bare loop.
func (r *run) writing(b *bare) feed {
	return func(p Plan) ([]int64, *Sending, error) {
		err := b.run(r.ctx, p)
		return b.heads, nil, err
	}
}

// patience is how long deliveries may take after the last message was acknowledged.
const patience = 2 * time.Minute

// measure sends according to the plan and waits until everything has arrived; problems go into the report.
func (r *run) measure(s *Server, fleets []*Fleet, plan Plan, send feed) (o round, err error) {
	before := make([]Seen, len(fleets))
	for i, f := range fleets {
		if before[i], err = f.Take(); err != nil {
			return o, err
		}
	}
	stop := r.watch(fleets)
	defer stop()
	cpu0, begin := cpu(s), time.Now()
	heads, sending, err := send(plan)
	if sending != nil {
		r.note(sending)
		o.acks, o.sent = sending.hist, sending.sent.Load()
	}
	if err != nil {
		return o, err
	}
	o.latency = newHistogram()
	end := begin
	var missing int64
	for _, f := range fleets {
		n, ended, err := f.Await(heads, patience)
		if err != nil {
			return o, err
		}
		missing += n
		if ended.After(end) {
			end = ended
		}
	}
	o.took, o.cpu = end.Sub(begin), cpu(s)-cpu0
	for i, f := range fleets {
		after, err := f.Take()
		if err != nil {
			return o, err
		}
		o.latency.Merge(after.Latency)
		o.each = append(o.each, after.Latency)
		o.load += after.CPU - before[i].CPU
		r.tally(before[i], after)
		o.deliveries += after.Received - before[i].Received
	}
	r.report.Lost += missing
	r.report.Expected += missing
	return o, nil
}

// note adds the publishers' results to the report.
func (r *run) note(s *Sending) {
	r.report.Sent += s.sent.Load()
	r.report.Acknowledged += s.acked.Load()
	if s.refused > 0 {
		r.report.problem("%d messages were refused: %s", s.refused, s.firstError)
	}
	if s.duplicates > 0 {
		r.report.problem("%d acknowledgements name an older message", s.duplicates)
	}
}

// tally adds to the report what readers saw from before to after.
func (r *run) tally(before, after Seen) {
	d := after.Counts.sub(before.Counts)
	r.report.Counts.add(d)
	r.report.Expected += d.Received + d.Lost
	r.report.Cut += after.Cut - before.Cut
	for _, t := range after.Troubles[len(before.Troubles):] {
		r.report.problem("%s", t)
	}
}

// watch reports deliveries until stop is called.
func (r *run) watch(fleets []*Fleet) (stop func()) {
	var before int64
	return r.count(fleets, func(now Tally) {
		r.Progress(fmt.Sprintf("%s deliveries, %s/s, lost %d, repeated %d, out of order %d",
			Number(float64(now.Received)), Number(float64(now.Received-before)), now.Lost, now.Repeated, now.Disordered))
		before = now.Received
	})
}

// count shows what all workers have seen, once a second until stop is called. It asks one worker at a time: many that wake
// at once would delay what is being measured.
func (r *run) count(fleets []*Fleet, show func(Tally)) (stop func()) {
	var each []*Fleet
	for _, f := range fleets {
		for i := range f.workers {
			each = append(each, &Fleet{workers: f.workers[i : i+1]})
		}
	}
	ctx, cancel := context.WithCancel(r.ctx)
	var counting sync.WaitGroup
	counting.Go(func() {
		t := time.NewTicker(time.Second / time.Duration(max(len(each), 1)))
		defer t.Stop()
		for {
			var sum Tally
			for _, f := range each {
				select {
				case <-ctx.Done():
					return
				case <-t.C:
				}
				s, err := f.Count()
				if err != nil {
					return
				}
				sum.Counts.add(s.Counts)
				sum.Live += s.Live
			}
			show(sum)
		}
	})
	return func() { cancel(); counting.Wait() }
}

// costs adds the CPU and memory that the round took.
func (r *run) costs(s *Server, o round) {
	seconds := o.took.Seconds()
	r.report.add("deliveries_per_s", "deliveries per second", float64(o.deliveries)/seconds, "")
	if s.measured() {
		r.report.add("server_cpu_per_delivery", "server CPU per delivery", o.perDelivery(), "µs")
		r.report.add("server_cpu", "server CPU", o.cpu.Seconds()/seconds, "cores")
		r.report.add("server_rss", "server memory", float64(rss(s))/(1<<20), "MiB")
	}
	r.report.add("load_cpu", "readers' CPU", o.load.Seconds()/seconds, "cores")
	r.report.add("publisher_cpu", "publishers' CPU", (ownCPU() - r.own).Seconds(), "s")
}

// median returns the median of v.
func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// dataDir is where the disk is measured: the server's own directory if known.
func (r *run) dataDir() string {
	if r.server.Data != "" {
		return r.server.Data
	}
	return os.TempDir()
}

var errNoPID = errors.New("this scenario measures the server's memory: give its --pid, or leave --server out")
