package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-server/parley/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

const elsewhere = "example.org/team" + "/parley" // in two parts, so that moving this module there and back restores this file

// tree writes files to a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	return treeIn(t, t.TempDir(), files)
}

func treeIn(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filesBelow(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}

func mustRename(t *testing.T, dir, path string) (changed int) {
	t.Helper()
	changed, err := rename(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// The module in these cases is called boat, so that a move of this one leaves them alone.
func TestRenameIsExact(t *testing.T) {
	for name, c := range map[string]struct{ old, path, in, want string }{
		"imports": {
			"boat", elsewhere,
			"import (\n\t\"fmt\"\n\n\t\"boat\"\n\tclient \"boat/client/go\"\n)\n\nvar _ = fmt.Sprint(\"boat\")\n",
			"import (\n\t\"fmt\"\n\n\t\"NEW\"\n\tclient \"NEW/client/go\"\n)\n\nvar _ = fmt.Sprint(\"boat\")\n",
		},
		"imports are sorted": {
			"boat", elsewhere, "import (\n\t\"bufio\"\n\t\"net/http\"\n\t\"zoo\"\n\t_ \"boat\"\n)\n",
			"import (\n\t\"bufio\"\n\t_ \"NEW\"\n\t\"net/http\"\n\t\"zoo\"\n)\n",
		},
		"an import that begins alike": {"boat", elsewhere, "import \"boats/wire\"\n", "import \"boats/wire\"\n"},
		"a word": {
			"boat", elsewhere, "// boat is here. See boat/wire and cmd/boat/wire, @boat/client, /etc/boat/wire.\n",
			"// boat is here. See NEW/wire and cmd/boat/wire, @boat/client, /etc/boat/wire.\n",
		},
		"the end of a sentence": {"boat", elsewhere, "// See boat/wire.\n", "// See NEW/wire.\n"},
		"not a package":         {"boat", elsewhere, "// See boat/none.\n", "// See boat/none.\n"},
		"a host": {
			"a.org/b/boat", elsewhere, "// go get a.org/b/boat@latest; https://a.org/b/boat. Not a.org/b/boat-x or xa.org/b/boat.\n",
			"// go get NEW@latest; https://NEW. Not a.org/b/boat-x or xa.org/b/boat.\n",
		},
		"to a path that begins with the old one": {
			"a.org/b/boat", "a.org/b/boat/v2", "import _ \"a.org/b/boat/wire\" // a.org/b/boat\n", "import _ \"NEW/wire\" // NEW\n",
		},
		"and back": {"a.org/b/boat/v2", "a.org/b/boat", "import _ \"a.org/b/boat/v2/wire\"\n", "import _ \"NEW/wire\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, map[string]string{"go.mod": "module " + c.old + "\n\ngo 1.26.0\n", "x/x.go": "package x\n\n" + c.in,
				"wire/wire.go": "package wire\n", "client/client.go": "package client\n", "client/go/go.go": "package client\n"})
			mustRename(t, dir, c.path)
			files := read(t, dir)
			if want := "package x\n\n" + strings.ReplaceAll(c.want, "NEW", c.path); files["x/x.go"] != want {
				t.Errorf("got\n%s\nwant\n%s", files["x/x.go"], want)
			}
			if want := "module " + c.path + "\n\ngo 1.26.0\n"; files["go.mod"] != want {
				t.Errorf("go.mod is %q, want %q", files["go.mod"], want)
			}
			if n := mustRename(t, dir, c.path); n != 0 {
				t.Errorf("a second run changes %d files", n)
			}
		})
	}
}

func TestInterruptedRenameIsFinished(t *testing.T) {
	const path = "a.org/b/boat/v2"
	dir := tree(t, map[string]string{"go.mod": "module a.org/b/boat\n",
		"x/x.go": "package x\n\nimport _ \"a.org/b/boat/v2/wire\"\n",
		"y/y.go": "package y\n\nimport _ \"a.org/b/boat/wire\"\n", "wire/wire.go": "package wire\n"})
	if n := mustRename(t, dir, path); n != 2 {
		t.Errorf("%d files changed, want y.go and go.mod", n)
	}
	for name, text := range read(t, dir) {
		if strings.Contains(text, "v2/v2") || strings.Contains(text, "boat/wire") {
			t.Errorf("%s is %q", name, text)
		}
	}
}

func TestOnlyTextIsMoved(t *testing.T) {
	files := map[string]string{"go.mod": "module a.org/boat\n", "x.bin": "a.org/boat\x00",
		"node_modules/x.md": "a.org/boat", ".git/x": "a.org/boat"}
	dir := tree(t, files)
	if n := mustRename(t, dir, elsewhere); n != 1 {
		t.Errorf("%d files changed, want go.mod alone", n)
	}
}

func TestValidPath(t *testing.T) {
	for path, want := range map[string]bool{"a.org/b/boat": true, "boat.example.org/boat": true, "a.org/b/boat/v2": true,
		"boat": false, "boat/x": false, "example.org": false, "https://example.org/boat": false, "example.org/": false, "x.org/ a": false,
		"": false} {
		if got := validPath.MatchString(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
}

// program belongs to another module, which uses the client.
const program = `package main

import (
	"context"
	"fmt"
	"log"
	"os"

	client "` + elsewhere + `/client/go"
)

func main() {
	ctx := context.Background()
	c := client.New(os.Args[1], client.Config{User: "alice"})
	if _, err := c.Publish(ctx, "general", client.Draft{Text: "hello"}); err != nil {
		log.Fatal(err)
	}
	room := c.Subscribe("general", client.Options{From: client.At(0)})
	for m, err := range room.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.User, m.Text)
		room.Close()
		return
	}
}
`

// After a move, this module compiles, and a program of another module builds with its client and
// talks to a server. Moved back, the module is unchanged.
func TestThisModuleCanBeMoved(t *testing.T) {
	was := read(t, testenv.Root())
	// always the same directory, so that later runs can reuse compiled packages
	dir := filepath.Join(testenv.Root(), "testenv/.cache/moved")
	clear := func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	clear()
	t.Cleanup(clear)
	treeIn(t, dir, was)
	old := module(t, was["go.mod"])
	if n := mustRename(t, dir, elsewhere); n < 100 {
		t.Errorf("%d files changed", n)
	}
	tool(t, dir, "vet", "./...")

	other := tree(t, map[string]string{"main.go": program, "go.sum": was["go.sum"], "go.mod": "module another.example.com/program\n\n" +
		"go 1.26.0\n\nrequire " + elsewhere + " v0.0.0\n\nreplace " + elsewhere + " => " + dir + "\n"})
	tool(t, other, "build", "-mod=mod", "-o", "program", ".")
	server := testenv.Server(t)
	out, err := exec.Command(filepath.Join(other, "program"), server.URL).CombinedOutput()
	if string(out) != "alice hello\n" {
		t.Errorf("the program of another module says %q, %v", out, err)
	}

	mustRename(t, dir, old)
	if is := read(t, dir); !maps.Equal(is, was) {
		for name := range was {
			if is[name] != was[name] {
				t.Errorf("%s is not what it was after the module was moved there and back", name)
			}
		}
	}
}

func module(t *testing.T, text string) string {
	t.Helper()
	m := moduleLine.FindStringSubmatch(text)
	if m == nil {
		t.Fatal("go.mod has no module line")
	}
	return m[1]
}

func tool(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
