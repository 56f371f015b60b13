//go:build unix

package main

import (
	"net"
	"syscall"
)

// spare is how many descriptors are kept for the store and for answering those who
// can't be served.
const spare = 256

// descriptors is how many files and sockets the process may have open.
func descriptors() int {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil || lim.Cur > 1<<30 {
		return 1 << 30
	}
	return int(lim.Cur)
}

// tooMany tells whether a connection took one of the spare descriptors. A system gives
// the lowest number that is free, so that the number tells how many are taken.
func tooMany(nc net.Conn, limit int) bool {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	number := 0
	_ = raw.Control(func(fd uintptr) { number = int(fd) })
	return number >= limit-spare
}
