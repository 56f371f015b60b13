package embedded_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/parleytest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a log with its Run.
type running struct {
	*embedded.Log
	dir string
	cfg embedded.Config
	ran sync.WaitGroup
}

// start opens a log and runs it until it is closed.
func start(t testing.TB, dir string, cfg embedded.Config) *running {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := embedded.Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Log: l, dir: dir, cfg: cfg}
	r.ran.Go(func() {
		if err := l.Run(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *running) stop(t testing.TB) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r.ran.Wait()
}

// runOf is Read for callers that need only the entries.
func runOf(ctx context.Context, log parley.Log, ch parley.ChannelID, after parley.Cursor, limit int) ([]parley.Message, error) {
	run, err := log.Read(ctx, ch, after, limit)
	return run.Entries, err
}

// harness opens stores whose nodes all share the single possible handle.
func harness(fsync embedded.Fsync, trimEvery time.Duration) parleytest.StoreHarness {
	three := func(r *running) []parleytest.Store { return []parleytest.Store{r, r, r} }
	return parleytest.StoreHarness{
		Open: func(t *testing.T, clock func() time.Time) []parleytest.Store {
			cfg := embedded.Config{Fsync: fsync, Clock: clock, MaxHeads: 16, TrimEvery: trimEvery}
			if fsync == embedded.FsyncCommit {
				return three(start(t, t.TempDir(), cfg))
			}
			cfg.FS = vfs.NewMem()
			return three(start(t, "data", cfg))
		},
		Reopen: func(t *testing.T, handles []parleytest.Store) []parleytest.Store {
			r := handles[0].(*running)
			r.stop(t)
			return three(start(t, r.dir, r.cfg))
		},
		Trim: func(t *testing.T, s parleytest.Store) {
			if err := s.(*running).Retain(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestLog(t *testing.T) {
	for _, fsync := range []embedded.Fsync{embedded.FsyncCommit, embedded.FsyncInterval, embedded.FsyncMemory} {
		t.Run(string(fsync), func(t *testing.T) {
			t.Parallel()
			parleytest.RunLog(t, harness(fsync, 50*time.Millisecond))
			parleytest.RunDirectory(t, harness(fsync, 50*time.Millisecond))
		})
	}
}

func TestIndex(t *testing.T) { parleytest.RunIndex(t, harness(embedded.FsyncInterval, time.Hour)) }

func TestRoster(t *testing.T) {
	parleytest.RunRoster(t, harness(embedded.FsyncInterval, time.Hour))
	parleytest.RunRevocations(t, harness(embedded.FsyncInterval, time.Hour))
}

func TestRestore(t *testing.T) {
	parleytest.RunRestore(t, harness(embedded.FsyncInterval, 50*time.Millisecond))
}

// settingsOf returns the settings of one channel.
func settingsOf(ctx context.Context, d parley.Directory, ch parley.ChannelID) (parley.Settings, error) {
	all, err := d.Settings(ctx, ch)
	if err != nil {
		return parley.Settings{}, err
	}
	return all[0], nil
}
