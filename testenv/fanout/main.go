// Command fanout measures the cost of a message on the server in each of the three fan-outs, at 10,
// 1,000 and 10,000 readers (docs/fanout.md):
//
//	go build -o parley ./cmd/parley && go run ./testenv/fanout ./parley
//
// A quarter of the readers follow the channel; all are members and follow their own channel, as an
// app with a list of chats does. Linux only: it reads /proc.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	messages = 100
	every    = 100 * time.Millisecond
	tick     = 10 * time.Millisecond // unit of times in /proc
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: fanout PARLEY")
		os.Exit(2)
	}
	fmt.Println("| readers | fan-out | server CPU per message | per reader | frames to readers per message |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for _, readers := range []int{10, 1000, 10_000} {
		for _, mode := range []string{"write", "read", "tiered"} {
			if err := measure(os.Args[1], mode, readers); err != nil {
				fmt.Fprintf(os.Stderr, "fanout: %s with %d readers: %v\n", mode, readers, err)
				os.Exit(1)
			}
		}
	}
}

func measure(parley, mode string, readers int) (err error) {
	dir, err := os.MkdirTemp("", "parley-fanout-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "namespaces:\n  \"x:\": {fanout: %s}\n", mode), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(parley, "dev", "--config", config, "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0",
		"--admin-listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cmd.Process.Kill()); _ = cmd.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return err
	}
	addr := regexp.MustCompile(`http=http://(\S+)`).FindStringSubmatch(line)[1]

	var batch []string
	for i := range readers { // posting adds the user as a member
		batch = append(batch, fmt.Sprintf(`{"channel_id":"x:1","user":"u%d","text":"here"}`, i))
		if len(batch) == 1000 || i == readers-1 {
			if err := post(addr, "/api/messages/batch", "["+strings.Join(batch, ",")+"]"); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	var frames atomic.Int64
	var open sync.WaitGroup
	defer open.Wait()
	for i := range readers {
		paths := []string{fmt.Sprintf("/ws/chat/@u%d?user=u%d", i, i)}
		if i%4 == 0 {
			paths = append(paths, fmt.Sprintf("/ws/chat/x:1?user=u%d", i))
		}
		for _, path := range paths {
			c, err := follow(addr, path)
			if err != nil {
				return err
			}
			defer c.Close()
			open.Go(func() { count(c, &frames) })
		}
	}
	time.Sleep(5 * time.Second) // joins are announced and counted

	idle, err := spend(cmd.Process.Pid, &frames, func() error { time.Sleep(messages * every); return nil })
	if err != nil {
		return err
	}
	busy, err := spend(cmd.Process.Pid, &frames, func() error {
		for i := range messages {
			if err := post(addr, "/api/messages", fmt.Sprintf(`{"channel_id":"x:1","user":"u0","text":"message %d"}`, i)); err != nil {
				return err
			}
			time.Sleep(every)
		}
		return nil
	})
	if err != nil {
		return err
	}
	cpu := max(busy.cpu-idle.cpu, 0)
	fmt.Printf("| %d | %s | %v | %v | %.1f |\n", readers, mode, (cpu / messages).Round(time.Microsecond),
		(cpu / messages / time.Duration(readers)).Round(10*time.Nanosecond), float64(busy.frames)/messages)
	return nil
}

type spent struct {
	cpu    time.Duration
	frames int64
}

// spend measures what a process used, and readers received, while do ran.
func spend(pid int, frames *atomic.Int64, do func() error) (spent, error) {
	before, err := cpu(pid)
	if err != nil {
		return spent{}, err
	}
	got := frames.Load()
	if err := do(); err != nil {
		return spent{}, err
	}
	after, err := cpu(pid)
	return spent{after - before, frames.Load() - got}, err
}

func cpu(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(f[11]+" "+f[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * tick, nil
}

func post(addr, path, body string) error {
	resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %s, %w", path, resp.Status, err)
	}
	return nil
}

// follow opens a WebSocket that only receives.
func follow(addr, path string) (net.Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(
		c,
		"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+
			"AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
		path,
		addr,
	)
	return c, err
}

// count counts what looks like frames of messages, pointers or counts.
func count(c net.Conn, frames *atomic.Int64) {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		for _, kind := range []string{`"type":"message"`, `"type":"more"`, `"type":"unread"`} {
			frames.Add(int64(strings.Count(string(buf[:n]), kind)))
		}
		if err != nil {
			return
		}
	}
}
