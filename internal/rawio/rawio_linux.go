package rawio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read is read(2). It returns EAGAIN if nothing can be read, and 0 bytes at the end.
func Read(fd int, p []byte) (n int, err error) { return call(unix.SYS_READ, fd, p) }

// Write is write(2). It returns EAGAIN if nothing can be written.
func Write(fd int, p []byte) (n int, err error) { return call(unix.SYS_WRITE, fd, p) }

func call(number uintptr, fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Events is epoll_wait(2) without waiting.
func Events(epoll int, events []unix.EpollEvent) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
