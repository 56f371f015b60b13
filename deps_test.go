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

// Dependencies point one way (docs/ARCHITECTURE.md). Each line names a package and
// the packages of this module that it may reach, itself apart; a trailing /... covers
// what is below. A package that stands in no line is a new one: give it a line.
var mayReach = [][2]string{
	{"parley", ""},
	{"parley/internal/codec", "parley"},
	{"parley/internal/lastseen", "parley"},
	{"parley/internal/outgoing", "parley"},
	{"parley/internal/relay", "parley"},
	{"parley/internal/...", ""},
	{"parley/wire", "parley"},
	{"parley/engine", "parley parley/wire"},
	{"parley/web/...", ""},
	{"parley/access", "parley"},
	{"parley/hub", "parley parley/wire"},
	{"parley/transfer", "parley parley/wire"},
	{"parley/feed", "parley parley/wire parley/hub"},
	{"parley/unread", "parley"},
	{"parley/presence", "parley"},
	{"parley/watch", "parley parley/wire parley/presence"},
	{"parley/limit", "parley"},
	{"parley/worker", "parley"},
	{"parley/push", "parley parley/worker"},
	{"parley/webhook", "parley parley/wire parley/worker"},
	{"parley/adapter/...", "parley"},
	{"parley/chat", "parley parley/access parley/wire parley/hub parley/feed parley/unread parley/watch parley/presence"},
	{
		"parley/ingest",
		"parley parley/access parley/wire parley/hub parley/feed parley/unread parley/watch parley/presence parley/chat",
	},
	{
		"parley/transport",
		"parley parley/access parley/wire parley/engine parley/hub parley/feed parley/unread parley/watch parley/presence " +
			"parley/chat",
	},
	{"parley/auth", "parley parley/access"},
	{
		"parley/httpapi",
		"parley parley/access parley/wire parley/engine parley/hub parley/feed parley/unread parley/watch parley/presence parley/push " +
			"parley/chat parley/limit parley/transport parley/auth parley/web parley/worker parley/webhook",
	},
	{
		"parley/door",
		"parley parley/access parley/wire parley/engine parley/hub parley/feed parley/unread parley/watch parley/presence " +
			"parley/chat parley/limit parley/transport",
	},
	{"parley/client/...", "parley parley/wire"},
	{"parley/demo", "parley/web"},
	{"parley/terminal", "parley parley/wire parley/client/go"},
	{"parley/testenv/...", ""},
	{"parley/parleytest/...", "*"}, // test code reaches for everything
	{"parley/load/...", "*"},
	{"parley/e2e/...", "*"},
	{"parley/cmd/...", "*"}, // the only place that knows every package
}

func TestDependenciesPointOneWay(t *testing.T) {
	for _, pkg := range list(t) {
		allowed, ok := allowedOf(pkg.ImportPath)
		if !ok {
			t.Errorf("%s stands in no line of mayReach (deps_test.go)", pkg.ImportPath)
			continue
		}
		for _, dep := range pkg.Deps {
			if own := dep == "parley" || strings.HasPrefix(dep, "parley/"); !own {
				if pkg.ImportPath == "parley" && strings.Contains(strings.Split(dep, "/")[0], ".") {
					t.Errorf("parley imports %s; it may import the standard library only", dep)
				}
				continue
			}
			if slices.Contains(allowed, "*") || slices.Contains(allowed, dep) || strings.HasPrefix(dep, "parley/internal/") {
				continue
			}
			t.Errorf("%s reaches %s, which it must not know", pkg.ImportPath, dep)
		}
	}
}

func allowedOf(pkg string) (allowed []string, ok bool) {
	for _, line := range mayReach {
		if below, tree := strings.CutSuffix(line[0], "/..."); pkg == line[0] ||
			tree && (pkg == below || strings.HasPrefix(pkg, below+"/")) {
			return strings.Fields(line[1]), true
		}
	}
	return nil, false
}

type listed struct {
	ImportPath string
	Deps       []string
}

func list(t *testing.T) (all []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Deps", "./...")
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
