package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is the server under test: either started by this process, or an existing one, which may have several
// nodes.
type Server struct {
	URLs []string
	PIDs []int  // empty: unknown, CPU and memory are not measured
	Data string // data directory, if this process started it

	cmd  *exec.Cmd
	log  *head         // the beginning of its stderr
	done chan struct{} // closed when the process has ended

	nodes []*Server // its nodes, if this process started several
}

// head keeps the first 2 KiB written to it.
type head struct {
	mu sync.Mutex
	b  []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.b = append(h.b, p[:min(len(p), 2<<10-len(h.b))]...)
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.b)
}

// Died reports whether a server started by this process has ended by itself, and returns its log.
func (s *Server) Died() (log string, died bool) {
	for _, node := range s.nodes {
		if log, died = node.Died(); died {
			return log, true
		}
	}
	select {
	case <-s.done: // nil if this process did not start it
		return s.log.String(), true
	default:
		return "", false
	}
}

func (s *Server) measured() bool { return len(s.PIDs) > 0 }

// StartServer starts a development server with temporary data.
func StartServer(ctx context.Context, binary, dir string, flags ...string) (*Server, error) {
	data, err := os.MkdirTemp(dir, "parley-bench-")
	if err != nil {
		return nil, err
	}
	args := append(
		[]string{"dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "warn", "--data", data},
		flags...)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	s := &Server{Data: data, cmd: cmd, log: &head{}, done: make(chan struct{})}
	cmd.Stderr = s.log
	line, err := startChild(cmd)
	for _, word := range strings.Fields(line) {
		if url, ok := strings.CutPrefix(word, "http="); ok {
			s.URLs = []string{url}
		}
	}
	if err != nil || len(s.URLs) == 0 {
		s.Stop()
		return nil, fmt.Errorf("start a server: %v\n%s", err, s.log)
	}
	s.PIDs = []int{cmd.Process.Pid}
	go func() { _ = cmd.Wait(); close(s.done) }()
	return s, nil
}

// Stop ends a server that this process started and removes its data.
func (s *Server) Stop() {
	for _, node := range s.nodes {
		node.Stop()
	}
	if s.cmd == nil {
		return
	}
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Kill() // it may have ended already
		if s.measured() && s.done != nil {
			<-s.done
		} else {
			_ = s.cmd.Wait()
		}
	}
	if s.Data != "" {
		_ = os.RemoveAll(s.Data)
	}
}

// startChild starts a process and returns the first line it prints. The rest is discarded.
func startChild(cmd *exec.Cmd) (line string, err error) {
	leash(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	lines := bufio.NewReader(stdout)
	late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if line, err = lines.ReadString('\n'); err != nil {
		return "", errors.New("it ended before it was ready")
	}
	go io.Copy(io.Discard, lines)
	return line, nil
}

// worker is another process of this program, which runs a Swarm.
type worker struct {
	cmd    *exec.Cmd
	client *rpc.Client
}

// WorkerCommand and BareCommand are the hidden commands of the binary that run
// ServeWorker and ServeBare.
const (
	WorkerCommand = "bench-worker"
	BareCommand   = "bench-bare"
)

func startWorker(ctx context.Context, binary string) (*worker, error) {
	cmd := exec.CommandContext(ctx, binary, WorkerCommand)
	leash(cmd)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	return &worker{cmd, rpc.NewClient(pipes{out, in})}, nil
}

func (w *worker) stop() {
	_ = w.client.Close()
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
}

type pipes struct {
	io.Reader
	io.WriteCloser
}

// ServeWorker runs a worker process: it serves requests from in until in ends.
func ServeWorker(in io.Reader, out io.WriteCloser) error {
	s, err := NewSwarm()
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.Register(s); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.loop.run(s.turn) }()
	go func() { server.ServeConn(pipes{in, out}); ended <- nil }()
	return <-ended
}
