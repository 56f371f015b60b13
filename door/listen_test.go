package door

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// listenOn listens on an address until the test ends.
func listenOn(t *testing.T, address string) []net.Listener {
	t.Helper()
	sockets, err := Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sockets {
		t.Cleanup(func() { s.Close() })
	}
	return sockets
}

func TestConnectionsAreDistributedOverSeveralQueues(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system has one queue for an address")
	}
	sockets := listenOn(t, "127.0.0.1:0")
	if len(sockets) != queues {
		t.Fatalf("%d sockets, want %d", len(sockets), queues)
	}
	const connections = 50 * queues
	counts := make([]int, len(sockets))
	var accepting sync.WaitGroup
	for i, s := range sockets {
		if s.Addr().String() != sockets[0].Addr().String() {
			t.Errorf("socket %d is at %s, the first at %s", i, s.Addr(), sockets[0].Addr())
		}
		accepting.Go(func() {
			for conn, err := s.Accept(); err == nil; conn, err = s.Accept() {
				counts[i]++
				conn.Close()
			}
		})
	}
	for range connections {
		conn, err := net.Dial("tcp", sockets[0].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Read(make([]byte, 1)) // until it is accepted
		conn.Close()
	}
	for _, s := range sockets {
		s.Close()
	}
	accepting.Wait()
	all := 0
	for i, n := range counts {
		if all += n; n == 0 || n > connections/2 {
			t.Errorf("socket %d accepted %d of %d connections", i, n, connections)
		}
	}
	if all != connections {
		t.Errorf("%d of %d connections were accepted", all, connections)
	}
}

// If sockets shared an address, a second server could start next to the first and take
// some of its clients.
func TestAnAddressInUseIsRefused(t *testing.T) {
	taken := listenOn(t, "127.0.0.1:0")
	if _, err := Listen(taken[0].Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second server on the address: %v, want EADDRINUSE", err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := Listen(plain.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another program's address: %v, want EADDRINUSE", err)
	}
}
