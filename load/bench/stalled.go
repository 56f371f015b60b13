package bench

import "fmt"

// stalled measures whether readers that stop reading cost the others anything: rounds with and
// without as many stalled readers in the same rooms alternate.
func (r *run) stalled() error {
	live, err := r.fleet(r.args(), r.Connections, 0)
	if err != nil {
		return err
	}
	defer live.Stop()
	ps, err := openPublishers(r.ctx, r.publishTo(), orOne(r.Publishers, 16))
	if err != nil {
		return err
	}
	defer closePublishers(ps)
	send := r.publishing(ps)
	if err := r.warm([]*contender{{server: r.server, fleet: live, feed: send}}, r.plan()); err != nil {
		return err
	}
	var without, with, grown []float64
	var all round
	for i := range r.Pairs {
		r.Progress(fmt.Sprintf("pair %d of %d, all read", i+1, r.Pairs))
		o, err := r.measure(r.server, []*Fleet{live}, r.plan(), send)
		if err != nil {
			return err
		}
		without = append(without, millis(o.latency.ValueAtPercentile(99)))
		args := r.args()
		args.Stalled = true
		others, err := r.fleet(args, r.Connections, 1)
		if err != nil {
			return err
		}
		before := rss(r.server)
		all, err = r.measure(r.server, []*Fleet{live}, r.plan(), send)
		grown = append(grown, float64(rss(r.server)-before)/(1<<20))
		others.Stop()
		if err != nil {
			return err
		}
		with = append(with, millis(all.latency.ValueAtPercentile(99)))
	}
	pairs := fmt.Sprintf("median of %d pairs", r.Pairs)
	var ratios []float64
	for i := range with {
		ratios = append(ratios, with[i]/without[i])
	}
	r.report.add("p99_all_read", "delivery p99 while all read, "+pairs, median(without), "ms")
	r.report.add("p99_stalled", fmt.Sprintf("delivery p99 beside %d stalled readers", r.Connections), median(with), "ms")
	r.report.add("p99_ratio", "the second against the first, "+pairs, median(ratios), "×")
	r.report.add("missed", "what stalled readers missed in a round", float64(all.deliveries)*float64(r.Size)/(1<<20), "MiB")
	r.report.add("grown", "by how much the server's memory grew meanwhile", median(grown), "MiB")
	r.report.pairs("delivery p99, ms", with, without)
	r.costs(r.server, all)
	return nil
}
