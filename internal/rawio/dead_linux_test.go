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
