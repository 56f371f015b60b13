package bench

// mixed has subscribers to one channel over each streaming transport.
func (r *run) mixed() error {
	var fleets []*Fleet
	transports := []string{"websocket", "sse"}
	for i, t := range transports {
		args := r.args()
		args.Transport = t
		f, err := r.fleet(args, r.Connections, i)
		if err != nil {
			return err
		}
		defer f.Stop()
		fleets = append(fleets, f)
	}
	ps, err := openPublishers(r.ctx, r.publishTo(), orOne(r.Publishers, 1))
	if err != nil {
		return err
	}
	defer closePublishers(ps)
	send := r.publishing(ps)
	o, err := r.measure(r.server, fleets, r.plan(), send)
	if err != nil {
		return err
	}
	acks := o.acks.ValueAtPercentile(99)
	for i, t := range transports {
		h := o.each[i]
		r.report.latency(t, "delivery over "+t, h)
		r.report.add(t+"_beyond_commit_p99", "delivery over "+t+", p99 less the acknowledgement's", millis(h.ValueAtPercentile(99)-acks),
			"ms")
	}
	r.report.latency("ack", "acknowledgement", o.acks)
	syncs, err := syncRate(r.dataDir())
	r.report.add("fdatasync_per_s", "the disk's bare fdatasync, 32 KiB each", syncs, "per s")
	r.costs(r.server, o)
	return err
}
