package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"parley"
	"parley/internal/clock"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	_ parley.Log       = (*Log)(nil)
	_ parley.Directory = (*Log)(nil)
	_ parley.Roster    = (*Log)(nil)
	_ parley.Index     = (*Log)(nil)
	_ parley.Reactions = (*Log)(nil)

	_ parley.Revocations = (*Log)(nil)
)

// Log is the embedded store. It takes appends while Run runs, and serves reads
// from Open to Close.
type Log struct {
	// fixed after construction
	cfg   Config
	aged  func() time.Time // what ages are compared with
	dir   *directory
	db    *table
	rows  *getters // of db, for those who are not writing
	epoch string
	heads *heads

	configured *configured
	queue      *queue
	space      *space
	trims      *trims
	gate       gate // of calls that use db

	applied atomic.Uint64        // number of the last batch that reads of db see
	recent  recent               // owned by the builder, like
	members map[user]parley.Role // of some who posted

	running atomic.Bool
	ran     chan struct{}         // closed by Run when it returns
	broken  atomic.Pointer[error] // why nothing is written any more, by builder or completer

	closing sync.Once
	closed  error // of Close; read after closing
}

// Open opens the store in dir, and makes it if there is none. What a crash has
// left behind is repaired and said in the log. The error wraps ErrInUse if
// another process, which it names, has the directory open.
func Open(dir string, cfg Config) (*Log, error) {
	l, err := open(dir, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", dir, err)
	}
	return l, nil
}

func open(dir string, cfg Config) (_ *Log, err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return nil, err
	}
	d, err := openDirectory(dir, cfg)
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, aged: clock.Earlier(cfg.Clock), dir: d, heads: newHeads(cfg.MaxHeads), queue: newQueue(), ran: make(chan struct{}), configured: newConfigured(), members: map[user]parley.Role{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.abandon())
		}
	}()
	l.trims = newTrims()
	l.space = newSpace(cfg, d)
	if err = l.space.open(); err != nil {
		return nil, err
	}
	if err = d.reportTornTail(); err != nil {
		return nil, err
	}
	l.db = &table{damage: &damage{log: cfg.Logger}}
	l.db.DB, err = pebble.Open(d.store, options(cfg, vfs.OnDiskFull(cfg.FS, l.space.full), d.lock, l.db.damage.found))
	if err != nil {
		return nil, err
	}
	err = l.begin()
	if err != nil && pebble.IsCorruptionError(err) {
		cfg.Logger.Error("mentions, deletions and open channels are not counted as far as the damage goes", "err", err)
		err = nil
	}
	if err == nil {
		l.configured.load(l.db)
	}
	if err == nil {
		err = d.markRunning(cfg.Fsync, l.epoch)
	}
	if err != nil {
		return nil, errors.Join(err, l.db.Close())
	}
	l.rows = startGetters(l.db)
	return l, nil
}

// Epoch names the numbering of this store; all cursors carry it.
func (l *Log) Epoch() string { return l.epoch }

// Run gives appends their numbers, syncs, trims and watches the disk, until ctx
// ends or Close is called. It returns nil then. It can run once; appends
// that come after it fail with ErrUnavailable, or ErrClosed after Close.
func (l *Log) Run(ctx context.Context) error {
	if !l.running.CompareAndSwap(false, true) {
		if l.queue.closed() {
			return nil // closed before it began
		}
		return errors.New("the embedded store can run only once")
	}
	defer close(l.ran)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.queue.stop(parley.ErrUnavailable) })
	defer stop()

	built := make(chan *build) // closed by the builder
	slots := make(chan struct{}, inFlight)
	var committing, others sync.WaitGroup
	committing.Go(func() { l.runBuilder(built, slots) })
	committing.Go(func() { l.runCompleter(built, slots) })
	others.Go(func() { l.runRetention(ctx) })
	others.Go(func() { l.space.run(ctx) })
	if l.cfg.Fsync == FsyncInterval {
		others.Go(func() { l.runSync(ctx) })
	}
	committing.Wait() // the queue was stopped, and is empty
	cancel()
	others.Wait()
	return nil
}

// Close answers what was appended, waits for readers and closes the files. Later
// calls fail with ErrClosed.
func (l *Log) Close() error {
	l.closing.Do(func() { l.closed = l.close() })
	return l.closed
}

func (l *Log) close() error {
	l.queue.stop(parley.ErrClosed)
	if l.running.Swap(true) { // Run runs or ran
		<-l.ran
	}
	l.queue.refuse(parley.ErrClosed) // what no Run will take
	l.gate.close()
	l.rows.stop()
	broken := l.broken.Load()
	var err error
	if l.cfg.Fsync == FsyncMemory && broken == nil {
		err = l.db.Flush()
	}
	err = errors.Join(err, l.db.Close())
	if err != nil || broken != nil {
		return errors.Join(err, l.dir.abandon())
	}
	return l.dir.close(l.cfg.Fsync, l.epoch)
}

// fail makes the store read-only until a restart: after a failed sync nobody
// knows what is on the disk, and syncing again may lie.
func (l *Log) fail(err error) {
	if l.broken.CompareAndSwap(nil, &err) {
		l.cfg.Logger.Error("a write to the store failed; it is read-only until a restart", "err", err)
	}
}

// Ready returns nil if appends are taken, or else why not: the disk is almost full, or
// the store is read-only since a write failed.
func (l *Log) Ready() error { return l.refusal(false) }

// refusal is why nothing can be appended now, or nil; reserve: nothing that may use the
// reserve of disk.
func (l *Log) refusal(reserve bool) error {
	if err := l.broken.Load(); err != nil {
		return fmt.Errorf("%w: the store is read-only since a write failed: %w", parley.ErrUnavailable, *err)
	}
	if l.space.low.Load() && (!reserve || l.space.spent.Load()) {
		return fmt.Errorf("%w: the disk is almost full", parley.ErrUnavailable)
	}
	return nil
}

// gate lets calls in until it is closed; closing waits for those inside.
type gate struct {
	mu     sync.RWMutex // held for reading by callers inside
	closed bool         // guarded by mu
}

func (g *gate) enter() error {
	g.mu.RLock()
	if g.closed {
		g.mu.RUnlock()
		return parley.ErrClosed
	}
	return nil
}

func (g *gate) leave() { g.mu.RUnlock() }

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
