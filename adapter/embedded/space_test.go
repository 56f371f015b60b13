package embedded_test

import (
	"errors"

	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// patience limits the wait for events that must happen; a busy machine may be slow.
const patience = 5 * time.Minute

// until appends slightly different messages until the error is want (nil: until one is stored).
func until(t *testing.T, log parley.Log, text string, want error) (stored int) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < patience; {
		err := log.Append(t.Context(), "room", parley.Draft{User: "u", Text: text[stored%len(text):] + text[:stored%len(text)]})[0].Err
		if err == nil {
			stored++
		} else if !errors.Is(err, parley.ErrUnavailable) {
			t.Fatalf("after %d messages: %v", stored, err)
		}
		if errors.Is(err, want) {
			return stored
		}
	}
	t.Fatalf("after %d messages still not: %v", stored, want)
	return 0
}

func TestAlmostFullDiskRefusesAppends(t *testing.T) {
	t.Parallel()
	var free atomic.Uint64
	const floor = 1 << 20
	free.Store(10 * floor)
	log := start(t, "data", embedded.Config{FS: vfs.NewMem(), FreeFloor: floor,
		FreeSpace: func() (uint64, error) { return free.Load(), nil }})
	until(t, log, "x", nil)
	if err := log.Ready(); err != nil {
		t.Errorf("with room on the disk: %v", err)
	}
	free.Store(floor - 1)
	stored := 1 + until(t, log, "x", parley.ErrUnavailable)
	if err := log.Ready(); !errors.Is(err, parley.ErrUnavailable) {
		t.Errorf("ready on a full disk: %v", err)
	}
	if all := readChannel(t, log, "room"); len(all) != stored {
		t.Fatalf("%d messages can be read, %d were stored", len(all), stored)
	}
	results := log.Append(t.Context(), "room", parley.Draft{User: "u", Change: &parley.Change{Of: 1, Kind: parley.ChangeDelete}},
		parley.Draft{User: "u", Text: "y"}, parley.Draft{User: "u", Change: &parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "x"}})
	if results[0].Err != nil || !errors.Is(results[1].Err, parley.ErrUnavailable) || !errors.Is(results[2].Err, parley.ErrUnavailable) {
		t.Fatalf("what takes content away has a reserve, and no other: %v, %v, %v", results[0].Err, results[1].Err, results[2].Err)
	}
	if _, _, err := log.SetChannel(t.Context(), "room", parley.Settings{}.Replace); !errors.Is(err, parley.ErrUnavailable) {
		t.Fatalf("settings on a full disk: %v", err)
	}
	free.Store(3 * floor)
	until(t, log, "x", nil)
	if err := log.RemoveChannel(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk fills a real file system, first noticed by the check of the floor, then unnoticed.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: a small file system can't be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	cfg := embedded.Config{FreeFloor: 16 << 20}
	log := start(t, dir+"/data", cfg)
	t.Cleanup(func() { log.stop(t) }) // before the file system is removed
	noise := make([]byte, 64<<10)     // incompressible
	rand.NewChaCha8([32]byte{}).Read(noise)
	text := string(noise)

	stored := until(t, log, text, parley.ErrUnavailable)
	if all := readChannel(t, log, "room"); len(all) != stored {
		t.Fatalf("%d messages can be read, %d were stored", len(all), stored)
	}
	// Another program takes the rest of the disk.
	filler := fill(t, dir+"/filler")
	if err := log.Append(t.Context(), "room", parley.Draft{User: "u", Text: text})[0].Err; !errors.Is(err, parley.ErrUnavailable) {
		t.Fatalf("append on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := log.RemoveChannel(t.Context(), "room"); err != nil { // frees space eventually
		t.Fatal(err)
	}
	until(t, log, text, nil)
	log.stop(t)
	again := start(t, dir+"/data", cfg)
	if b, err := again.Bounds(t.Context(), "room"); err != nil || b[0].Last != int64(stored)+1 {
		t.Fatalf("%+v, %v; want the head %d", b, err, stored+1)
	}
	again.stop(t)
}

// TestDiskFullBehindTheWatch: periodic checks do not help when the space is gone within a moment.
// The ballast does.
func TestDiskFullBehindTheWatch(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: a small file system can't be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	real := vfs.Default
	var lie atomic.Bool
	log := start(t, dir+"/data", embedded.Config{FreeFloor: 8 << 20, FreeSpace: func() (uint64, error) {
		if lie.Load() {
			return 20 << 20, nil // between the floor and twice that: nothing changes
		}
		u, err := real.GetDiskUsage(dir)
		return u.AvailBytes, err
	}})
	until(t, log, "x", nil)
	lie.Store(true)
	fill(t, dir+"/filler")
	stored := 1 + until(t, log, strings.Repeat("x", 16<<10), parley.ErrUnavailable)
	if all := readChannel(t, log, "room"); len(all) != stored {
		t.Fatalf("%d messages can be read, %d were stored", len(all), stored)
	}
	if _, err := os.Stat(dir + "/data/ballast"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the ballast is still there: %v", err)
	}
	log.stop(t)
}

// fill writes a file until the file system is full.
func fill(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<16); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	return path
}
