package nats

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-server/parley/internal/backoff"
)

// replica is a node's roll, and how far in the stream it has come:
//
//	begin ──▶ from the first message that is kept ──each in its order──▶ as far as the stream
//	  ▲                                                                       │
//	  └── a message was missed, the connection was made again, the stream is another
//
// It always begins from nothing: what was purged meanwhile says nothing any more, but a roll that has applied some of
// it would be another than those of other nodes.
type replica struct {
	again chan struct{} // holds a token if it must begin again

	mu      sync.Mutex
	roll    *roll
	stream  time.Time // when the stream that it reads was created
	applied uint64    // the sequence of the last operation
	moved   chan struct{}
	waiting map[int64]chan answer // by the number of an operation; each takes one answer
}

func (r *replica) init() {
	r.again, r.moved = make(chan struct{}, 1), make(chan struct{})
	r.roll, r.waiting = newRoll(), map[int64]chan answer{}
}

// restart makes the replica start over.
func (r *replica) restart() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// begin clears the roll. seen are the last sightings that earlier nodes have left.
func (r *replica) begin(stream time.Time, seen []sign) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.roll.seen
	r.roll, r.stream, r.applied = newRoll(), stream, 0
	r.roll.seen = known
	for _, s := range seen {
		r.roll.seen.Note(s.user, s.at)
	}
}

// apply applies a message of the stream.
func (r *replica) apply(author string, data []byte, seq uint64, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o, err := decodeOperation(data); err == nil { // one of a later version is of a node that this one does not count
		_, own := r.waiting[o.number]
		own = own && o.author == author && !o.more
		if a := r.roll.apply(&o, len(data), seq, micros(at), own); own {
			r.waiting[o.number] <- a
			delete(r.waiting, o.number)
		}
	}
	r.applied = seq
	close(r.moved)
	r.moved = make(chan struct{})
}

// expect returns the channel of the answer to an operation, which must be forgotten afterwards.
func (r *replica) expect(number int64) <-chan answer {
	c := make(chan answer, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[number] = c
	return c
}

func (r *replica) forget(number int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, number)
}

// ask calls question with the roll once it has applied what the stream had.
func (r *replica) ask(ctx context.Context, was *jetstream.StreamInfo, question func(*roll)) error {
	for {
		r.mu.Lock()
		same := r.stream.Equal(was.Created)
		if same && (r.applied >= was.State.LastSeq || was.State.Msgs == 0) {
			question(r.roll)
			r.mu.Unlock()
			return nil
		}
		moved := r.moved
		r.mu.Unlock()
		if !same {
			r.restart()
		}
		select {
		case <-moved:
		case <-time.After(sameAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sameAgain is how often a question checks whether the replica reads the current stream.
const sameAgain = 50 * time.Millisecond

// follow keeps the replica up to date until ctx ends.
func (s *Store) follow(ctx context.Context) {
	for try := 0; ctx.Err() == nil; try++ {
		if try > 0 && !backoff.Wait(ctx, try-1) {
			return
		}
		some, err := s.read(ctx)
		if some || err == nil {
			try = 0
		}
	}
}

// heartbeat is how often the server reports that it has nothing.
const heartbeat = 2 * time.Second

// read reads the stream from its first message until an error. some reports whether it has caught up with the
// stream.
func (s *Store) read(ctx context.Context) (some bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	soon, cancel := context.WithTimeout(ctx, 2*callTime)
	defer cancel()
	if err := s.make(soon); err != nil {
		return false, err
	}
	seen, err := s.signs(soon)
	if err != nil {
		return false, err
	}
	stream, err := s.js.Stream(soon, s.streams[0].Name)
	if err != nil {
		return false, err
	}
	select { // earlier requests to start over are done
	case <-s.replica.again:
	default:
	}
	c, err := stream.CreateConsumer(soon, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1,
		InactiveThreshold: 10 * heartbeat})
	if err != nil {
		return false, err
	}
	messages, err := c.Messages(jetstream.PullHeartbeat(heartbeat), jetstream.PullExpiry(5*heartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return false, err
	}
	defer messages.Stop()
	s.replica.begin(stream.CachedInfo().Created, seen)
	go func() {
		select {
		case <-s.replica.again:
			stop()
		case <-ctx.Done():
		}
	}()
	for next := uint64(1); ; next++ {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return some, err
		}
		at, err := m.Metadata()
		if err != nil {
			return some, err
		}
		if at.Sequence.Consumer != next {
			return some, errors.New("a message of the stream was missed")
		}
		s.replica.apply(s.author, m.Data(), at.Sequence.Stream, at.Timestamp)
		some = some || at.NumPending == 0
	}
}

// signs reads the last sightings that nodes have left.
func (s *Store) signs(ctx context.Context) (all []sign, err error) {
	stream, err := s.js.Stream(ctx, s.streams[1].Name)
	if err != nil || stream.CachedInfo().State.Msgs == 0 {
		return nil, err
	}
	c, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	messages, err := c.Messages()
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		if some, err := decodeSigns(m.Data()); err == nil {
			all = append(all, some...)
		}
		if at, err := m.Metadata(); err != nil || at.NumPending == 0 {
			return all, err
		}
	}
}
