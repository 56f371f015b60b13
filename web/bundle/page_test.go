package main

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/parley-server/parley/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// TestThePagesUnits runs the tests of web/chat and web/shared in Node.
func TestThePagesUnits(t *testing.T) {
	node := testenv.Need(t, "node")
	sources, err := filepath.Glob("../*/test/*.test.ts")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no tests (%v)", err)
	}
	dir := t.TempDir()
	args := []string{"--test", "--test-reporter=tap"}
	for _, source := range sources {
		file := filepath.Join(dir, strings.TrimSuffix(filepath.Base(source), ".ts")+".mjs")
		result := api.Build(
			api.BuildOptions{EntryPoints: []string{source}, Bundle: true, Format: api.FormatESModule, Platform: api.PlatformNode,
				Target: api.ES2022, Outfile: file, Write: true})
		if len(result.Errors) > 0 {
			t.Fatal(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), ""))
		}
		args = append(args, file)
	}
	cmd := exec.CommandContext(t.Context(), node, args...)
	cmd.Env = append(os.Environ(), "PARLEY_ROOT="+testenv.Root())
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "# pass 0") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// The names of emoji are those of the package.
func TestTheEmojiAreThoseOfThePackage(t *testing.T) {
	node := testenv.Need(t, "node")
	cmd := exec.CommandContext(t.Context(), node, "../emoji/make.mjs")
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(testenv.Root(), "testenv/.cache/clients/node_modules"))
	made, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("../emoji/data.txt"); err != nil || string(got) != string(made) {
		t.Errorf("web/emoji/data.txt is not what web/emoji/make.mjs makes of gemoji (%v)", err)
	}
}

// The languages of code, their tokenizer and its license are those of the package.
func TestTheLanguagesAreThoseOfThePackage(t *testing.T) {
	node := testenv.Need(t, "node")
	made := t.TempDir()
	cmd := exec.CommandContext(t.Context(), node, "../code/make.mjs", made)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(testenv.Root(), "testenv/.cache/clients/node_modules"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, got := filesOf(t, made), filesOf(t, "../code/speed-highlight")
	if len(want) < 20 || !maps.Equal(want, got) {
		t.Errorf("web/code/speed-highlight is not what web/code/make.mjs copies of @speed-highlight/core: %d files, %d there",
			len(want), len(got))
	}
}

// filesOf are the files below a folder, by name.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
