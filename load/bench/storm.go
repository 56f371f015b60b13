package bench

import (
	"fmt"
	"slices"
	"time"
)

// storm drops every connection at once while messages continue, and lets all clients reconnect at
// once with their cursors, several times: this is what happens when a node dies.
func (r *run) storm() error {
	f, err := r.fleet(r.args(), r.Connections, 0)
	if err != nil {
		return err
	}
	defer f.Stop()
	ps, err := openPublishers(r.ctx, r.publishTo(), orOne(r.Publishers, 4))
	if err != nil {
		return err
	}
	defer closePublishers(ps)
	var back, caught []float64
	overflows := listenOverflows()
	send := r.publishing(ps)
	feed := func(p Plan) (heads []int64, s *Sending, err error) {
		done := make(chan struct{})
		go func() { defer close(done); heads, s, err = send(p) }()
		for i := range r.Pairs {
			if e := r.sleep(time.Second); e != nil {
				return nil, nil, e
			}
			r.Progress(fmt.Sprintf("storm %d of %d", i+1, r.Pairs))
			opened, all, e := r.storms(f)
			if e != nil {
				return nil, nil, e
			}
			back, caught = append(back, opened.Seconds()), append(caught, all.Seconds())
		}
		<-done
		return heads, s, err
	}
	plan := r.plan()
	plan.For = max(r.For, time.Duration(r.Pairs)*4*time.Second)
	o, err := r.measure(r.server, []*Fleet{f}, plan, feed)
	if err != nil {
		return err
	}
	r.report.add("caught_up", fmt.Sprintf("until all were caught up, median of %d storms", r.Pairs), median(caught), "s")
	r.report.add("caught_up_slowest", "the slowest of them", slices.Max(caught), "s")
	if r.server.measured() { // the server runs on this machine
		r.report.add("overflows", "connections that a full accept queue delayed", float64(listenOverflows()-overflows), "")
	}
	r.report.add("reconnected", "until all were connected again", median(back), "s")
	r.report.add("reconnects_per_s", "reconnections per second", float64(r.Connections)/median(back), "")
	r.costs(r.server, o)
	r.report.latency("deliver", "from intended sending to delivery, storms included", o.latency)
	r.report.latency("ack", "from intended sending to acknowledgement", o.acks)
	return nil
}

// storms runs one storm.
func (r *run) storms(f *Fleet) (opened, all time.Duration, err error) {
	begin := time.Now()
	if err := f.Drop(1); err != nil {
		return 0, 0, err
	}
	if _, err := f.Open(true, r.Dials, 0); err != nil {
		return 0, 0, err
	}
	opened = time.Since(begin)
	latest, err := f.CatchUp(patience)
	return opened, latest.Sub(begin), err
}
