package bench

import (
	"errors"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// OpenArgs says how to connect.
type OpenArgs struct {
	Resume bool    // resume from each reader's cursor, else start at the head
	Dials  int     // dials in progress at a time
	Rate   float64 // connections per second; 0: as fast as possible
}

// OpenReply is the result of an Open.
type OpenReply struct {
	Opened, Failed int
	Began, Ended   int64                  // nanoseconds since 1970
	Latency        *hdrhistogram.Snapshot // from the time a connection was due until its welcome
	Err            string                 // the first failure
}

// opening is an Open in progress; it belongs to the loop.
type opening struct {
	args  OpenArgs
	reply *OpenReply
	hist  *hdrhistogram.Histogram
	begin time.Time

	readers []*reader
	next    int // index of the next reader to dial
	under   int // dials in progress
	done    chan struct{}
}

// An Open takes at most openWithin, plus openEach per connection of the worker, plus openAmong per reader of all workers that
// connect at the same time.
const (
	openWithin = 3 * time.Minute
	openEach   = 20 * time.Millisecond
	openAmong  = time.Millisecond
)

// Open connects every reader that has no connection, once, and returns when each has been welcomed or
// has failed.
func (s *Swarm) Open(args OpenArgs, reply *OpenReply) error {
	args.Dials = max(args.Dials, 1)
	o := &opening{args: args, reply: reply, hist: newHistogram(), done: make(chan struct{})}
	s.loop.do(func() {
		o.begin = time.Now()
		o.readers = slices.DeleteFunc(slices.Clone(s.readers), func(r *reader) bool { return r.fd >= 0 })
		if s.args.Common { // so that the readers of all workers connect to few servers at a time
			slices.SortStableFunc(o.readers, func(a, b *reader) int { return a.place() - b.place() })
		}
		reply.Began = o.begin.UnixNano()
		s.tally.Caught, s.tally.Latest, s.opened = 0, 0, 0
		s.opening = o
		o.turn(s, o.begin)
	})
	<-o.done
	reply.Ended = time.Now().UnixNano()
	reply.Latency = o.hist.Export()
	return nil
}

// turn dials the readers that are due, up to the limit on concurrent dials.
func (o *opening) turn(s *Swarm, now time.Time) {
	for o.next < len(o.readers) && o.under < o.args.Dials {
		due := now
		if o.args.Rate > 0 {
			due = o.begin.Add(time.Duration(float64(o.next) / o.args.Rate * float64(time.Second)))
			if due.After(now) {
				return
			}
		}
		r := o.readers[o.next]
		o.next++
		o.under++
		hello := r.begin(due, o.args.Resume)
		if err := s.loop.dial(r, r.target.addr, s.source, hello); err != nil {
			o.failed(err)
		}
	}
	if now.Sub(o.begin) > openWithin+time.Duration(len(o.readers))*openEach+time.Duration(s.args.Readers)*openAmong {
		for _, r := range o.readers {
			if r.fd >= 0 && !r.welcomed {
				s.loop.close(r)
				o.failed(errors.New("no welcome in time"))
			}
		}
		o.reply.Failed += len(o.readers) - o.next
		o.next = len(o.readers)
	}
	if o.next == len(o.readers) && o.under == 0 {
		s.opening = nil
		close(o.done)
	}
}

func (o *opening) arrived(s *Swarm, r *reader) {
	o.under--
	o.reply.Opened++
	s.opened++
	now := time.Now()
	record(o.hist, int64(now.Sub(r.due)))
	if o.args.Rate == 0 {
		o.turn(s, now)
	}
}

func (o *opening) failed(err error) {
	o.under--
	o.reply.Failed++
	if o.reply.Err == "" {
		o.reply.Err = err.Error()
	}
}
