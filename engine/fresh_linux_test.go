package engine_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-server/parley/engine"
)

// fresh returns both ends of a connection that an Accepting listener has accepted.
func fresh(t *testing.T, network, address string) (*engine.Fresh, net.Conn) {
	t.Helper()
	plain, err := net.Listen(network, address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { plain.Close() })
	client, err := net.Dial(network, plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	conn, err := engine.Accepting(plain).Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*engine.Fresh), client
}

// arrived waits until n bytes have arrived.
func arrived(t *testing.T, c *engine.Fresh, n int) string {
	t.Helper()
	p := make([]byte, 100)
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); time.Sleep(time.Millisecond) {
		if m := c.Peek(p); m >= n {
			return string(p[:m])
		}
	}
	t.Fatal("nothing arrives")
	return ""
}

func TestAFreshConnectionDoesNotWait(t *testing.T) {
	c, client := fresh(t, "tcp4", "127.0.0.1:0")
	p := make([]byte, 100)
	if n := c.Peek(p); n != 0 {
		t.Errorf("%d bytes before any arrived", n)
	}
	if _, err := c.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading before anything has arrived: %v", err)
	}
	if _, err := io.WriteString(client, "hello"); err != nil {
		t.Fatal(err)
	}
	if got := arrived(t, c, 5) + arrived(t, c, 5); got != "hellohello" {
		t.Errorf("peeked %q", got)
	}
	if n, err := c.Read(p); err != nil || string(p[:n]) != "hello" {
		t.Errorf("read %q, %v", p[:n], err)
	}
	if n, err := c.Write([]byte("hi")); n != 2 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if n, err := client.Read(p); err != nil || string(p[:n]) != "hi" {
		t.Errorf("its client read %q, %v", p[:n], err)
	}
	if n, err := c.Write(make([]byte, 64<<20)); n == 64<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d bytes that nobody reads, %v", n, err)
	}
	client.Close()
	for late := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := c.Read(p)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(late) {
			continue
		}
		if op := (*net.OpError)(nil); err != io.EOF && !errors.As(err, &op) {
			t.Errorf("at the end: %v", err)
		}
		break
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Ordinary(); err == nil {
		t.Error("a closed connection goes on")
	}
	if _, ok := c.Detach(); ok {
		t.Error("a closed connection leaves")
	}
}

// Whatever it goes on as, nothing of what has arrived is lost, and the addresses are those of both ends.
func TestAFreshConnectionGoesOn(t *testing.T) {
	for _, at := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}, {"tcp", ":0"}} {
		c, client := fresh(t, at[0], at[1])
		if got, want := c.RemoteAddr().String(), client.LocalAddr().String(); got != want {
			t.Errorf("%v: its client is %s, want %s", at, got, want)
		}
		if _, err := io.WriteString(client, "hello"); err != nil {
			t.Fatal(err)
		}
		arrived(t, c, 5)
		nc, err := c.Ordinary()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := nc.RemoteAddr().String(), client.LocalAddr().String(); got != want {
			t.Errorf("%v: then its client is %s, want %s", at, got, want)
		}
		p := make([]byte, 100)
		n, err := nc.Read(p)
		if err != nil || string(p[:n]) != "hello" {
			t.Errorf("%v: read %q, %v", at, p[:n], err)
		}
		raw, err := nc.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) {
			for option, want := range map[[2]int]int{{unix.SOL_SOCKET, unix.SO_KEEPALIVE}: 0, {unix.IPPROTO_TCP, unix.TCP_NODELAY}: 1} {
				if got, err := unix.GetsockoptInt(int(fd), option[0], option[1]); err != nil || got != want {
					t.Errorf("%v: option %v is %d, %v; want %d", at, option, got, err, want)
				}
			}
		})
		if err := nc.SetReadDeadline(time.Now()); err != nil {
			t.Error(err)
		}
		if _, err := nc.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v: its deadline: %v", at, err)
		}
		nc.Close()
	}
}

func TestAnAcceptingListenerEndsLikeAnyOther(t *testing.T) {
	plain, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := engine.Accepting(plain)
	ended := make(chan error)
	go func() { _, err := l.Accept(); ended <- err }()
	time.Sleep(10 * time.Millisecond)
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "accept tcp") {
		t.Errorf("it ends with %v", err)
	}
}
