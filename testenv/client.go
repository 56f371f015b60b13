package testenv

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Client is a program that talks to the server and reports what it sees, line by line, on stdout.
// Its methods are for one goroutine.
type Client struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // closed by the reading goroutine when the program has ended
	err   error       // from Wait; set before lines is closed
	log   *tail
}

// Node runs a script that can import npm's ws, eventsource and playwright-core.
func Node(t testing.TB, script string, args ...string) *Client {
	t.Helper()
	return start(t, []string{"NODE_PATH=" + filepath.Join(Root(), "testenv/.cache/clients/node_modules")},
		Need(t, "node"), append([]string{script}, args...)...)
}

// Python runs a script that can import websockets, httpx and httpx-sse.
func Python(t testing.TB, script string, args ...string) *Client {
	t.Helper()
	return start(t, []string{"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"}, Need(t, "python"), append([]string{script}, args...)...)
}

// Browser runs a Node script that drives headless Chromium through testenv/clients/browser.cjs. At
// most two run at a time, since a browser is heavy.
func Browser(t testing.TB, script string, args ...string) *Client {
	t.Helper()
	chromium := Need(t, "chromium")
	node := Need(t, "node")
	browsers <- struct{}{}
	t.Cleanup(func() { <-browsers })
	return start(t, []string{
		"NODE_PATH=" + filepath.Join(Root(), "testenv/.cache/clients/node_modules"),
		"CHROMIUM=" + chromium,
	}, node, append([]string{script}, args...)...)
}

var browsers = make(chan struct{}, 2)

// Run starts any program as a Client.
func Run(t testing.TB, name string, args ...string) *Client {
	t.Helper()
	return start(t, nil, name, args...)
}

func start(t testing.TB, env []string, name string, args ...string) *Client {
	t.Helper()
	c := &Client{t: t, name: filepath.Base(name) + " " + strings.Join(args, " "), lines: make(chan string, 1<<16), log: &tail{}}
	c.cmd = exec.Command(name, args...)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = c.log
	leash(c.cmd)
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", c.name, err)
	}
	go func() {
		in := bufio.NewScanner(stdout)
		in.Buffer(nil, 4<<20)
		for in.Scan() {
			c.lines <- in.Text()
		}
		c.err = c.cmd.Wait()
		close(c.lines)
	}()
	t.Cleanup(c.cleanup)
	return c
}

// Line returns the next line that the program writes.
func (c *Client) Line() string {
	c.t.Helper()
	select {
	case line, ok := <-c.lines:
		if !ok {
			c.t.Fatalf("%s ended: %v", c.name, c.err)
		}
		return line
	case <-time.After(Patience):
		c.t.Fatalf("%s wrote nothing for %v", c.name, Patience)
	}
	return ""
}

// LineWithin is Line for output that is optional: ok is false if no line came in time.
func (c *Client) LineWithin(d time.Duration) (line string, ok bool) {
	c.t.Helper()
	select {
	case line, ok := <-c.lines:
		if !ok {
			c.t.Fatalf("%s ended: %v", c.name, c.err)
		}
		return line, true
	case <-time.After(d):
		return "", false
	}
}

// JSON decodes the next line.
func (c *Client) JSON(v any) {
	c.t.Helper()
	line := c.Line()
	if err := json.Unmarshal([]byte(line), v); err != nil {
		c.t.Fatalf("%s wrote %q: %v", c.name, line, err)
	}
}

// Expect reads one line, which must be want.
func (c *Client) Expect(want string) {
	c.t.Helper()
	if line := c.Line(); line != want {
		c.t.Fatalf("%s wrote %q, not %q", c.name, line, want)
	}
}

// Say writes a line to the program's stdin.
func (c *Client) Say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.stdin, line+"\n"); err != nil {
		c.t.Fatalf("%s does not read: %v", c.name, err)
	}
}

// Rest closes stdin and returns all lines until the program ends, which it must do with exit code
// 0. It waits up to twice Patience, since a browser may still have its whole script to run.
func (c *Client) Rest() []string {
	c.t.Helper()
	c.stdin.Close()
	var rest []string
	late := time.After(2 * Patience)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				if c.err != nil {
					c.t.Fatalf("%s: %v", c.name, c.err)
				}
				return rest
			}
			rest = append(rest, line)
		case <-late:
			c.t.Fatalf("%s still runs after %v", c.name, 2*Patience)
		}
	}
}

// cleanup asks the program to exit by closing its stdin, and kills it if it does not.
func (c *Client) cleanup() {
	c.stdin.Close()
	for _, sig := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGKILL} {
		if sig != 0 {
			c.cmd.Process.Signal(sig)
		}
		if c.drained(5 * time.Second) {
			break
		}
	}
	if c.t.Failed() {
		c.t.Logf("stderr of %s:\n%s", c.name, c.log.String())
	}
}

func (c *Client) drained(patience time.Duration) bool {
	late := time.After(patience)
	for {
		select {
		case _, ok := <-c.lines:
			if !ok {
				return true
			}
		case <-late:
			return false
		}
	}
}
