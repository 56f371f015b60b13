// Package testenv starts what end-to-end tests need: the real binary, and third-party clients, which
// its install script fetches from the ordinary package registries. It ends only processes that it
// started, and never fakes one: if something cannot be installed, the test is skipped visibly.
package testenv

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience limits every wait for something that must happen. It is long because it only matters
// when a test fails.
const Patience = 3 * time.Minute

// Root is the module's directory.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(file))
}

// Main runs the tests of a package and removes what they built; for TestMain.
func Main(m *testing.M) int {
	defer func() {
		if binary.dir != "" {
			os.RemoveAll(binary.dir)
		}
	}()
	return m.Run()
}

// Skip skips a test in the form that make test repeats at its end.
func Skip(t testing.TB, why string) {
	t.Helper()
	t.Skip("SKIPPED: " + strings.TrimPrefix(why, "SKIPPED: "))
}

// Need returns the path of something that testenv/install provides, and installs it first if
// necessary. The test is skipped if it cannot be installed.
func Need(t testing.TB, name string) string {
	t.Helper()
	v, _ := needs.LoadOrStore(name, sync.OnceValues(func() (string, string) { return install(name) }))
	path, why := v.(func() (string, string))()
	if path == "" {
		Skip(t, why)
	}
	return path
}

var needs sync.Map // name → func() (path, reason why not)

func install(name string) (path, why string) {
	cmd := exec.Command("bash", filepath.Join(Root(), "testenv", "install"), name)
	out, err := cmd.Output()
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		if p, ok := strings.CutPrefix(lines.Text(), "READY "+name+" "); ok {
			path = p
		}
		if strings.HasPrefix(lines.Text(), "SKIPPED: ") {
			why = lines.Text()
		}
	}
	if path == "" && why == "" {
		why = name + ": testenv/install says nothing"
		if err != nil {
			why += ": " + err.Error()
		}
	}
	return path, why
}
