package embedded_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// crashed returns the files of a store with n messages that was not stopped cleanly, and the path
// of its newest write-ahead log.
func crashed(t *testing.T, n int) (fs *vfs.MemFS, wal string) {
	live := vfs.NewCrashableMem()
	log := start(t, "data", embedded.Config{FS: live})
	for i := range n {
		d := parley.Draft{User: "u", Text: fmt.Sprint(i, strings.Repeat("x", i*37%500))}
		if r := log.Append(t.Context(), "room", d)[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	fs = live.CrashClone(vfs.CrashCloneCfg{})
	names, err := fs.List("data/store")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			wal = "data/store/" + name
		}
	}
	return fs, wal
}

// edit replaces a file's bytes.
func edit(t *testing.T, fs vfs.FS, path string, change func([]byte) []byte) {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	if f, err = fs.Create(path, vfs.WriteCategoryUnspecified); err != nil {
		t.Fatal(err)
	}
	if _, err = f.Write(change(bytes.Clone(b))); err != nil {
		t.Fatal(err)
	}
	f.Sync()
	f.Close()
}

func TestTornTailIsDroppedAndReported(t *testing.T) {
	const n = 200
	for name, c := range map[string]struct {
		change func([]byte) []byte
		warns  int
	}{
		"untouched":                   {func(b []byte) []byte { return b }, 0},
		"the last 10 bytes are gone":  {func(b []byte) []byte { return b[:len(b)-10] }, 1},
		"a third is gone":             {func(b []byte) []byte { return b[:len(b)*2/3] }, 1},
		"only half a header is there": {func(b []byte) []byte { return append(b, 1, 2, 3) }, 1},
		"the last bytes are damaged":  {func(b []byte) []byte { b[len(b)-3] ^= 0xff; return b }, 1},
		"zeros follow":                {func(b []byte) []byte { return append(b, make([]byte, 50_000)...) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			fs, wal := crashed(t, n)
			edit(t, fs, wal, c.change)
			var said bytes.Buffer
			log := start(t, "data", embedded.Config{FS: fs, Logger: slog.New(slog.NewTextHandler(&said, nil))})
			all := readChannel(t, log, "room")
			if len(all) > n || (c.warns == 0 && len(all) != n) || len(all) < n/3 {
				t.Errorf("%d messages of %d are left", len(all), n)
			}
			if got := strings.Count(said.String(), "level=WARN"); got != c.warns {
				t.Errorf("%d warnings, want %d: %s", got, c.warns, said.String())
			}
			if r := log.Append(t.Context(), "room", parley.Draft{User: "u", Text: "on"})[0]; r.Err != nil ||
				r.Message.ID != int64(len(all))+1 {
				t.Errorf("after %d messages came %+v", len(all), r)
			}
		})
	}
}

// Synced data that was damaged later is not a torn tail: dropping it would lose acknowledged messages.
func TestDamageBeforeTheTailIsRefused(t *testing.T) {
	fs, wal := crashed(t, 600)
	edit(t, fs, wal, func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b })
	l, err := embedded.Open("data", embedded.Config{FS: fs, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		l.Close()
		t.Fatal("a store with a damaged log was opened")
	}
}
