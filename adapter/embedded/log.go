package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-server/parley"

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

// Log is the embedded store. It accepts appends while Run runs, and serves reads from Open to
// Close.
type Log struct {
	// fixed after construction
	cfg  Config
	aged func() time.Time // the clock that ages are compared with
	dir  *directory

	configured *configured
	queue      *queue
	space      *space
	trims      *trims
	damage     *damage
	rowsRead   atomic.Int64 // number of rows read
	gate       gate         // of calls that use db
	unfinished unfinished

	// of the current opening of the files: replaced by reopen, which has closed the gate and holds all slots
	db    *table   // nil between two openings, like rows
	rows  *getters // of db, for callers other than the builder
	epoch string
	heads *heads

	slots   chan struct{}             // one per batch in flight, at most inFlight; writers to db hold one or are inside the gate
	applied atomic.Uint64             // number of the last batch that reads of db see
	recent  recent                    // owned by the builder, like
	members map[memberRef]parley.Role // of some authors

	running  atomic.Bool
	ran      chan struct{}             // closed by Run when it returns
	broken   atomic.Pointer[error]     // why nothing can be written now
	failed   chan struct{}             // holds a token once broken is set
	unknown  map[parley.ChannelID]bool // owned by the completer: channels with entries of unknown outcome
	reopened func(...parley.ChannelID) // fixed before Run

	closing sync.Once
	closed  error // result of Close; read after closing
}

// Open opens the store in dir, and creates it if there is none. It repairs what a crash has
// left behind, and logs the repair. The error wraps ErrInUse if another process, which it
// names, has the directory open.
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
	l := &Log{cfg: cfg, aged: d.ages(cfg.Clock), dir: d, damage: &damage{log: cfg.Logger}, configured: newConfigured(),
		queue: newQueue(), trims: newTrims(), slots: make(chan struct{},
			inFlight), members: map[memberRef]parley.Role{}, ran: make(chan struct{}), failed: make(chan struct{}, 1),
		unknown: map[parley.ChannelID]bool{}, reopened: func(...parley.ChannelID) {},
		unfinished: unfinished{of: map[string]map[parley.ChannelID]struct{}{}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.abandon())
		}
	}()
	l.space = newSpace(cfg, d)
	if err = l.space.open(); err != nil {
		return nil, err
	}
	return l, l.openFiles()
}

// openFiles opens the database in the directory, and repairs what a crash has left behind.
func (l *Log) openFiles() (err error) {
	if err = l.dir.reportTornTail(); err != nil {
		return err
	}
	fence := newFence(backingOff{vfs.OnDiskFull(l.cfg.FS, l.space.full), time.Sleep})
	l.db = &table{read: &l.rowsRead}
	if l.db.DB, err = pebble.Open(l.dir.store, options(l.cfg, fence, l.dir.lock, l.damage.found)); err != nil {
		l.db = nil
		return err
	}
	l.heads, l.recent = newHeads(l.cfg.MaxHeads), recent{}
	clear(l.members)
	l.rows = startGetters(l.db)
	err = l.begin()
	if err != nil && pebble.IsCorruptionError(err) {
		l.cfg.Logger.Error("mentions, deletions and open channels are not counted as far as the damage goes", "err", err)
		err = nil
	}
	if err == nil {
		l.configured.load(l.db)
		err = l.dir.markRunning(l.cfg.Fsync, l.epoch, l.aged())
	}
	if err == nil {
		l.broken.Store(nil)
		err = fence.arm(l.fail)
	}
	if err == nil {
		err = l.unfinished.save(l.db)
	}
	if err != nil {
		return errors.Join(err, l.closeFiles())
	}
	return nil
}

// closeFiles closes the database, which must not be in use.
func (l *Log) closeFiles() error {
	if l.db == nil {
		return nil
	}
	l.rows.stop()
	err := l.db.Close()
	l.db, l.rows = nil, nil
	return err
}

// Epoch returns the store's epoch, which all cursors carry.
func (l *Log) Epoch() string {
	l.gate.mu.RLock()
	defer l.gate.mu.RUnlock()
	return l.epoch
}

// Run assigns ids to appends, syncs, trims and watches the disk, until ctx ends or Close is called; then
// it returns nil. It can run only once; later appends fail with ErrUnavailable, or ErrClosed after Close.
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
	var committing, others sync.WaitGroup
	committing.Go(func() { l.runBuilder(built) })
	committing.Go(func() { l.runCompleter(built) })
	others.Go(func() { l.runRetention(ctx) })
	others.Go(func() { l.space.run(ctx) })
	others.Go(func() { l.runReopen(ctx) })
	if l.cfg.Fsync == FsyncInterval {
		others.Go(func() { l.runSync(ctx) })
	}
	committing.Wait() // the queue has been stopped and is empty
	cancel()
	others.Wait()
	return nil
}

// Close completes the appends, waits for readers and closes the files. Later calls fail with
// ErrClosed.
func (l *Log) Close() error {
	l.closing.Do(func() { l.closed = l.close() })
	return l.closed
}

func (l *Log) close() error {
	l.queue.stop(parley.ErrClosed)
	if l.running.Swap(true) { // Run runs or ran
		<-l.ran
	}
	l.queue.refuse(parley.ErrClosed) // requests that no Run will take
	l.gate.shut(parley.ErrClosed)
	var err error
	if l.cfg.Fsync == FsyncMemory && l.broken.Load() == nil {
		err = l.db.Flush()
	}
	err = errors.Join(err, l.closeFiles())
	if err != nil || l.broken.Load() != nil {
		return errors.Join(err, l.dir.abandon())
	}
	return l.dir.close(l.cfg.Fsync, l.epoch, l.aged())
}

// fail makes the store read-only until it has been reopened: after a failed sync the content of
// the disk is unknown, and another sync may report a false success. It neither blocks nor logs.
func (l *Log) fail(err error) {
	if l.broken.CompareAndSwap(nil, &err) {
		select {
		case l.failed <- struct{}{}:
		default:
		}
	}
}

// Ready returns nil if appends are accepted, or else the reason: the disk is almost full, or
// the store is read-only since a write failed, and will be reopened.
func (l *Log) Ready() error { return l.refusal(false) }

// refusal returns why nothing can be appended now, or nil; reserve: for a write that may use
// the reserve of disk space.
func (l *Log) refusal(reserve bool) error {
	if err := l.broken.Load(); err != nil {
		return fmt.Errorf("%w: the store is read-only since a write failed: %w", parley.ErrUnavailable, *err)
	}
	if l.space.low.Load() && (!reserve || l.space.spent.Load()) {
		return fmt.Errorf("%w: the disk is almost full", parley.ErrUnavailable)
	}
	return nil
}

// gate lets calls in unless it is shut; shutting it waits for the calls inside. A call that waits
// for a batch must not be inside: between two openings of the files this would be a deadlock.
type gate struct {
	mu  sync.RWMutex // held for reading by callers inside
	why error        // guarded by mu: why it is shut; nil: it is open
}

func (g *gate) acquire() error {
	g.mu.RLock()
	if why := g.why; why != nil {
		g.mu.RUnlock()
		return why
	}
	return nil
}

func (g *gate) release() { g.mu.RUnlock() }

// shut shuts the gate, or opens it if why is nil. ErrClosed is final.
func (g *gate) shut(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why != parley.ErrClosed {
		g.why = why
	}
}
