package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Tally is what a worker's readers have seen since it started.
type Tally struct {
	Counts
	Bytes    int64
	Live     int64 // open connections
	Cut      int64 // connections that ended unexpectedly
	Left     int64 // connections that ended with the server that was killed
	Caught   int64 // readers that caught up since the last Open
	Latest   int64 // when the last of them did, in nanoseconds since 1970
	CPU      time.Duration
	Latency  *hdrhistogram.Snapshot // since the last Take
	Troubles []string
}

// Count returns the numbers without the latencies.
func (s *Swarm) Count(_ struct{}, t *Tally) error {
	s.loop.do(func() {
		*t = s.tally
		t.Troubles = append([]string(nil), s.tally.Troubles...)
	})
	t.CPU = ownCPU()
	return nil
}

// Take returns the numbers, and the latencies since the last Take.
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

// AwaitArgs says how far readers must get.
type AwaitArgs struct {
	Heads   []int64 // of each channel
	Timeout time.Duration
}

// AwaitReply says how far they got.
type AwaitReply struct {
	Missing int64 // entries that did not arrive in time
	Ended   int64 // when the last one arrived, in nanoseconds since 1970
}

// Await waits until every reader that is connected has reached its channel's head.
func (s *Swarm) Await(args AwaitArgs, reply *AwaitReply) error {
	s.until(args.Timeout, func() {
		s.heads, s.late, s.progress = args.Heads, 0, time.Now().UnixNano()
		for _, r := range s.readers {
			if r.late = r.fd >= 0 && r.behind(args.Heads) > 0; r.late {
				s.late++
			}
		}
	}, func() bool { return s.late == 0 })
	s.loop.do(func() {
		reply.Ended = s.progress
		for _, r := range s.readers {
			reply.Missing += r.behind(args.Heads)
			r.late = false
		}
	})
	return nil
}

// behind counts the entries up to the channels' heads that the reader has not reached.
func (r *reader) behind(heads []int64) int64 {
	n := r.track.Behind(heads[r.index%r.swarm.args.Channels])
	if r.swarm.args.Common && len(heads) > r.swarm.args.Channels {
		n += r.common.Behind(heads[r.swarm.args.Channels])
	}
	return n
}

// progressed notes that a reader for which Await waits has received an entry.
func (s *Swarm) progressed(r *reader, now int64) {
	if s.progress = now; r.behind(s.heads) == 0 {
		s.givenUp(r)
	}
}

// givenUp lets Await wait for a reader no longer.
func (s *Swarm) givenUp(r *reader) {
	if r.late {
		r.late = false
		s.late--
	}
}

// CaughtReply says how many of the readers that the last Open connected have what they had missed.
type CaughtReply struct {
	Opened, Caught int64
	Latest         int64 // when the last of them had, in nanoseconds since 1970
}

// CatchUp waits until all of them have.
func (s *Swarm) CatchUp(timeout time.Duration, reply *CaughtReply) error {
	s.until(timeout, func() {}, func() bool { return s.tally.Caught >= s.opened })
	s.loop.do(func() { *reply = CaughtReply{s.opened, s.tally.Caught, s.tally.Latest} })
	return nil
}

// until calls begin and then waits until a condition is met or the time is over. The loop checks the condition whenever
// it has served its connections: many workers that poll take CPU time from what they measure.
func (s *Swarm) until(timeout time.Duration, begin func(), met func() bool) {
	done := make(chan struct{})
	s.loop.do(func() {
		begin()
		s.condition, s.met = met, done
	})
	select {
	case <-done:
	case <-time.After(timeout):
		s.loop.do(func() { s.condition = nil })
	}
}

// check ends a wait whose condition is met.
func (s *Swarm) check() {
	if s.condition != nil && s.condition() {
		close(s.met)
		s.condition = nil
	}
}
