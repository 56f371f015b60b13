package engine_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"parley/engine"
)

const aHead = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// leaver is a connection of which the client's text was read, as net/http reads it.
func leaver(t *testing.T, text string) (*engine.Leaver, *net.TCPConn) {
	t.Helper()
	client, server := pair(t)
	l := engine.Leaving(server).(*engine.Leaver)
	t.Cleanup(func() { l.Close() })
	fmt.Fprint(client, text)
	expect(t, l, text)
	return l, client
}

func started(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = e.Run(ctx); close(done) }()
	t.Cleanup(func() { e.Close(); stop(); <-done })
	return e
}

// Whatever a client sends in the moment its connection leaves, either the old reader
// has it, and then the connection does not leave, or the engine's peer gets it.
func TestNoByteIsLostWhenAConnectionLeaves(t *testing.T) {
	e := started(t)
	stayed := 0
	for range 500 {
		l, client := leaver(t, aHead)
		read := make(chan string)
		go func() {
			b := make([]byte, 1)
			n, _ := l.Read(b)
			read <- string(b[:n])
		}()
		go fmt.Fprint(client, "x\n")
		if nc, ok := l.Leave(); ok {
			p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
			e.Park(p.conn, nc, nil, p, true, time.Hour)
			if got := <-read; got != "" {
				t.Fatalf("%q was read of a connection that had left", got)
			}
			expect(t, client, "x\n")
		} else {
			stayed++
			if got := <-read; got != "x" {
				t.Fatalf("a connection stayed though only %q was read", got)
			}
		}
		client.Close()
	}
	t.Logf("%d stayed", stayed)
}

func TestAConnectionLeavesAfterOneHeadAlone(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n", aHead + "x", aHead + aHead} {
		l, _ := leaver(t, text)
		if _, ok := l.Leave(); ok {
			t.Errorf("after %q it left", text)
		}
	}
	l, client := leaver(t, aHead)
	fmt.Fprint(client, aHead)
	expect(t, l, aHead)
	l.Idle() // who knows what of it is which request's
	if _, ok := l.Leave(); ok {
		t.Error("after two requests at once it left")
	}
	l, client = leaver(t, aHead)
	l.Idle()
	fmt.Fprint(client, aHead)
	expect(t, l, aHead)
	if _, ok := l.Leave(); !ok {
		t.Error("after its second request it did not leave")
	}
}

func TestALeaverReadsLikeAnyConnection(t *testing.T) {
	l, client := leaver(t, aHead)
	_ = l.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := l.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Errorf("after its deadline: %v", err)
	}
	_ = l.SetReadDeadline(time.Time{})
	client.Close()
	if _, err := l.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the client's end: %v", err)
	}
}
