package bench

// catchup puts messages into every room while one reader in each keeps the room's recent bytes in
// memory, then lets all readers start at once from the beginning.
func (r *run) catchup() error {
	args := r.args()
	keepers, err := r.fleet(args, args.Channels, 1)
	if err != nil {
		return err
	}
	defer keepers.Stop()
	many := args
	many.Transport, many.Many = "websocket", true
	f, err := r.fleet(many, r.Connections, 0)
	if err != nil {
		return err
	}
	defer f.Stop()
	ps, err := openPublishers(r.ctx, r.publishTo(), orOne(r.Publishers, 8))
	if err != nil {
		return err
	}
	defer closePublishers(ps)
	plan := r.plan()
	plan.Rate, plan.Each = 0, r.Behind
	r.Progress("putting messages into the rooms")
	var heads []int64
	send := r.publishing(ps)
	if _, err := r.measure(r.server, []*Fleet{keepers}, plan, func(p Plan) ([]int64, *Sending, error) {
		h, s, err := send(p)
		heads = h
		return h, s, err
	}); err != nil {
		return err
	}
	r.Progress("all readers begin")
	o, err := r.measure(r.server, []*Fleet{f}, plan, func(Plan) ([]int64, *Sending, error) { return heads, nil, f.Subscribe() })
	if err != nil {
		return err
	}
	r.report.add("caught_up", "until all were caught up", o.took.Seconds(), "s")
	r.costs(r.server, o)
	return nil
}
