package bench

import (
	"fmt"
	"time"
)

// connect repeatedly opens and closes all connections, alternating with the bare loop if there is a baseline.
func (r *run) connect() error {
	rounds := 1
	if r.Baseline || r.For > 10*time.Second {
		rounds = r.Pairs
	}
	var rates, cpus, bareRates, bareCPUs, ratios []float64
	all := newHistogram()
	for i := range rounds {
		r.Progress(fmt.Sprintf("round %d of %d: %d connections", i+1, rounds, r.Connections))
		o, used, err := r.connectOnce(r.server, 2*i)
		if err != nil {
			return err
		}
		all.Merge(o.Latency)
		rates = append(rates, float64(o.Opened)/o.Took.Seconds())
		cpus = append(cpus, float64(used.Microseconds())/float64(o.Opened))
		if !r.Baseline {
			continue
		}
		b, err := startBare(r.ctx, r.Binary)
		if err != nil {
			return err
		}
		o, used, err = r.connectOnce(&b.Server, 2*i+1)
		b.Stop()
		if err != nil {
			return fmt.Errorf("bare loop: %w", err)
		}
		bareRates = append(bareRates, float64(o.Opened)/o.Took.Seconds())
		bareCPUs = append(bareCPUs, float64(used.Microseconds())/float64(o.Opened))
		ratios = append(ratios, rates[i]/bareRates[i])
	}
	r.report.add("connects_per_s", "handshakes with welcome per second", median(rates), "")
	if r.server.measured() {
		r.report.add("server_cpu_per_connect", "server CPU per handshake", median(cpus), "µs")
	}
	if r.Baseline {
		r.report.add("bare_connects_per_s", "bare accept-and-upgrade loop, per second", median(bareRates), "")
		r.report.add("bare_cpu_per_connect", "bare loop's CPU per handshake", median(bareCPUs), "µs")
		r.report.add("ratio", fmt.Sprintf("rate against the bare loop, median of %d pairs", rounds), median(ratios), "×")
		r.report.pairs("handshakes per second", rates, bareRates)
	}
	r.report.latency("connect", "from when it was due until the welcome", all)
	return nil
}

func (r *run) connectOnce(s *Server, nth int) (o Opened, used time.Duration, err error) {
	args := r.args()
	args.Servers, args.Prefix, args.Named = s.URLs, fmt.Sprint(r.prefix, ".", nth), r.Layout == "own"
	if s != r.server {
		args.Peer = ""
	}
	f, err := StartFleet(r.ctx, r.Binary, args, r.Connections, nth)
	if err != nil {
		return o, 0, err
	}
	defer f.Stop()
	before := cpu(s)
	if o, err = f.Open(false, r.Dials, r.Rate); err != nil {
		return o, 0, err
	}
	used = cpu(s) - before
	seen, err := f.Count()
	r.tally(Seen{}, seen)
	time.Sleep(100 * time.Millisecond) // a connection that is cut immediately shows by now
	return o, used, err
}

// pairs plots alternating measurements of the server and the bare loop.
func (r *Report) pairs(name string, own, bare []float64) {
	points := func(v []float64) (ps [][2]float64) {
		for i := range v {
			ps = append(ps, [2]float64{float64(i + 1), v[i]})
		}
		return ps
	}
	r.Plots = append(r.Plots, Plot{Name: name, X: "pair", Y: name, Series: []PlotSeries{
		{"parley", points(own)}, {"bare loop", points(bare)}}})
}
