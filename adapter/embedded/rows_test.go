package embedded_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/parleytest"
)

func TestTable(t *testing.T) {
	for _, fsync := range []embedded.Fsync{embedded.FsyncCommit, embedded.FsyncInterval, embedded.FsyncMemory} {
		t.Run(string(fsync), func(t *testing.T) {
			t.Parallel()
			parleytest.RunTable(t, func(t *testing.T) []parley.Table {
				l := start(t, "data", embedded.Config{FS: vfs.NewMem(), Fsync: fsync})
				return []parley.Table{l, l, l}
			})
		})
	}
}

// tables returns the rows of a group by key.
func tables(t *testing.T, l parley.Table, group string) map[string]string {
	t.Helper()
	rows, err := l.Rows(t.Context(), group, "", 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	is := map[string]string{}
	for _, r := range rows {
		is[r.Key] = string(r.Value)
	}
	return is
}

func TestRowsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, embedded.Config{})
	if err := l.Put(t.Context(), "g", parley.Row{Key: "put", Value: []byte("1")}, parley.Row{Key: "gone", Value: []byte("2")}); err != nil {
		t.Fatal(err)
	}
	if swapped, err := l.Swap(t.Context(), "g", nil, parley.Row{Key: "swapped", Value: []byte("3")}); err != nil || !swapped {
		t.Fatal(swapped, err)
	}
	if err := l.Put(t.Context(), "g", parley.Row{Key: "gone"}); err != nil {
		t.Fatal(err)
	}
	l.stop(t)
	l = start(t, dir, embedded.Config{})
	if is := tables(t, l, "g"); len(is) != 2 || is["put"] != "1" || is["swapped"] != "3" {
		t.Errorf("after the restart: %v", is)
	}
}

// TestRowsSurviveAPowerCut checks that rows acknowledged by Put and Swap survive on a file system that forgets what was not synced.
func TestRowsSurviveAPowerCut(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := start(t, "data", embedded.Config{FS: fs})
	var mu sync.Mutex
	answered := map[string]string{}
	ctx, cancel := context.WithCancel(t.Context())
	enough := make(chan struct{}, 1)
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Go(func() {
			var was []byte
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("w%d", w)
				is := []byte(fmt.Sprint(i))
				swapped, err := l.Swap(ctx, "swap", was, parley.Row{Key: key, Value: is})
				if ctx.Err() != nil {
					return
				}
				if err != nil || !swapped {
					t.Error(swapped, err)
					return
				}
				was = is
				row := parley.Row{Key: fmt.Sprintf("%s-%d", key, i), Value: is}
				if err := l.Put(ctx, "put", row); err != nil {
					return
				}
				mu.Lock()
				answered["put "+row.Key], answered["swap "+key] = string(is), string(is)
				if len(answered) > 100 {
					select {
					case enough <- struct{}{}:
					default:
					}
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	mu.Lock()
	want := maps.Clone(answered)
	mu.Unlock()
	clone := fs.CrashClone(vfs.CrashCloneCfg{})
	cancel()
	wait.Wait()
	again := start(t, "data", embedded.Config{FS: clone})
	put, swap := tables(t, again, "put"), tables(t, again, "swap")
	for name, value := range want {
		if k, ok := strings.CutPrefix(name, "put "); ok && put[k] != value {
			t.Errorf("of %d rows %s is %q, and was answered as %q", len(want), name, put[k], value)
		}
		if k, ok := strings.CutPrefix(name, "swap "); ok && len(swap[k]) < len(value) {
			t.Errorf("%s is %q, and was answered as %q", name, swap[k], value)
		}
	}
}
