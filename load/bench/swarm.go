package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// SwarmArgs describes a worker's readers.
type SwarmArgs struct {
	Servers   []string // each reader uses them in turn, one per connection
	Transport string
	Worker    int    // number of the worker; chooses its source address
	Prefix    string // of the channels' names
	First     int    // place of its first reader among all readers
	Count     int
	Channels  int  // reader i follows channel i modulo this
	Named     bool // each reader is a separate user; otherwise all are guests
	Stalled   bool // nothing is read after the welcome
	Many      bool // WebSockets that follow any number of channels, at first none
	Common    bool // each WebSocket follows its channel and the channel with the number Channels
	Readers   int  // with Common: readers of all workers; those of a channel are in one worker and start on several servers
	PollEvery time.Duration
	Peer      string // another server's dialect; empty: parley's
}

func (a *SwarmArgs) channel(i int) string { return channelName(a.Prefix, i%a.Channels) }

// indexOf is the index of the reader in a place. With Common, the readers of a channel have adjacent places, so that a
// message concerns few workers.
func (a *SwarmArgs) indexOf(place int) int {
	if !a.Common {
		return place
	}
	each, more := a.Readers/a.Channels, a.Readers%a.Channels // the first channels have one more reader
	if full := more * (each + 1); place >= full {
		return (place-full)%each*a.Channels + more + (place-full)/each
	}
	return place%(each+1)*a.Channels + place/(each+1)
}

func (a *SwarmArgs) polls() bool { return a.Transport == "long-poll" || a.Transport == "poll" }

// common is the channel that all follow in addition to their own.
func (a *SwarmArgs) common() string { return channelName(a.Prefix, a.Channels) }

func channelName(prefix string, n int) string { return prefix + "." + strconv.Itoa(n) }

// Swarm is the readers of one worker process. All its state belongs to its loop; the methods with
// args and a reply are called by net/rpc and run on the loop.
type Swarm struct {
	loop    *loop
	args    SwarmArgs
	common  []byte // the channel field in frames of the common channel
	targets []target
	source  netip.Addr
	readers []*reader

	tally   Tally
	hist    *hdrhistogram.Histogram // from the intended time to the delivery
	opening *opening                // none in progress
	dying   target                  // connections to it may end
	waiting []*reader               // short polls, in the order of their due times
	opened  int64                   // readers that the last Open has connected

	heads     []int64       // of the channels, for Await
	late      int           // readers for which Await waits
	progress  int64         // when one of them last received something, in nanoseconds since 1970
	condition func() bool   // for which until waits; nil for none
	met       chan struct{} // closed when it is met
}

// newHistogram records nanoseconds from 1 µs to 5 minutes with two digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1000, int64(5*time.Minute), 2)
}

// record also accepts values outside the histogram's range.
func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns, h.LowestTrackableValue()), h.HighestTrackableValue()))
}

// NewSwarm creates a Swarm without readers.
func NewSwarm() (*Swarm, error) {
	l, err := newLoop()
	return &Swarm{loop: l, hist: newHistogram()}, err
}

// Start creates the readers, without connections.
func (s *Swarm) Start(args SwarmArgs, _ *struct{}) (err error) {
	targets, err := parseTargets(args.Servers)
	if err != nil {
		return err
	}
	s.loop.do(func() {
		s.args, s.targets, s.source = args, targets, targets[0].source(args.Worker)
		s.common = fmt.Appendf(nil, `"channel":%q`, args.common())
		s.readers = make([]*reader, args.Count)
		for i := range s.readers {
			s.readers[i] = &reader{swarm: s, index: args.indexOf(args.First + i), fd: -1}
		}
	})
	return nil
}

// turn does what is due and reports whether more will be due soon.
func (s *Swarm) turn() bool {
	now := time.Now()
	defer s.check()
	if s.opening != nil {
		s.opening.turn(s, now)
	}
	for len(s.waiting) > 0 && !s.waiting[0].due.After(now) {
		r := s.waiting[0]
		s.waiting = s.waiting[1:]
		if r.fd >= 0 {
			r.ask()
			s.loop.flush(r)
		}
	}
	return s.opening != nil && s.opening.args.Rate > 0 || len(s.waiting) > 0 // otherwise arriving welcomes trigger the next dials
}

// later schedules a reader's next short poll.
func (s *Swarm) later(r *reader) {
	r.due = time.Now().Add(s.args.PollEvery)
	s.waiting = append(s.waiting, r)
}

// arrived notes that a reader has been welcomed.
func (s *Swarm) arrived(r *reader) {
	s.tally.Live++
	if s.args.Stalled {
		s.loop.ignore(r)
	}
	if s.opening != nil {
		s.opening.arrived(s, r)
	}
}

// broken notes that a connection ended unexpectedly.
func (s *Swarm) broken(r *reader, err error) {
	if r.fd < 0 {
		return
	}
	s.givenUp(r)
	s.loop.close(r)
	err = fmt.Errorf("reader %d: %w", r.index, err)
	if s.opening != nil && !r.welcomed {
		s.opening.failed(err)
		return
	}
	s.tally.Live--
	if r.target == s.dying {
		s.tally.Left++
		return
	}
	s.tally.Cut++
	s.trouble(err)
}

// trouble keeps the first few things that went wrong.
func (s *Swarm) trouble(err error) {
	if len(s.tally.Troubles) < 5 {
		s.tally.Troubles = append(s.tally.Troubles, err.Error())
	}
}

// Drop closes the connection of every reader, or of every each-th one, at once.
func (s *Swarm) Drop(each int, _ *struct{}) error {
	s.loop.do(func() {
		for _, r := range s.readers {
			if r.index%each == 0 && r.fd >= 0 {
				s.givenUp(r)
				s.loop.close(r)
				s.tally.Live--
			}
		}
		s.waiting = slices.DeleteFunc(s.waiting, func(r *reader) bool { return r.fd < 0 })
	})
	return nil
}

// Expect lets connections to a server end without counting that as a problem.
func (s *Swarm) Expect(server string, _ *struct{}) error {
	dying, err := parseTarget(server)
	s.loop.do(func() { s.dying = dying })
	return err
}

// Subscribe lets every reader of a Many swarm follow its channel from the beginning.
func (s *Swarm) Subscribe(_ struct{}, _ *struct{}) (err error) {
	s.loop.do(func() {
		for _, r := range s.readers {
			if r.fd < 0 {
				err = errors.New("a reader is not connected")
				return
			}
			r.say(`{"type":"subscribe","channel":"` + s.args.channel(r.index) + `","after":0}`)
			s.loop.flush(r)
		}
	})
	return err
}
