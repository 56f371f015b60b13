//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// TestMain also runs the server of BenchmarkIdle, whose memory is measured from outside.
func TestMain(m *testing.M) {
	engine := os.Getenv("PARLEY_IDLE_SERVER")
	if engine == "" {
		os.Exit(m.Run())
	}
	p := &program{
		args:     os.Args[1:],
		getenv:   func(string) string { return "" },
		stdin:    os.Stdin,
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		portable: engine == "portable",
	}
	os.Exit(p.run(context.Background()))
}

// BenchmarkIdle measures the server's memory for each silent connection, a minute after
// the last one was opened, minus the empty server: what parley bench idle measures, for
// the kinds of connections that it cannot open. Each has a separate user and channel.
func BenchmarkIdle(b *testing.B) {
	const connections, settle = 15_000, time.Minute
	for _, c := range []struct {
		name, engine, path, upgrade string
		secure                      bool
	}{
		{"websocket/portable", "portable", "/ws/chat/", upgradeLines, false},
		{"sse/portable", "portable", "/api/stream/", "", false},
		{"websocket/tls", "parked", "/ws/chat/", upgradeLines, true},
		{"sse/tls", "parked", "/api/stream/", "", true},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				args := []string{
					"dev",
					"--listen",
					"127.0.0.1:0",
					"--admin-listen",
					"127.0.0.1:0",
					"--data",
					b.TempDir(),
					"--log-level",
					"error",
				}
				dial := net.Dial
				if c.secure {
					cert, key, roots := testenv.Certificate(b)
					args = append(args, "--tls-cert", cert, "--tls-key", key)
					dial = func(network, address string) (net.Conn, error) { return tls.Dial(network, address, trusting(roots)) }
				}
				address, memory := serving(b, c.engine, args...)
				time.Sleep(3 * time.Second)
				empty := memory()
				var dialing sync.WaitGroup
				for part := range 8 {
					dialing.Go(func() {
						for i := part; i < connections; i += 8 {
							nc, err := dial("tcp", address)
							if err == nil {
								b.Cleanup(func() { nc.Close() })
								err = welcomed(nc,
									fmt.Sprintf("GET %sidle.%d?user=u%d HTTP/1.1\r\nHost: %s\r\n%s\r\n", c.path, i, i, address, c.upgrade))
							}
							if err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				dialing.Wait()
				time.Sleep(settle)
				b.ReportMetric(float64(memory()-empty)/connections, "B/conn")
			}
		})
	}
}

const upgradeLines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
	"AQIDBAUGBwgJCgsMDQ4PEA==\r\n"

// trusting speaks HTTP/1.1, as browsers do for WebSockets.
func trusting(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}, ClientSessionCache: nil}
}

// serving starts this test binary as a server and returns its address and a function
// that returns its resident memory.
func serving(b *testing.B, engine string, args ...string) (address string, memory func() int64) {
	b.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "PARLEY_IDLE_SERVER="+engine)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal("the server did not start: ", err)
	}
	address = regexp.MustCompile(`http=https?://(\S+)`).FindStringSubmatch(line)[1]
	return address, func() int64 {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			b.Fatal(err)
		}
		kb := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)[1]
		n, _ := strconv.ParseInt(string(kb), 10, 64)
		return n << 10
	}
}

// welcomed sends a request and reads until the server has welcomed it.
func welcomed(nc net.Conn, request string) error {
	if _, err := io.WriteString(nc, request); err != nil {
		return err
	}
	got, buf := "", make([]byte, 2048)
	for !strings.Contains(got, `"type":"welcome"`) {
		n, err := nc.Read(buf)
		if err != nil {
			return fmt.Errorf("after %q: %w", got, err)
		}
		got += string(buf[:n])
	}
	return nil
}
