package rawio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read is read(2). It returns EAGAIN if nothing can be read, and 0 bytes at the end.
func Read(fd int, p []byte) (n int, err error) {
	return call(unix.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), 0)
}

// Write is write(2). It returns EAGAIN if nothing can be written.
func Write(fd int, p []byte) (n int, err error) {
	return call(unix.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), 0)
}

// Peek is recv(2) that does not take what it reads.
func Peek(fd int, p []byte) (n int, err error) {
	return call(unix.SYS_RECVFROM, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), unix.MSG_PEEK|unix.MSG_DONTWAIT)
}

// Accept is accept4(2) of a connection that does not block. It returns EAGAIN if none waits.
func Accept(listener int, from *unix.RawSockaddrAny) (fd int, err error) {
	for {
		size := uint32(unix.SizeofSockaddrAny)
		fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(&size)),
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// Close is close(2), of a socket that does not linger.
func Close(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// Events is epoll_wait(2) without waiting.
func Events(epoll int, events []unix.EpollEvent) (int, error) {
	return call(unix.SYS_EPOLL_PWAIT, epoll, unsafe.Pointer(unsafe.SliceData(events)), len(events), 0)
}

// call makes a system call that takes n items at p, and flags; its other arguments are 0. It repeats an interrupted one.
func call(number uintptr, fd int, p unsafe.Pointer, n, flags int) (int, error) {
	for {
		done, _, errno := unix.RawSyscall6(number, uintptr(fd), uintptr(p), uintptr(n), uintptr(flags), 0, 0)
		switch errno {
		case 0:
			return int(done), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
