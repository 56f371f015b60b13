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

// Await waits until every reader has reached its channel's head, as long as any reader that is
// behind is still connected.
func (s *Swarm) Await(args AwaitArgs, reply *AwaitReply) error {
	for end := time.Now().Add(args.Timeout); ; time.Sleep(2 * time.Millisecond) {
		late, hope := time.Now().After(end), false
		s.loop.do(func() { reply.Missing, hope = s.behind(args.Heads, late) })
		reply.Ended = time.Now().UnixNano()
		if late || reply.Missing == 0 || !hope {
			return nil
		}
	}
}

// behind counts missing entries. hope reports whether a reader that is behind may still receive
// them; unless all is set, counting then stops early.
func (s *Swarm) behind(heads []int64, all bool) (missing int64, hope bool) {
	for _, r := range s.readers {
		n := r.track.Behind(heads[r.index%s.args.Channels])
		if s.args.Common && len(heads) > s.args.Channels {
			n += r.common.Behind(heads[s.args.Channels])
		}
		missing += n
		hope = hope || n > 0 && r.fd >= 0
		if hope && !all {
			break
		}
	}
	return missing, hope
}
