package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestEpoch(t *testing.T) {
	for _, c := range []struct {
		fsync embedded.Fsync
		clean bool
		keeps bool
	}{
		{embedded.FsyncCommit, true, true}, {embedded.FsyncCommit, false, true},
		{embedded.FsyncInterval, true, true}, {embedded.FsyncInterval, false, false},
		{embedded.FsyncMemory, true, true}, {embedded.FsyncMemory, false, false},
	} {
		t.Run(fmt.Sprint(c.fsync, " clean=", c.clean), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			log := start(t, "data", embedded.Config{FS: fs, Fsync: c.fsync})
			old := log.Epoch()
			if r := log.Append(t.Context(), "room", parley.Draft{User: "u", Text: "x"})[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
			if c.clean {
				log.stop(t)
			}
			// The mode of the next run makes no difference.
			next := start(t, "data", embedded.Config{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
			if (next.Epoch() == old) != c.keeps {
				t.Fatalf("epoch %s, before %s", next.Epoch(), old)
			}
			if c.keeps && len(readChannel(t, next, "room")) != 1 {
				t.Fatal("the message is gone")
			}
			if run, err := runOf(t.Context(), next, "room", parley.Cursor{Epoch: old}, 1); errors.Is(err, parley.ErrEpoch) == c.keeps {
				t.Fatalf("a cursor of the old epoch: %v, %v", run, err)
			}
		})
	}
}

func TestAppendWithoutRun(t *testing.T) {
	l, err := embedded.Open("data", embedded.Config{FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var ended, closed error
	wg.Go(func() { ended = l.Append(ctx, "room", parley.Draft{User: "u", Text: "x"})[0].Err })
	cancel()
	wg.Wait()
	wg.Go(func() { closed = l.Append(t.Context(), "room", parley.Draft{User: "u", Text: "x"})[0].Err })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if !errors.Is(ended, parley.ErrUnknown) || !errors.Is(closed, parley.ErrClosed) {
		t.Fatalf("%v, %v", ended, closed)
	}
	if err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAppendAfterRun(t *testing.T) {
	l, err := embedded.Open("data", embedded.Config{FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), "room", parley.Draft{User: "u"})[0].Err; !errors.Is(err, parley.ErrUnavailable) {
		t.Fatal(err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
}

// A failed sync is never retried on the same file: its pages may be marked clean although they are not on disk.
func TestFailedSyncMakesReadOnly(t *testing.T) {
	var failed atomic.Int64
	disk := newFailingDisk(func(op errorfs.Op) bool {
		log := of(".log", isSync)(op)
		if log {
			failed.Add(1)
		}
		return log || strings.HasSuffix(op.Path, "probe")
	})
	log := start(t, "data", embedded.Config{FS: disk, FreeFloor: -1})
	draft := parley.Draft{User: "u", Text: "x"}
	if err := log.Append(t.Context(), "room", draft)[0].Err; err != nil {
		t.Fatal(err)
	}
	disk.failing.Store(true)
	if err := log.Append(t.Context(), "room", draft)[0].Err; !errors.Is(err, parley.ErrUnknown) {
		t.Fatalf("an append whose sync failed: %v", err)
	}
	if err := log.Append(t.Context(), "room", draft)[0].Err; !errors.Is(err, parley.ErrUnavailable) || !errors.Is(err, errDisk) {
		t.Fatalf("an append after that: %v", err)
	}
	if got := len(readChannel(t, log, "room")); got != 1 {
		t.Fatalf("%d messages can be read, 1 was acknowledged", got)
	}
	if n := failed.Load(); n != 1 {
		t.Fatalf("%d syncs failed", n)
	}
}

// TestKill kills a real process that appends, and checks what it left behind.
func TestKill(t *testing.T) {
	if dir := os.Getenv("PARLEY_TEST_CHILD"); dir != "" {
		childAppends(t, dir)
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestKill$")
	child.Env = append(os.Environ(), "PARLEY_TEST_CHILD="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acked := 0
	for lines := bufio.NewScanner(out); lines.Scan(); acked++ {
		if acked == 300 {
			_, err := embedded.Open(dir, embedded.Config{})
			if !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint("process ", child.Process.Pid)) {
				t.Errorf("opening a store that process %d has open: %v", child.Process.Pid, err)
			}
			child.Process.Kill()
		}
	}
	child.Wait()
	if acked < 300 {
		t.Fatalf("the child ended after %d messages", acked)
	}
	log := start(t, dir, embedded.Config{})
	if got := len(readChannel(t, log, "room")); got < acked {
		t.Fatalf("%d messages are there, %d were acknowledged", got, acked)
	}
}

// childAppends never returns; it prints a line for each acknowledged message.
func childAppends(t *testing.T, dir string) {
	log := start(t, dir, embedded.Config{})
	for {
		if r := log.Append(t.Context(), "room", parley.Draft{User: "u", Text: "x"})[0]; r.Err != nil {
			os.Exit(1)
		}
		if _, err := fmt.Println("acked"); err != nil {
			os.Exit(1)
		}
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, embedded.Config{})
	_, err := embedded.Open(dir, embedded.Config{})
	if !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Fatal(err)
	}
}

// A channel whose record cannot be read does not affect others.
func TestDamagedRecordAffectsOnlyItsChannel(t *testing.T) {
	log := start(t, "data", embedded.Config{FS: vfs.NewMem()})
	if err := log.Damage("broken"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if b, err := log.Bounds(t.Context(), "broken"); err == nil {
			t.Fatalf("a damaged record was read as %+v", b)
		}
	}
	for i := range 100 { // enough that some share the damaged one's lock
		channel := parley.ChannelID(fmt.Sprint("room", i))
		if r := log.Append(t.Context(), channel, parley.Draft{User: "u", Text: "x"})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}
