package nats

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
)

// Store implements parley.Presence and parley.Once in JetStream, 2.11 or newer.
//
// Presence is a stream of operations, which each node reads and applies to its own roll (replica.go, roll.go): a beat is
// one message, however many users it renews, and a question is answered from memory once the node has applied everything
// that was stored before it. The stream defines the order and the times of the operations, so all rolls are the same, and
// what one operation takes goes to one caller. The stream is in NATS's memory: what it loses, nodes write again with their
// next beat.
type Store struct {
	// fixed after construction
	conn    *nats.Conn
	js      jetstream.JetStream
	prefix  string
	author  string // of this handle's operations
	streams []jetstream.StreamConfig
	stop    context.CancelFunc
	running sync.WaitGroup

	numbers atomic.Int64 // of operations
	replica replica
}

var (
	_ parley.Presence = (*Store)(nil)
	_ parley.Once     = (*Store)(nil)
)

// callTime limits a call, whatever its context.
const callTime = 5 * time.Second

// maxSigns is how many bytes of last sightings are kept for nodes that start.
const maxSigns = 16 << 20

// Open connects to JetStream and creates the missing streams.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	o, prefix, err := cfg.options()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Store{prefix: prefix, author: rand.Text()}
	s.replica.init()
	s.streams = []jetstream.StreamConfig{
		{Name: prefix + "-presence", Subjects: []string{prefix + ".presence.>"}, Storage: jetstream.MemoryStorage},
		{Name: prefix + "-seen", Subjects: []string{prefix + ".seen"}, MaxBytes: maxSigns},
		{Name: prefix + "-once", Subjects: []string{prefix + ".once.>"}, AllowMsgTTL: true},
	}
	o.ReconnectedCB = func(*nats.Conn) { s.replica.restart() } // the stream may be another
	if s.conn, err = o.Connect(); err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", where(&o), err)
	}
	if s.js, err = jetstream.New(s.conn); err == nil {
		err = s.make(ctx)
	}
	if err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("use JetStream of NATS at %s: %w", where(&o), err)
	}
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(func() { s.follow(run) })
	return s, nil
}

// Close closes the connection.
func (s *Store) Close() error {
	s.stop()
	s.running.Wait()
	s.conn.Close()
	return nil
}

// make creates the missing streams, on three servers of a cluster, else on one.
func (s *Store) make(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for _, cfg := range s.streams {
		_, err := s.js.Stream(ctx, cfg.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			for _, cfg.Replicas = range []int{3, 1} {
				if _, err = s.js.CreateStream(ctx, cfg); err == nil || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
					err = nil
					break
				}
			}
		}
		if err != nil {
			return fmt.Errorf("make the stream %s: %w", cfg.Name, err)
		}
	}
	return nil
}

// begin limits a call and refuses it at once while NATS is down.
func (s *Store) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if !s.conn.IsConnected() {
		return nil, nil, fmt.Errorf("not connected to NATS at %s", where(&s.conn.Opts))
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	return ctx, cancel, nil
}

// publish stores a message, and creates the streams first if NATS has lost them.
func (s *Store) publish(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (seq uint64, err error) {
	for try := 0; ; try++ {
		ack, err := s.js.PublishMsg(ctx, m, append(opts, jetstream.WithRetryAttempts(0))...)
		if err == nil {
			return ack.Sequence, nil
		}
		// A missing stream, or a cluster that is electing its leader, does not respond.
		if !errors.Is(err, jetstream.ErrNoStreamResponse) && !errors.Is(err, nats.ErrNoResponders) {
			return 0, err
		}
		if bad := s.make(ctx); bad != nil && !errors.Is(bad, nats.ErrNoResponders) || !backoff.Wait(ctx, try) {
			return 0, errors.Join(err, bad)
		}
	}
}
