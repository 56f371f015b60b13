package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var binary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Binary builds cmd/parley, once per test process, and returns its path. Under the race detector
// the server is built with it too. PARLEY_BINARY names an existing binary to use instead.
func Binary(t testing.TB) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.path = os.Getenv("PARLEY_BINARY"); binary.path != "" {
			return
		}
		if binary.dir, binary.err = os.MkdirTemp("", "parley-test-"); binary.err != nil {
			return
		}
		binary.path = filepath.Join(binary.dir, "parley")
		binary.err = Build(binary.path, "./cmd/parley")
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// Build compiles a command of this module into a file.
func Build(file, pkg string) error {
	args := []string{"build", "-o", file}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}
