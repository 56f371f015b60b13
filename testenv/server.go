package testenv

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Proc is a parley process, and its replacements on the same port and data. Its methods are for one
// goroutine; they fail the test instead of returning errors.
type Proc struct {
	URL      string // http://127.0.0.1:PORT, the same after a restart
	AdminURL string // changes with each start
	Node     string
	Data     string    // its data directory
	Cmd      *exec.Cmd // the current process

	t    testing.TB
	args []string
	env  []string   // in addition to the test's environment
	done chan error // the result of Wait; closed by its goroutine
	log  *tail
}

var readyLine = regexp.MustCompile(`^parley ready http=(\S+) admin=(\S+) node=(\S+)`)

// Server starts parley and waits until it is ready. args are flags for dev, or a verb and its
// flags; Server adds the addresses and the data directory.
func Server(t testing.TB, args ...string) *Proc {
	t.Helper()
	return ServerIn(t, nil, args...)
}

// ServerIn is Server with additional environment variables, each NAME=VALUE.
func ServerIn(t testing.TB, env []string, args ...string) *Proc {
	t.Helper()
	verb := "dev"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	s := &Proc{t: t, Data: t.TempDir(), env: env, log: &tail{}}
	t.Cleanup(s.cleanup)
	var err error
	for range 5 { // another process may take the port between FreePort and listening
		s.args = append([]string{verb, "--listen", FreePort(t), "--admin-listen", "127.0.0.1:0", "--data", s.Data}, args...)
		if err = s.start(); err == nil || !strings.Contains(s.log.String(), "address already in use") {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FreePort returns an unused loopback address. Its port is below the range for outgoing
// connections: a client that repeatedly dials a dead server's port in that range may be assigned
// that very port.
func FreePort(t testing.TB) string {
	t.Helper()
	addr, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func freePort() (addr string, err error) {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
	}
	return "", errors.New("no free port on 127.0.0.1")
}

func (s *Proc) start() error {
	s.Cmd = exec.Command(Binary(s.t), s.args...)
	s.Cmd.Stderr = s.log
	s.Cmd.Env = append(os.Environ(), s.env...)
	leash(s.Cmd)
	stdout, err := s.Cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.Cmd.Start(); err != nil {
		return fmt.Errorf("start parley: %w", err)
	}
	ready, done := make(chan []string, 1), make(chan error, 1)
	s.done = done
	cmd := s.Cmd
	go func() {
		defer close(done)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case ready <- m:
				default:
				}
			}
		}
		io.Copy(io.Discard, stdout)
		done <- cmd.Wait()
	}()
	select {
	case m := <-ready:
		s.URL, s.AdminURL, s.Node = m[1], m[2], m[3]
		return nil
	case err := <-done:
		return fmt.Errorf("parley %s ended before it was ready: %v", strings.Join(s.args, " "), err)
	case <-time.After(Patience):
		return fmt.Errorf("parley %s was not ready after %v", strings.Join(s.args, " "), Patience)
	}
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (s *Proc) Kill() {
	s.t.Helper()
	if err := s.Cmd.Process.Kill(); err != nil {
		s.t.Fatalf("kill parley: %v", err)
	}
	<-s.done
}

// Restart starts parley again on the same port and data, after Kill or Stop.
func (s *Proc) Restart() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// Stop sends SIGTERM and returns the exit code.
func (s *Proc) Stop() int {
	s.t.Helper()
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatalf("stop parley: %v", err)
	}
	select {
	case err := <-s.done:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return 0
	case <-time.After(Patience):
		s.t.Fatalf("parley still runs %v after SIGTERM", Patience)
		return -1
	}
}

// Log returns the end of what all processes so far have written to stderr.
func (s *Proc) Log() string { return s.log.String() }

func (s *Proc) cleanup() {
	if s.done != nil {
		s.Cmd.Process.Kill()
		<-s.done
	}
	if strings.Contains(s.log.String(), "WARNING: DATA RACE") {
		s.t.Errorf("the server has a data race")
	}
	if s.t.Failed() {
		s.t.Logf("stderr of the server:\n%s", s.log.String())
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(p)
	if extra := l.b.Len() - 16<<10; extra > 0 {
		l.b.Next(extra)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
