package main

import (
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
