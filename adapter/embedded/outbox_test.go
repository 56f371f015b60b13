package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/parleytest"
)

func TestOutbox(t *testing.T) {
	parleytest.RunOutbox(t, func(t *testing.T) []parley.Outbox {
		l := start(t, "data", embedded.Config{FS: vfs.NewMem()})
		return []parley.Outbox{l, l, l}
	})
}

// notes returns a node's channels.
func notes(t *testing.T, l parley.Outbox, node string) []parley.ChannelID {
	t.Helper()
	all, err := l.Unfinished(t.Context(), node, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestNotesSurviveWithTheAppendAfterThem checks that a note, which is not synced by itself, is present whenever an append after it is.
func TestNotesSurviveWithTheAppendAfterThem(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := start(t, "data", embedded.Config{FS: fs})
	for i := range 20 {
		channel := parley.ChannelID(fmt.Sprintf("room:%02d", i))
		if err := l.PutUnfinished(t.Context(), "n", channel); err != nil {
			t.Fatal(err)
		}
		if r := l.Append(t.Context(), channel, parley.Draft{User: "u", Text: "x"})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		clone := fs.CrashClone(vfs.CrashCloneCfg{})
		again := start(t, "data", embedded.Config{FS: clone})
		if got := notes(t, again, "n"); !slices.Contains(got, channel) {
			t.Fatalf("after a power cut %v, without %s", got, channel)
		}
		again.stop(t)
	}
	if err := l.RemoveUnfinished(t.Context(), "n", "room:00"); err != nil {
		t.Fatal(err)
	}
	if r := l.Append(t.Context(), "room:01", parley.Draft{User: "u", Text: "y"})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	again := start(t, "data", embedded.Config{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
	if got := notes(t, again, "n"); len(got) != 19 || got[0] != "room:01" {
		t.Errorf("after a removal and a power cut: %v", got)
	}
}

// TestNotesSurviveAReopen checks that a note whose write failed unnoticed is written again before appends are accepted.
func TestNotesSurviveAReopen(t *testing.T) {
	disk := newFailingDisk(of(".log", func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite || isSync(op) }))
	opened := make(chan struct{}, 1)
	l := &running{cfg: embedded.Config{FS: disk, FreeFloor: -1, Logger: slog.New(slog.DiscardHandler)}, dir: "data"}
	var err error
	if l.Log, err = embedded.Open(l.dir, l.cfg); err != nil {
		t.Fatal(err)
	}
	l.OnReopened(func(...parley.ChannelID) { opened <- struct{}{} })
	l.ran.Go(func() {
		if err := l.Run(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { l.stop(t) })
	if err := l.PutUnfinished(t.Context(), "n", "before"); err != nil {
		t.Fatal(err)
	}
	if r := l.Append(t.Context(), "before", parley.Draft{User: "u", Text: "x"})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	disk.failing.Store(true)
	if err := l.PutUnfinished(t.Context(), "n", "lost"); err != nil && !errors.Is(err, parley.ErrUnavailable) {
		t.Fatal(err)
	}
	if r := l.Append(t.Context(), "lost", parley.Draft{User: "u", Text: "x"})[0]; r.Err == nil {
		t.Fatal("a message was stored on a disk that takes none")
	}
	disk.failing.Store(false)
	<-opened
	if got := notes(t, l, "n"); !slices.Equal(got, []parley.ChannelID{"before", "lost"}) {
		t.Errorf("after the store was opened again: %v", got)
	}
	if err := l.RemoveUnfinished(t.Context(), "n", "lost", "before"); err != nil {
		t.Fatal(err)
	}
	if nodes, err := l.UnfinishedNodes(t.Context()); err != nil || len(nodes) != 0 {
		t.Errorf("nodes: %v, %v", nodes, err)
	}
}
