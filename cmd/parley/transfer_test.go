package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
)

// filledData returns a data directory with messages.
func filledData(t *testing.T) string {
	t.Helper()
	f := systemFlags{Data: t.TempDir(), Store: "embedded"}
	s, closeStore, err := f.open(t.Context(), os.Stderr, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "hello", Key: "k", Join: true},
		parley.Draft{User: "bob", Text: "hi"}) {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	if _, err := s.Keys.PutKey(t.Context(), parley.Key{Name: "shop", Created: 1}); err != nil {
		t.Error(err)
	}
	if err := closeStore(); err != nil {
		t.Error(err)
	}
	return f.Data
}

func TestSystemIsMoved(t *testing.T) {
	data, to, file := filledData(t), t.TempDir(), filepath.Join(t.TempDir(), "system.jsonl")
	if o := run(t, "export", file, "--data", data); o.code != 0 || o.stdout != "" ||
		!strings.Contains(o.stderr, "exported 2 entries and 1 members of 1 channels") {
		t.Fatalf("%+v", o)
	}
	for range 2 {
		if o := run(t, "import", file, "--data", to); o.code != 0 || !strings.Contains(o.stderr, "the store holds what the file holds") {
			t.Fatalf("%+v", o)
		}
	}
	if o := run(t, "keys", "list", "--data", to); o.code != 0 || !strings.Contains(o.stdout, "shop") {
		t.Errorf("%+v", o)
	}
	out := run(t, "export", "-", "--store", "embedded", "--data", to)
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, a, _ := strings.Cut(out.stdout, "\n")
	_, b, _ := bytes.Cut(was, []byte("\n"))
	if out.code != 0 || a != string(b) || strings.Contains(out.stderr, "\r") {
		t.Errorf("%+v\nand the file %s", out, was)
	}
	if is, err := os.Stat(file); err != nil || is.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", is, err)
	}
	refused(t, []string{"not empty", "room"}, "import", write(t, out.stdout), "--data", data)
	refused(t, []string{"another file"}, "import", write(t, out.stdout), "--data", to)
	refused(t, []string{"not an export"}, "import", write(t, "hello\n"), "--data", t.TempDir())
	refused(t, []string{"no data directory"}, "export", file, "--data", filepath.Join(to, "none"))
	refused(t, []string{"cannot be read"}, "import", filepath.Join(to, "none"), "--data", to)
	refused(t, []string{"not a store"}, "import", file, "--store", "mysql://x")
	log, err := embedded.Open(data, embedded.Config{Fsync: embedded.FsyncCommit})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	refused(t, []string{"Stop that process"}, "export", file, "--data", data)
}

func TestImportReportsWhatDiffers(t *testing.T) {
	data, to := filledData(t), t.TempDir()
	o := run(t, "export", "-", "--data", data)
	file := write(t, o.stdout)
	if o := run(t, "import", file, "--data", to); o.code != 0 {
		t.Fatalf("%+v", o)
	}
	f := systemFlags{Data: to, Store: "embedded"}
	s, closeStore, err := f.open(t.Context(), os.Stderr, false)
	if err != nil {
		t.Fatal(err)
	}
	s.Append(t.Context(), "room", parley.Draft{User: "bob", Text: "later"})
	if err := closeStore(); err != nil {
		t.Fatal(err)
	}
	if o := run(t, "import", file, "--data", to); o.code != 1 || !strings.Contains(o.stderr, "room: it holds the entries 1 to 3") {
		t.Errorf("%+v", o)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
