package rawio_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-server/parley/internal/rawio"
)

func TestDeadAfterSetsTheLimitOfConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := net.Dialer{Control: rawio.DeadAfter(3 * time.Second)}
	nc, err := d.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	limit := 0
	if bad := raw.Control(func(fd uintptr) { limit, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) }); bad != nil {
		t.Fatal(bad)
	}
	if err != nil || limit != 3000 {
		t.Errorf("the limit is %d ms, %v", limit, err)
	}
}

func TestPeekTakesNothing(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer rawio.Close(pair[0])
	var buf [8]byte
	if n, err := rawio.Peek(pair[0], buf[:]); n != 0 || err != unix.EAGAIN {
		t.Errorf("of nothing: %d bytes, %v", n, err)
	}
	if _, err := rawio.Write(pair[1], []byte("abc")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, err := rawio.Peek(pair[0], buf[:]); string(buf[:n]) != "abc" || err != nil {
			t.Errorf("peeked %q, %v", buf[:n], err)
		}
	}
	rawio.Close(pair[1])
	if n, err := rawio.Read(pair[0], buf[:]); string(buf[:n]) != "abc" || err != nil {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	if n, err := rawio.Peek(pair[0], buf[:]); n != 0 || err != nil {
		t.Errorf("at the end: %d bytes, %v", n, err)
	}
}
