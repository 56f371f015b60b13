package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server keeps one parley process running.
type server struct {
	name   string
	binary string
	args   []string
	stderr io.Writer
	first  chan struct{} // closed by run when the server is ready for the first time

	mu    sync.Mutex
	cmd   *exec.Cmd // the running process, or nil
	up    bool      // it has reported that it is ready
	kills int
}

// newServer returns a server that is not started yet.
func newServer(name, binary string, stderr io.Writer, args ...string) *server {
	return &server{name: name, binary: binary, args: append([]string{"dev", "--admin-listen", "127.0.0.1:0"}, args...), stderr: stderr,
		first: make(chan struct{})}
}

// run starts the process and restarts it each time it ends, until ctx ends. If the server does not
// become ready the first time, run returns an error: its flags are wrong.
func (s *server) run(ctx context.Context) error {
	for lives := 0; ; lives++ {
		wasReady, err := s.live(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case !wasReady && lives == 0:
			return fmt.Errorf("%s did not start: %w", s.name, err)
		case !wasReady: // the next start would fail too
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Second):
			}
		}
	}
}

// live starts the process and returns when it has ended.
func (s *server) live(ctx context.Context) (wasReady bool, err error) {
	cmd := exec.CommandContext(ctx, s.binary, s.args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second // longer than the server's drain timeout
	cmd.Stderr = s.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	s.set(cmd, false)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if !wasReady && strings.HasPrefix(lines.Text(), "parley ready ") {
			wasReady = true
			s.set(cmd, true)
			select {
			case <-s.first:
			default:
				close(s.first)
			}
		}
	}
	s.set(nil, false)
	return wasReady, cmd.Wait()
}

func (s *server) set(cmd *exec.Cmd, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd, s.up = cmd, up
}

func (s *server) state() (up bool, kills int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up, s.kills
}

var errDead = errors.New("the server is not running; it is being brought back")

// kill ends the process with SIGKILL. run restarts it.
func (s *server) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil || !s.up {
		return errDead
	}
	if err := s.cmd.Process.Kill(); err != nil {
		return errDead
	}
	s.up = false
	s.kills++
	return nil
}
