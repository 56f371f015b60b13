package cassandra

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"golang.org/x/sync/errgroup"

	"github.com/parley-server/parley"
)

// Store is one node's access to a store in Cassandra.
type Store struct {
	// fixed after construction
	session *gocql.Session
	serial  gocql.Consistency
	cfg     Config
	epoch   string
	size    int64 // ids of a bucket
	faults  faults
	locks   locks

	compares bool         // whether the clocks of this node and of Cassandra are compared
	skew     atomic.Int64 // between them, in nanoseconds; 0: they agree

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup            // in flight
	heads  map[parley.ChannelID]head // from own batches and SERIAL reads; changed only under the channel's lock
	grown  map[parley.ChannelID]bool // to which this node has appended since they were trimmed
}

var (
	_ parley.Store  = (*Store)(nil)
	_ parley.Outbox = (*Store)(nil)
)

// faults are injected by tests around a conditional batch. The zero value does nothing.
type faults struct {
	before func(parley.ChannelID) error // an error: the batch is not sent
	after  func(parley.ChannelID) error // an error replaces the response
}

// Open connects to a store that has a schema of this version.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.KeyRetention <= 0 {
		cfg.KeyRetention = defaultKeyRetention
	}
	if cfg.SweepEvery <= 0 {
		cfg.SweepEvery = defaultSweep
	}
	if cfg.wall == nil {
		cfg.wall = time.Now
	}
	compares := cfg.Clock == nil
	if compares {
		cfg.Clock = cfg.wall
	}
	is, err := Inspect(ctx, cfg)
	switch {
	case err != nil:
		return nil, err
	case is.Version == 0:
		return nil, fmt.Errorf("%s: %w", is.Keyspace, ErrNoSchema)
	case is.Version < is.Latest:
		return nil, fmt.Errorf("%s has version %d of the schema, and this program uses %d: %w", is.Keyspace, is.Version, is.Latest, ErrOlder)
	case is.Version > is.Latest:
		return nil, fmt.Errorf("%s has version %d of the schema, and this program uses %d: %w", is.Keyspace, is.Version, is.Latest, ErrNewer)
	case is.Bucket <= 0 || is.Epoch == "":
		return nil, fmt.Errorf("the schema of %s is damaged: %+v", is.Keyspace, is)
	}
	p, err := parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	p.observe = cfg.Observe
	session, err := p.connect(p.keyspace, queryTimeout)
	if err != nil {
		return nil, fmt.Errorf("use the keyspace %s: %w", p.keyspace, err)
	}
	s := &Store{session: session, serial: p.serial, cfg: cfg, epoch: is.Epoch, size: is.Bucket,
		locks: locks{of: map[string]*lock{}}, heads: map[parley.ChannelID]head{}, grown: map[parley.ChannelID]bool{},
		compares: compares}
	if err := s.compareClocks(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("use the keyspace %s: %w", p.keyspace, err), s.Close())
	}
	return s, nil
}

// Promise says what an acknowledgment guarantees.
func (s *Store) Promise() string {
	return "written by a majority of the replicas before it is acknowledged; each syncs its commit log as it is configured to"
}

// Ready returns the reason why the store accepts no messages now, as a conditional write needs a majority of the replicas,
// or why an operator must act: the clocks differ.
func (s *Store) Ready(ctx context.Context) error {
	return s.in(ctx, func() error {
		_, err := s.headFrom(ctx, "$control", 0, func(statement string, args ...any) *gocql.Query {
			return s.session.Query(statement, args...).Consistency(s.serial)
		})
		return errors.Join(err, s.skewed())
	}, "read from Cassandra")
}

// Close implements parley.Log.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if !was {
		s.calls.Wait()
		s.session.Close()
	}
	return nil
}

// begin admits a call, which ends by s.calls.Done.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return parley.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

// in calls do while the store is open, and wraps its error with the operation.
func (s *Store) in(ctx context.Context, do func() error, what string, args ...any) error {
	err := s.begin(ctx)
	if err == nil {
		err = do()
		s.calls.Done()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", fmt.Sprintf(what, args...), err)
	}
	return nil
}

// retries of statements that may be executed twice.
var (
	retries    gocql.RetryPolicy = &gocql.SimpleRetryPolicy{NumRetries: 2}
	speculates                   = &gocql.SimpleSpeculativeExecution{NumAttempts: 1, TimeoutDelay: speculateAfter}
)

// read is a query that changes nothing.
func (s *Store) read(statement string, args ...any) *gocql.Query {
	return s.session.Query(statement, args...).Idempotent(true).RetryPolicy(retries).SetSpeculativeExecutionPolicy(speculates)
}

// linear is a read that sees every conditional write that may have been made, and completes those in
// flight.
func (s *Store) linear(statement string, args ...any) *gocql.Query {
	return s.session.Query(statement, args...).Idempotent(true).RetryPolicy(retries).SetSpeculativeExecutionPolicy(speculates).
		Consistency(s.serial)
}

// write makes a plain write that may be executed twice.
func (s *Store) write(ctx context.Context, statement string, args ...any) error {
	return s.session.Query(statement, args...).Idempotent(true).RetryPolicy(retries).ExecContext(ctx)
}

// one scans the row of a query. found is false if there is none.
func one(ctx context.Context, q *gocql.Query, into ...any) (found bool, err error) {
	err = q.ScanContext(ctx, into...)
	if errors.Is(err, gocql.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// together is how many statements of one call are in flight at a time.
const together = 32

// each calls do for 0…n-1, several at a time.
func each(n int, do func(i int) error) error {
	if n == 1 {
		return do(0)
	}
	var g errgroup.Group
	g.SetLimit(together)
	for i := range n {
		g.Go(func() error { return do(i) })
	}
	return g.Wait()
}

// keeps returns the retention of a channel without settings.
func (s *Store) keeps(channel parley.ChannelID) parley.Retention {
	if s.cfg.RetentionOf != nil {
		if of := s.cfg.RetentionOf(channel); of != (parley.Retention{}) {
			return of
		}
	}
	return s.cfg.Retention
}
