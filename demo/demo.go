// Package demo shows that readers resume after the server was killed: it keeps a parley dev process running, writes to it
// steadily, and serves a page that reads from it in four ways and has a button to kill it. In a second tab it does the same
// with several nodes behind a balancer. It uses servers only through public interfaces, HTTP and signals.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Channel is the channel that the demo writes to and reads.
const Channel = "demo"

// Config configures a demo. Binary is required.
type Config struct {
	Binary string        // the parley executable
	Args   []string      // additional flags for its dev command; with --data among them, messages are kept
	Listen string        // listen address of the page; "127.0.0.1:8090", since 8080 is dev's own
	Every  time.Duration // the writer's pace; 200 ms
	// Cluster is shown in a second tab. If nil, there is only the single server.
	Cluster *Cluster
	Stdout  io.Writer // receives one line when everything is ready; discarded if nil
	Stderr  io.Writer // receives what the server writes to stderr; discarded if nil
}

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8090"
	}
	if c.Every == 0 {
		c.Every = 200 * time.Millisecond
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	return c
}

// Run runs the demo until ctx ends, then stops the server and returns nil. It returns an error if
// it cannot listen on the page's address, or if the server does not become ready the first time.
func Run(ctx context.Context, c Config) error {
	c = c.withDefaults()
	data, err := os.MkdirTemp("", "parley-demo-")
	if err != nil {
		return fmt.Errorf("make the demo's data directory: %w", err)
	}
	defer os.RemoveAll(data)
	page, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen for the demo's page: %w", err)
	}
	defer page.Close()
	addr, err := freePort()
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// later flags win, so Args may name another data directory
	one := newServer("the server", c.Binary, c.Stderr, append([]string{"--listen", addr, "--data", data}, c.Args...)...)
	scenes := []*scene{{url: "http://" + addr, servers: []*server{one}}}
	if c.Cluster != nil {
		many, err := c.Cluster.scene(c.Binary, data, c.Stderr)
		if err != nil {
			return err
		}
		scenes = append(scenes, many)
	}
	for _, s := range scenes {
		s.writer = &writer{url: s.url + "/api/messages", every: c.Every}
	}
	site := &http.Server{Handler: newHandler(scenes), ReadHeaderTimeout: 10 * time.Second}

	var running sync.WaitGroup
	run := func(f func() error) {
		running.Go(func() {
			if err := f(); err != nil {
				stop(err)
			}
		})
	}
	ready := make(chan struct{})
	for _, s := range scenes {
		for _, server := range s.servers {
			run(func() error { return server.run(ctx) })
		}
	}
	go func() {
		defer close(ready)
		for _, s := range scenes {
			for _, server := range s.servers {
				select {
				case <-server.first:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	select {
	case <-ready:
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(c.Stdout, "parley demo ready page=http://%s server=http://%s\n", page.Addr(), addr)
		for _, s := range scenes {
			run(func() error { return s.writer.run(ctx) })
		}
		run(func() error {
			if err := site.Serve(page); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the demo's page: %w", err)
			}
			return nil
		})
		<-ctx.Done()
		site.Close()
	case <-ctx.Done():
	}
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// freePort returns a loopback address for the server, kept over restarts. Its port is below the
// range for outgoing connections: otherwise a reader that dials the dead server could be assigned
// that very port.
func freePort() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
	}
	return "", errors.New("no free port on 127.0.0.1")
}
