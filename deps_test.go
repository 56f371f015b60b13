package parley_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Dependencies point one way (docs/ARCHITECTURE.md). Each line names a package and the packages of
// this module that it may reach, besides itself, by their folders; a trailing /... includes those
// below. Add a line for each new package.
var mayReach = [][2]string{
	{".", ""},
	{"internal/codec", "."},
	{"internal/lastseen", "."},
	{"internal/outgoing", "."},
	{"internal/relay", "."},
	{"internal/...", ""},
	{"wire", "."},
	{"engine", ". wire"},
	{"web/...", ""},
	{"access", "."},
	{"hub", ". wire"},
	{"transfer", ". wire"},
	{"feed", ". wire hub"},
	{"unread", "."},
	{"presence", "."},
	{"watch", ". wire presence"},
	{"limit", "."},
	{"worker", "."},
	{"push", ". worker"},
	{"webhook", ". wire worker"},
	{"adapter/...", "."},
	{"chat", ". access wire hub feed unread watch presence"},
	{
		"ingest",
		". access wire hub feed unread watch presence chat",
	},
	{
		"transport",
		". access wire engine hub feed unread watch presence " +
			"chat",
	},
	{"auth", ". access"},
	{
		"httpapi",
		". access wire engine hub feed unread watch presence push " +
			"chat limit transport auth web worker webhook",
	},
	{
		"door",
		". access wire engine hub feed unread watch presence " +
			"chat limit transport",
	},
	{"client/...", ". wire"},
	{"demo", "web"},
	{"terminal", ". wire client/go"},
	{"testenv/...", ""},
	{"parleytest/...", "*"}, // test code may use everything
	{"load/...", "*"},
	{"e2e/...", "*"},
	{"cmd/...", "*"}, // the only place that knows every package
}

func TestDependenciesPointOneWay(t *testing.T) {
	for _, pkg := range list(t) {
		folder, _ := pkg.folderOf(pkg.ImportPath)
		allowed, ok := allowedOf(folder)
		if !ok {
			t.Errorf("%s stands in no line of mayReach (deps_test.go)", folder)
			continue
		}
		for _, path := range pkg.Deps {
			dep, own := pkg.folderOf(path)
			if !own {
				if folder == "." && strings.Contains(strings.Split(path, "/")[0], ".") {
					t.Errorf("the root package imports %s; it may import the standard library only", path)
				}
				continue
			}
			if slices.Contains(allowed, "*") || slices.Contains(allowed, dep) || strings.HasPrefix(dep, "internal/") {
				continue
			}
			t.Errorf("%s reaches %s, which it must not know", folder, dep)
		}
	}
}

func allowedOf(folder string) (allowed []string, ok bool) {
	for _, line := range mayReach {
		if below, tree := strings.CutSuffix(line[0], "/..."); folder == line[0] ||
			tree && (folder == below || strings.HasPrefix(folder, below+"/")) {
			return strings.Fields(line[1]), true
		}
	}
	return nil, false
}

type listed struct {
	ImportPath string
	Deps       []string
	Module     struct{ Path string }
}

// folderOf returns the folder of a package of this module, "." for the root.
func (l listed) folderOf(path string) (folder string, own bool) {
	if path == l.Module.Path {
		return ".", true
	}
	return strings.CutPrefix(path, l.Module.Path+"/")
}

func list(t *testing.T) (all []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Deps,Module", "./...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(out); ; {
		var pkg listed
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read what go list says: %v", err)
		}
		all = append(all, pkg)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	if len(all) < 2 {
		t.Fatalf("go list names %d packages", len(all))
	}
	return all
}
