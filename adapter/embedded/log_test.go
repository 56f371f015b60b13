package embedded_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"parley"
	"parley/adapter/embedded"
	"parley/parleytest"

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

// runOf is Read for those who look at the entries alone.
func runOf(ctx context.Context, log parley.Log, ch parley.ChannelID, after parley.Cursor, limit int) ([]parley.Message, error) {
	run, err := log.Read(ctx, ch, after, limit)
	return run.Entries, err
}

func TestLog(t *testing.T) {
	for _, fsync := range []embedded.Fsync{embedded.FsyncCommit, embedded.FsyncInterval, embedded.FsyncMemory} {
		t.Run(string(fsync), func(t *testing.T) {
			t.Parallel()
			parleytest.RunLog(t, parleytest.LogHarness{
				Open: func(t *testing.T, clock func() time.Time) parley.Log {
					cfg := embedded.Config{Fsync: fsync, Clock: clock, MaxHeads: 16, TrimEvery: 50 * time.Millisecond}
					if fsync == embedded.FsyncCommit {
						return start(t, t.TempDir(), cfg)
					}
					cfg.FS = vfs.NewMem()
					return start(t, "data", cfg)
				},
				Reopen: func(t *testing.T, log parley.Log) parley.Log {
					r := log.(*running)
					r.stop(t)
					return start(t, r.dir, r.cfg)
				},
			})
		})
	}
}

// settingsOf are those of one channel.
func settingsOf(ctx context.Context, d parley.Directory, ch parley.ChannelID) (parley.Settings, error) {
	all, err := d.Settings(ctx, ch)
	if err != nil {
		return parley.Settings{}, err
	}
	return all[0], nil
}
