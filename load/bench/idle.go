package bench

import (
	"fmt"
	"time"
)

// warming is how many connections are opened and closed before the empty server is measured.
const warming = 100

// idle opens connections that send nothing and measures the server's memory.
func (r *run) idle() error {
	if !r.server.measured() {
		return errNoPID
	}
	args := r.args()
	args.Named = r.Layout == "own"
	// Pages of the program's file that are read on first use do not count as memory of the connections.
	first, err := r.fleet(args, warming, 0)
	if err != nil {
		return err
	}
	first.Stop()
	r.Progress("waiting for the empty server to settle")
	if err := r.sleep(min(r.Settle, 10*time.Second)); err != nil {
		return err
	}
	empty := rss(r.server)
	f, err := r.fleet(args, r.Connections, 0)
	if err != nil {
		return err
	}
	defer f.Stop()
	cpu0 := cpu(r.server)
	for left := r.Settle; left > 0; left -= time.Second {
		r.Progress(fmt.Sprintf("%d connected, the server settles: %v", r.Connections, left))
		if err := r.sleep(min(left, time.Second)); err != nil {
			return err
		}
	}
	full := rss(r.server)
	seen, err := f.Count()
	if err != nil {
		return err
	}
	r.tally(Seen{}, seen)
	if seen.Live != int64(r.Connections) {
		r.report.problem("%d of %d connections are open at the end", seen.Live, r.Connections)
	}
	r.report.add("bytes_per_connection", "server memory per connection", float64(full-empty)/float64(r.Connections), "bytes")
	r.report.add("empty_rss", "memory of the empty server", float64(empty)/(1<<20), "MiB")
	r.report.add("full_rss", fmt.Sprintf("memory %v after the last connection", r.Settle), float64(full)/(1<<20), "MiB")
	r.report.add("idle_cpu", "server CPU meanwhile", (cpu(r.server)-cpu0).Seconds()/r.Settle.Seconds(), "cores")
	return nil
}

func (r *run) sleep(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}
