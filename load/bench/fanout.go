package bench

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// fanout and rooms differ in their layout. With a rate, the CPU per delivery is compared; without
// one, the deliveries per second.
func (r *run) fanout() error { return r.spread(orOne(r.Publishers, 1)) }

// Without a rate there must be more messages under way than rooms; otherwise each write has only
// one message.
func (r *run) rooms() error {
	if r.Rate > 0 {
		return r.spread(orOne(r.Publishers, 16))
	}
	return r.spread(orOne(r.Publishers, 100))
}

func orOne(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// contender is a server or the bare loop, with its readers.
type contender struct {
	server *Server
	fleet  *Fleet
	feed   feed
	cpus   []float64 // µs per delivery in each round
	rates  []float64
	all    round
	hist   *hdrhistogram.Histogram
	acks   *hdrhistogram.Histogram
}

func (r *run) contender(s *Server, nth int) (*contender, error) {
	args := r.args()
	args.Servers = s.URLs
	if s != r.server {
		args.Peer = ""
	}
	f, err := r.fleet(args, r.Connections, nth)
	return &contender{server: s, fleet: f, hist: newHistogram(), acks: newHistogram()}, err
}

func (c *contender) note(o round) {
	c.cpus = append(c.cpus, o.perDelivery())
	c.rates = append(c.rates, float64(o.deliveries)/o.took.Seconds())
	c.all.deliveries += o.deliveries
	c.all.took += o.took
	c.all.cpu += o.cpu
	c.all.load += o.load
	c.all.sent += o.sent
	c.hist.Merge(o.latency)
	if o.acks != nil {
		c.acks.Merge(o.acks)
	}
}

func (r *run) spread(publishers int) error {
	own, err := r.contender(r.server, 0)
	if err != nil {
		return err
	}
	defer own.fleet.Stop()
	ps, err := openPublishers(r.ctx, r.publishTo(), publishers)
	if err != nil {
		return err
	}
	defer closePublishers(ps)
	own.feed = r.publishing(ps)
	both, plan := []*contender{own}, r.plan()
	rounds := 1
	if r.Baseline {
		b, err := startBare(r.ctx, r.Binary)
		if err != nil {
			return err
		}
		defer b.Stop()
		other, err := r.contender(&b.Server, 1)
		if err != nil {
			return fmt.Errorf("bare loop: %w", err)
		}
		defer other.fleet.Stop()
		other.feed = r.writing(b)
		both, rounds = append(both, other), r.Pairs
		plan.For = max(r.For/time.Duration(r.Pairs), time.Second)
	}
	r.Progress("warming up")
	if err := r.warm(both, plan); err != nil {
		return err
	}
	for i := range rounds {
		for j, c := range both {
			r.Progress(fmt.Sprintf("round %d of %d", i+1, rounds))
			o, err := r.measure(c.server, []*Fleet{c.fleet}, plan, c.feed)
			if err != nil {
				return err
			}
			if j == 0 || o.deliveries > 0 {
				c.note(o)
			}
		}
	}
	r.spreadReport(both, plan)
	return nil
}

// warm sends a little. Its times do not count, but its deliveries are checked.
func (r *run) warm(both []*contender, plan Plan) error {
	if plan.For = 300 * time.Millisecond; plan.Rate > 0 {
		plan.For = max(plan.For, time.Duration(float64(plan.Burst)/plan.Rate*float64(time.Second)))
	}
	for _, c := range both {
		if _, err := r.measure(c.server, []*Fleet{c.fleet}, plan, c.feed); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) spreadReport(both []*contender, plan Plan) {
	own, rep := both[0], r.report
	r.costs(own.server, own.all)
	rep.add("deliveries", "deliveries measured", float64(own.all.deliveries), "")
	rep.latency("deliver", "from intended sending to delivery", own.hist)
	rep.latency("ack", "from intended sending to acknowledgement", own.acks)
	if plan.Rate > 0 {
		rep.add("beyond_commit_p99", "delivery's p99 less the acknowledgement's",
			millis(own.hist.ValueAtPercentile(99)-own.acks.ValueAtPercentile(99)), "ms")
	}
	if len(both) < 2 {
		return
	}
	bare, pairs := both[1], fmt.Sprintf("median of %d pairs", len(own.cpus))
	var cpus, rates []float64
	for i := range min(len(own.cpus), len(bare.cpus)) {
		cpus = append(cpus, own.cpus[i]/bare.cpus[i])
		rates = append(rates, own.rates[i]/bare.rates[i])
	}
	rep.add("bare_cpu_per_delivery", "bare loop's CPU per delivery", bare.all.perDelivery(), "µs")
	rep.add("bare_deliver_p50", "bare loop, delivery p50", millis(bare.hist.ValueAtPercentile(50)), "ms")
	rep.add("bare_deliver_p99", "bare loop, delivery p99", millis(bare.hist.ValueAtPercentile(99)), "ms")
	rep.add("bare_deliveries_per_s", "bare loop, deliveries per second", median(bare.rates), "")
	rep.add("ratio", "CPU per delivery against the bare loop, "+pairs, median(cpus), "×")
	if plan.Rate == 0 {
		rep.add("rate_ratio", "deliveries per second against the bare loop, "+pairs, median(rates), "×")
		rep.pairs("deliveries per second", own.rates, bare.rates)
	}
	rep.pairs("CPU per delivery, µs", own.cpus, bare.cpus)
}
