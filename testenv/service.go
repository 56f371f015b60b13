package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

var serviceReady = regexp.MustCompile(`(?m)^READY \S+ (?:urls?|addr|hosts|cluster|brokers)=(\S+)`)

// Service starts one of testenv/services on a free port, stops it when the test ends, and returns
// its address as printed by the script. The script installs the server first if necessary; if that
// fails, the test is skipped.
func Service(t testing.TB, name string, args ...string) (url string) {
	t.Helper()
	s := NewService(name, args...)
	url = s.URL(t)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// NeedService skips the test if one of testenv/services cannot be installed.
func NeedService(t testing.TB, name string) {
	t.Helper()
	if why := absent(filepath.Join(Root(), "testenv", "services", name)); why != "" {
		Skip(t, why)
	}
}

// absent installs a service and returns the reason if that is not possible.
func absent(script string) (why string) {
	if out, err := exec.Command(script, "install").CombinedOutput(); err != nil {
		return filepath.Base(script) + ": " + lastLine(string(out))
	}
	return ""
}

// SharedService is one of testenv/services, shared by all tests of a package: the first test that asks
// for its address starts it, and TestMain stops it.
type SharedService struct {
	script, dir string
	args        []string
	start       func() (url string)

	// set by start
	where  []string // arguments for the port and directory; nil: not started
	absent string   // why it cannot be installed
	err    error
}

// NewService returns a service that is not started yet.
func NewService(name string, args ...string) *SharedService {
	s := &SharedService{script: filepath.Join(Root(), "testenv", "services", name), args: args}
	s.start = sync.OnceValue(s.up)
	return s
}

// URL returns the address of the service as printed by its script. The test is skipped if the service cannot be
// installed.
func (s *SharedService) URL(t testing.TB) string {
	t.Helper()
	url := s.start()
	if s.absent != "" {
		Skip(t, s.absent)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return url
}

func (s *SharedService) up() (url string) {
	name := filepath.Base(s.script)
	if s.absent = absent(s.script); s.absent != "" {
		return ""
	}
	out, err := s.upSomewhere(name)
	for range 4 { // a service with several nodes also takes the following ports
		if err == nil || !strings.Contains(err.Error(), "in use") && !strings.Contains(err.Error(), "is taken by") {
			break
		}
		if err = s.Stop(); err == nil {
			out, err = s.upSomewhere(name)
		}
	}
	if err != nil {
		s.err = err
		return ""
	}
	ready := serviceReady.FindStringSubmatch(out)
	if ready == nil {
		s.err = fmt.Errorf("%s is not ready:\n%s", name, out)
		return ""
	}
	return ready[1]
}

// upSomewhere starts the service on a free port.
func (s *SharedService) upSomewhere(name string) (out string, err error) {
	addr, err := freePort()
	if err == nil {
		s.dir, err = os.MkdirTemp("", "parley-"+name)
	}
	if err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	s.where = []string{"--port", addr[strings.LastIndexByte(addr, ':')+1:], "--dir", s.dir}
	return s.Control("up")
}

// Control calls the script of a started service with another verb, such as kill or up.
func (s *SharedService) Control(verb string, args ...string) (out string, err error) {
	args = append(append(append([]string{verb}, s.where...), s.args...), args...)
	b, err := exec.Command(s.script, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(s.script), verb, err, b)
	}
	return string(b), nil
}

// Dir is the directory in which a started service keeps its files.
func (s *SharedService) Dir() string { return s.dir }

// Signal sends a signal to the process of a started service: SIGSTOP freezes it. If the service has several nodes, node selects one,
// counted from 1.
func (s *SharedService) Signal(node int, sig syscall.Signal) error {
	file := filepath.Join(s.dir, fmt.Sprint("n", node), "pid")
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = os.ReadFile(filepath.Join(s.dir, "pid"))
	}
	if err != nil {
		return err
	}
	pid, _, _ := strings.Cut(string(b), " ")
	n, err := strconv.Atoi(pid)
	if err != nil {
		return fmt.Errorf("read the process of %s: %w", filepath.Base(s.script), err)
	}
	return syscall.Kill(n, sig)
}

// Stop ends the service, if it was started.
func (s *SharedService) Stop() error {
	if s.where == nil {
		return nil
	}
	_, err := s.Control("down", "--wipe")
	return err
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
