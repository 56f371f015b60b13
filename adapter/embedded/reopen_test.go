package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// failingDisk is a file system where some operations fail while failing is set.
type failingDisk struct {
	vfs.FS
	failing atomic.Bool
}

var errDisk = errors.New("input/output error")

func newFailingDisk(which func(op errorfs.Op) bool) *failingDisk {
	d := &failingDisk{}
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if d.failing.Load() && which(op) {
			return &os.PathError{Op: "write", Path: op.Path, Err: errDisk}
		}
		return nil
	}))
	return d
}

func isSync(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
}

// of restricts operations to files whose names contain name.
func of(name string, which func(op errorfs.Op) bool) func(op errorfs.Op) bool {
	return func(op errorfs.Op) bool { return which(op) && strings.Contains(filepath.Base(op.Path), name) }
}

// The store is read-only after a failed write to its log or manifest, but still serves readers. When the
// disk accepts writes again the store resumes, without a restart and with everything that was acknowledged.
func TestAStoreWhoseWriteFailedIsOpenedAgain(t *testing.T) {
	write := func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite }
	made := func(op errorfs.Op) bool { return op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite }
	for name, which := range map[string]func(op errorfs.Op) bool{
		"the log's sync":       of(".log", isSync),
		"the log's write":      of(".log", write),
		"a new log":            of(".log", made),
		"the manifest's sync":  of("MANIFEST", isSync),
		"the manifest's write": of("MANIFEST", write),
		"every sync":           isSync,
		"every write":          write,
		"every new file":       made,
	} {
		for _, probed := range []bool{true, false} { // false: the disk accepts a probe, and fails when the files are opened
			t.Run(fmt.Sprint(name, ", probed ", probed), func(t *testing.T) { failAndRecover(t, which, probed) })
		}
	}
}

func failAndRecover(t *testing.T, which func(op errorfs.Op) bool, probed bool) {
	t.Parallel()
	disk := newFailingDisk(func(op errorfs.Op) bool { return which(op) || probed && filepath.Base(op.Path) == "probe" })
	log := start(t, "data", embedded.Config{FS: disk, FreeFloor: -1})
	epoch := log.Epoch()
	w := newWitness()
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer busy.Wait()
	defer cancel()
	for p := range 4 {
		busy.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				d := parley.Draft{User: parley.UserID(fmt.Sprint("u", p)), Key: fmt.Sprint(i), Text: strings.Repeat("x", 1+i%5000)}
				r := log.Append(ctx, "room", d)[0]
				switch {
				case r.Err == nil:
					w.saw(t, r.Message, true)
				case !errors.Is(r.Err, parley.ErrUnknown) && !errors.Is(r.Err, parley.ErrUnavailable):
					t.Error(r.Err)
				}
			}
		})
	}
	busy.Go(func() { // one reads new entries, one starts from the beginning
		for after := int64(0); ctx.Err() == nil; {
			run, err := runOf(ctx, log, "room", parley.Cursor{ID: after}, 100)
			if err != nil && !errors.Is(err, parley.ErrUnavailable) && ctx.Err() == nil {
				t.Error(err)
				return
			}
			for _, m := range run {
				w.saw(t, m, false)
				after = m.ID
			}
		}
	})
	for range 2 {
		w.after(50)
		disk.failing.Store(true)
		if err := log.BeginFlush(); err != nil {
			t.Fatal(err)
		}
		for log.Ready() == nil {
			_ = log.Append(ctx, "room", parley.Draft{User: "u", Text: strings.Repeat("y", 1<<16)})
		}
		if probed {
			readChannel(t, log, "room") // as usual
		}
		disk.failing.Store(false)
		seen := w.after(50) // it accepts messages again
		if log.Epoch() != epoch {
			t.Fatal("a new epoch, though what was acknowledged was synced")
		}
		all := readChannel(t, log, "room") // complete: ids without gaps or repetitions
		for _, m := range all {
			name := fmt.Sprint("room ", m.ID)
			if want, ok := seen[name]; ok && fmt.Sprint(want) != fmt.Sprint(m) {
				t.Fatalf("before %+v, now %+v", want, m)
			}
			delete(seen, name)
		}
		if len(seen) > 0 {
			t.Fatalf("%d messages that were acknowledged or read are gone", len(seen))
		}
	}
}

// Entries that were in flight may be present afterwards, which is reported; in modes that
// acknowledge before a sync a new epoch begins, as after a crash.
func TestWhatMayHaveChangedIsToldAfterTheOpening(t *testing.T) {
	for _, c := range []struct {
		fsync    embedded.Fsync
		fails    string
		newEpoch bool
	}{{embedded.FsyncCommit, ".log", false}, {embedded.FsyncInterval, ".log", true}, {embedded.FsyncMemory, "MANIFEST", true}} {
		t.Run(string(c.fsync), func(t *testing.T) {
			t.Parallel()
			disk := newFailingDisk(of(c.fails, isSync))
			l, err := embedded.Open("data", embedded.Config{FS: disk, FreeFloor: -1, Fsync: c.fsync, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			told := make(chan []parley.ChannelID, 1)
			l.OnReopened(func(unknown ...parley.ChannelID) { told <- unknown })
			var ran sync.WaitGroup
			ran.Go(func() { l.Run(context.Background()) })
			defer ran.Wait()
			defer l.Close()
			old := l.Epoch()
			if r := l.Append(t.Context(), "room", parley.Draft{User: "u", Text: "kept"})[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
			disk.failing.Store(true)
			if err := l.BeginFlush(); err != nil {
				t.Fatal(err)
			}
			draft := parley.Draft{User: "u", Key: "k", Text: "unknown"}
			r := l.Append(t.Context(), "room", draft)[0]
			if c.fsync == embedded.FsyncCommit && !errors.Is(r.Err, parley.ErrUnknown) && !errors.Is(r.Err, parley.ErrUnavailable) {
				t.Fatalf("an append whose sync failed: %v", r.Err)
			}
			for l.Ready() == nil {
				runtime.Gosched()
			}
			disk.failing.Store(false)
			unknown := <-told
			if (l.Epoch() != old) != c.newEpoch {
				t.Fatalf("the epoch was %s and is %s", old, l.Epoch())
			}
			if errors.Is(r.Err, parley.ErrUnknown) && !slices.Contains(unknown, "room") {
				t.Errorf("%v, though what became of %v is unknown", unknown, draft)
			}
			if _, err := runOf(t.Context(), l, "room", parley.Cursor{Epoch: old}, 1); errors.Is(err, parley.ErrEpoch) != c.newEpoch {
				t.Errorf("a cursor of the old epoch: %v", err)
			}
			bounds, err := l.Bounds(t.Context(), "room")
			if err != nil {
				t.Fatal(err)
			}
			m, found, err := l.Lookup(t.Context(), "room", "u", "k")
			if err != nil || found != (bounds[0].Last == 2) || c.fsync == embedded.FsyncCommit && bounds[0].Last == 0 {
				t.Fatalf("%+v, found %v: %v", bounds, found, err)
			}
			again := l.Append(t.Context(), "room", draft)[0]
			if again.Err != nil || again.Duplicate != found || found && again.Message.ID != m.ID ||
				!found && again.Message.ID != bounds[0].Last+1 {
				t.Errorf("tried again: %+v, before %+v", again, bounds)
			}
		})
	}
}

// A store that was closed while read-only, or between two openings, is opened by the next process
// as after a crash.
func TestAStoreThatCannotBeOpenedAgainIsClosed(t *testing.T) {
	for _, probed := range []bool{true, false} {
		disk := newFailingDisk(func(op errorfs.Op) bool {
			return of(".log", isSync)(op) || op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".log") ||
				probed && filepath.Base(op.Path) == "probe"
		})
		log := start(t, "data", embedded.Config{FS: disk, FreeFloor: -1})
		until(t, log, "x", nil)
		disk.failing.Store(true)
		for log.Ready() == nil {
			_ = log.Append(t.Context(), "room", parley.Draft{User: "u", Text: "y"})
		}
		for !probed { // until the files were closed
			if _, err := log.Bounds(t.Context(), "room"); errors.Is(err, parley.ErrUnavailable) {
				break
			}
		}
		owner := parley.RoleOwner
		_, _, err := log.SetMember(t.Context(), "room", "u", parley.MemberChange{Role: &owner})
		if !errors.Is(err, parley.ErrUnavailable) || errors.Is(err, parley.ErrUnknown) {
			t.Errorf("a member: %v", err)
		}
		log.stop(t)
		disk.failing.Store(false)
		next := start(t, "data", embedded.Config{FS: disk, FreeFloor: -1})
		if all := readChannel(t, next, "room"); len(all) == 0 {
			t.Error("what was acknowledged is gone")
		}
	}
}
