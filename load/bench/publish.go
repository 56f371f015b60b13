package bench

import (
	"fmt"
	"os"
	"time"
)

// publish keeps many messages of each publisher under way, each acknowledged when it is durable,
// and shows what the disk can do at the same time.
func (r *run) publish() error {
	n := orOne(r.Publishers, 100)
	ps, err := openPublishers(r.ctx, r.publishTo(), n)
	if err != nil {
		return err
	}
	defer closePublishers(ps)
	r.Progress("measuring the disk")
	before, err := syncRate(r.dataDir())
	if err != nil {
		return err
	}
	plan := r.plan()
	plan.Channel = orOne(r.Rooms, 1000)
	cpu0, own0 := cpu(r.server), ownCPU()
	r.Progress(fmt.Sprintf("%d publishers, %d messages under way each, for %v", n, plan.Window, plan.For))
	s := NewSending(plan, nil)
	err = s.Run(r.ctx, ps)
	r.note(s)
	if err != nil {
		return err
	}
	used, own := cpu(r.server)-cpu0, ownCPU()-own0
	var stored int64
	for _, head := range s.Heads() {
		stored += head
	}
	if stored != s.acked.Load() {
		r.report.problem("%d messages were acknowledged, the ids say %d", s.acked.Load(), stored)
	}
	after, err := syncRate(r.dataDir())
	if err != nil {
		return err
	}
	took := s.lastAck.Sub(s.began).Seconds()
	acked := float64(s.acked.Load())
	r.report.add("acked_per_s", "acknowledged messages per second", acked/took, "")
	r.report.add("fdatasync_per_s", "the disk's bare fdatasync, 32 KiB each", (before+after)/2, "per s")
	r.report.add("ratio", "messages per fdatasync that the disk could do", acked/took/((before+after)/2), "")
	if r.server.measured() {
		r.report.add("server_cpu_per_message", "server CPU per message", float64(used.Microseconds())/acked, "µs")
		r.report.add("server_cpu", "server CPU", used.Seconds()/took, "cores")
	}
	r.report.add("publisher_cpu", "publishers' CPU", own.Seconds()/took, "cores")
	r.report.latency("ack", "from sending to acknowledgement", s.hist)
	return nil
}

// syncRate is how many times per second 32 KiB can be overwritten and synced.
func syncRate(dir string) (float64, error) {
	f, err := os.CreateTemp(dir, "syncs-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 32<<10)
	n, begin := 0, time.Now()
	for time.Since(begin) < 500*time.Millisecond {
		if _, err := f.WriteAt(block, int64(n%128)*int64(len(block))); err != nil {
			return 0, err
		}
		if err := fdatasync(f); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(begin).Seconds(), nil
}
