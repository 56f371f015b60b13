package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Tally is what a worker's readers have seen since it began.
type Tally struct {
	Counts
	Bytes    int64
	Live     int64 // open connections
	Cut      int64 // connections that ended and should not have
	Caught   int64 // readers that caught up since the last Open
	Latest   int64 // when the last of them did, in nanoseconds since 1970
	CPU      time.Duration
	Latency  *hdrhistogram.Snapshot // since the last time it was asked for
	Troubles []string
}

// Count gives the numbers without the latencies.
func (s *Swarm) Count(_ struct{}, t *Tally) error {
	s.loop.do(func() {
		*t = s.tally
		t.Troubles = append([]string(nil), s.tally.Troubles...)
	})
	t.CPU = ownCPU()
	return nil
}

// Take gives the numbers, and the latencies since the last Take.
func (s *Swarm) Take(_ struct{}, t *Tally) error {
	if err := s.Count(struct{}{}, t); err != nil {
		return err
	}
	s.loop.do(func() {
		t.Latency = s.hist.Export()
		s.hist.Reset()
	})
	return nil
}

// AwaitArgs says how far readers have to come.
type AwaitArgs struct {
	Heads   []int64 // of each channel
	Timeout time.Duration
}

// AwaitReply says how far they came.
type AwaitReply struct {
	Missing int64 // entries that did not come in time
	Ended   int64 // when the last one was there, in nanoseconds since 1970
}

// Await waits until every reader has reached its channel's head.
func (s *Swarm) Await(args AwaitArgs, reply *AwaitReply) error {
	for end := time.Now().Add(args.Timeout); ; time.Sleep(2 * time.Millisecond) {
		reply.Missing = 0
		for _, r := range s.readers {
			reply.Missing += r.track.Behind(args.Heads[r.index%s.args.Channels])
			if reply.Missing > 0 && time.Now().Before(end) {
				break
			}
		}
		reply.Ended = time.Now().UnixNano()
		if reply.Missing == 0 || time.Now().After(end) {
			return nil
		}
	}
}
