package door

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/parley-server/parley/engine"
)

// queues is how many sockets listen on one address, where the system distributes new
// connections over them. Each has its own accept queue (on Linux of somaxconn
// connections, often 4,096): when ten thousand clients reconnect at once, serving the
// first handshakes keeps the cores from accepting the rest, and a connection that finds
// its queue full is delayed by a second or more.
const queues = 8

// Listen opens an address: all sockets that it returns have the same one. Connections need no
// settings of their own: heartbeats and the engine's timeout find dead peers, not TCP
// keep-alives. The error is that of net.ListenConfig; EADDRINUSE also if another parley listens
// there.
func Listen(address string) ([]net.Listener, error) {
	listening := net.ListenConfig{KeepAlive: -1, Control: engine.TuneListener}
	first, err := listening.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	all := []net.Listener{first}
	// The first socket is bound alone, so that an address in use is noticed, and is shared
	// afterwards.
	if raw, err := first.(*net.TCPListener).SyscallConn(); err != nil || sharePort(raw) != nil {
		return all, nil
	}
	listening.Control = func(network, address string, raw syscall.RawConn) error {
		return errors.Join(engine.TuneListener(network, address, raw), sharePort(raw))
	}
	for len(all) < queues {
		next, err := listening.Listen(context.Background(), "tcp", first.Addr().String())
		if err != nil {
			break // the existing queues are sufficient
		}
		all = append(all, next)
	}
	return all, nil
}
