// Package ts_test runs the tests of the TypeScript client, which are Node's: the units in
// a world without network and clock, the scenarios against the real binary.
package ts_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// run runs a tool of Node's in this folder and returns what it wrote.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// compiled compiles sources and tests, strictly, into build/.
func compiled(t *testing.T) {
	t.Helper()
	tsc := testenv.Need(t, "typescript")
	if err := os.RemoveAll("build"); err != nil {
		t.Fatal(err)
	}
	run(t, nil, tsc, "-p", "tsconfig.json")
}

var counts = regexp.MustCompile(`(?m)^# (pass|fail|skipped) (\d+)$`)

// node runs test files and logs how many tests passed.
func node(t *testing.T, env []string, args ...string) {
	t.Helper()
	out := run(t, env, testenv.Need(t, "node"), append([]string{"--experimental-websocket", "--test", "--test-reporter=tap"}, args...)...)
	found := counts.FindAllString(out, -1)
	if len(found) == 0 || slices.Contains(found, "# pass 0") {
		t.Fatalf("no test ran:\n%s", out)
	}
	t.Log(strings.Join(found, " "))
}

func TestUnits(t *testing.T) {
	compiled(t)
	files, err := filepath.Glob("test/*.test.ts")
	if err != nil {
		t.Fatal(err)
	}
	var units []string
	for _, f := range files {
		if f != "test/scenarios.test.ts" {
			units = append(units, filepath.Join("build", strings.TrimSuffix(f, ".ts")+".js"))
		}
	}
	node(t, nil, units...)
}

func TestScenarios(t *testing.T) {
	compiled(t)
	binary := "PARLEY_BINARY=" + testenv.Binary(t)
	node(t, []string{binary}, "build/test/scenarios.test.js")
	bundle := "PARLEY_BUNDLE=" + filepath.Join(testenv.Root(), "web", "parley.js")
	node(t, []string{binary, bundle}, "--test-name-pattern=all transports", "--test-name-pattern=hops", "build/test/scenarios.test.js")
}

// TestThePackage: what npm would publish is what users need, and refers to nothing of
// this machine.
func TestThePackage(t *testing.T) {
	tsc := testenv.Need(t, "typescript")
	if err := os.RemoveAll("dist"); err != nil {
		t.Fatal(err)
	}
	run(t, nil, tsc, "-p", "tsconfig.build.json")
	var packed []struct{ Files []struct{ Path string } }
	if err := json.Unmarshal([]byte(run(t, nil, "npm", "pack", "--dry-run", "--json", "--ignore-scripts")), &packed); err != nil || len(packed) != 1 {
		t.Fatalf("npm pack: %v, %d packages", err, len(packed))
	}
	allowed := regexp.MustCompile(`^(dist/\w+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$`)
	var names []string
	for _, f := range packed[0].Files {
		if names = append(names, f.Path); !allowed.MatchString(f.Path) {
			t.Errorf("the package holds %s", f.Path)
		}
	}
	for _, want := range []string{"dist/index.js", "dist/index.d.ts", "package.json", "README.md"} {
		if !slices.Contains(names, want) {
			t.Errorf("the package lacks %s", want)
		}
	}
	for _, file := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(`"resolved"`)) || bytes.Contains(b, []byte(`"dependencies": {`)) && file == "package.json" {
			t.Errorf("%s names a registry or a run-time dependency", file)
		}
	}
}

// TestTheTypesNeedNoBrowser: a program without the types of the DOM can use the package.
func TestTheTypesNeedNoBrowser(t *testing.T) {
	tsc := testenv.Need(t, "typescript")
	run(t, nil, tsc, "-p", "tsconfig.build.json")
	run(t, nil, tsc, "-p", "test/consumer")
}
