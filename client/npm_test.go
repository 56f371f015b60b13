// Package client_test runs the tests of the npm packages, client/ts and client/react, in
// Node: the units without network and clock, the scenarios against the real binary.
package client_test

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

	"github.com/parley-server/parley/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// run runs a Node tool in a package's folder and returns its output.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s in %s: %v\n%s%s", name, strings.Join(args, " "), dir, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// compile runs the compiler, strictly, with one of a package's settings. The output
// folder is first emptied.
func compile(t *testing.T, dir, settings, output string) {
	t.Helper()
	tsc := testenv.Need(t, "typescript")
	if err := os.RemoveAll(filepath.Join(dir, output)); err != nil {
		t.Fatal(err)
	}
	run(t, dir, nil, tsc, "-p", settings)
}

var counts = regexp.MustCompile(`(?m)^# (pass|fail|skipped) (\d+)$`)

// node runs test files and logs how many tests passed.
func node(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	out := run(
		t,
		dir,
		env,
		testenv.Need(t, "node"),
		append([]string{"--experimental-websocket", "--test", "--test-reporter=tap"}, args...)...)
	found := counts.FindAllString(out, -1)
	if len(found) == 0 || slices.Contains(found, "# pass 0") {
		t.Fatalf("no test ran:\n%s", out)
	}
	t.Log(strings.Join(found, " "))
}

// compiled returns the compiled files of tests.
func compiled(t *testing.T, dir, build string) (files []string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(dir, "test/*.test.ts"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no tests in %s (%v)", dir, err)
	}
	for _, f := range sources {
		files = append(files, filepath.Join(build, strings.TrimSuffix(filepath.Base(f), ".ts")+".js"))
	}
	return files
}

func TestUnits(t *testing.T) {
	compile(t, "ts", "tsconfig.json", "build")
	units := slices.DeleteFunc(compiled(t, "ts", "build/test"), func(f string) bool { return strings.HasSuffix(f, "scenarios.test.js") })
	node(t, "ts", nil, units...)
	for _, fault := range []string{"missing", "throws", "dies"} { // faults of session storage; test/faults.test.ts has the other APIs
		t.Run("session storage "+fault, func(t *testing.T) {
			t.Parallel()
			node(t, "ts", []string{"PARLEY_SESSION_FAULT=" + fault}, units...)
		})
	}
}

func TestScenarios(t *testing.T) {
	compile(t, "ts", "tsconfig.json", "build")
	binary := "PARLEY_BINARY=" + testenv.Binary(t)
	node(t, "ts", []string{binary}, "build/test/scenarios.test.js")
	bundle := "PARLEY_BUNDLE=" + filepath.Join(testenv.Root(), "web", "parley.js")
	node(t, "ts", []string{binary, bundle}, "--test-name-pattern=hops|events reach|other scripts", "build/test/scenarios.test.js")
}

func TestReactHooks(t *testing.T) {
	compile(t, "ts", "tsconfig.build.json", "dist") // what the hooks import
	compile(t, "react", "tsconfig.json", "build")
	node(t, "react", nil, compiled(t, "react", "build/react/test")...)
}

// TestThePackages checks that what npm would publish is what users need, and refers to
// nothing on this machine.
func TestThePackages(t *testing.T) {
	allowed := regexp.MustCompile(`^(dist/(cjs/)?\w+\.(js|d\.ts)|dist/cjs/package\.json|package\.json|README\.md|LICENSE)$`)
	testenv.Need(t, "typescript")
	for _, dir := range []string{"ts", "react"} { // in the order of their dependence
		run(t, dir, nil, "npm", "run", "--silent", "build")
		var packed []struct{ Files []struct{ Path string } }
		if err := json.Unmarshal([]byte(run(t, dir, nil, "npm", "pack", "--dry-run", "--json", "--ignore-scripts")), &packed); err != nil ||
			len(packed) != 1 {
			t.Fatalf("npm pack: %v, %d packages", err, len(packed))
		}
		var names []string
		for _, f := range packed[0].Files {
			if names = append(names, f.Path); !allowed.MatchString(f.Path) {
				t.Errorf("%s: the package holds %s", dir, f.Path)
			}
		}
		for _, want := range []string{
			"dist/index.js", "dist/index.d.ts", "dist/cjs/index.js", "dist/cjs/package.json", "package.json", "README.md",
		} {
			if !slices.Contains(names, want) {
				t.Errorf("%s: the package lacks %s", dir, want)
			}
		}
		read := func(file string) []byte {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		for _, field := range []string{"homepage", "repository", "bugs", "license"} {
			if !bytes.Contains(read("package.json"), []byte(`"`+field+`": `)) {
				t.Errorf("%s/package.json has no %s", dir, field)
			}
		}
		if bytes.Contains(read("package.json"), []byte(`"dependencies": {`)) {
			t.Errorf("%s has a run-time dependency", dir)
		}
		if regexp.MustCompile(`"resolved": "\w+://`).Match(read("package-lock.json")) {
			t.Errorf("%s/package-lock.json names a registry", dir)
		}
	}
}

// TestTheTypesNeedNoBrowser checks that a program without the types of the DOM can use the package.
func TestTheTypesNeedNoBrowser(t *testing.T) {
	compile(t, "ts", "tsconfig.build.json", "dist")
	run(t, "ts", nil, testenv.Need(t, "typescript"), "-p", "test/consumer")
}
