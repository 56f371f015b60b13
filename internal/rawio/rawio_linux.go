package rawio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read is read(2). It returns EAGAIN if nothing can be read, and 0 bytes at the end.
func Read(fd int, p []byte) (n int, err error) {
	return call(unix.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p))
}

// Write is write(2). It returns EAGAIN if nothing can be written.
func Write(fd int, p []byte) (n int, err error) {
	return call(unix.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p))
}

// Events is epoll_wait(2) without waiting.
func Events(epoll int, events []unix.EpollEvent) (int, error) {
	return call(unix.SYS_EPOLL_PWAIT, epoll, unsafe.Pointer(unsafe.SliceData(events)), len(events))
}

// call makes a system call that takes n items at p; its other arguments are 0. It repeats an interrupted one.
func call(number uintptr, fd int, p unsafe.Pointer, n int) (int, error) {
	for {
		done, _, errno := unix.RawSyscall6(number, uintptr(fd), uintptr(p), uintptr(n), 0, 0, 0)
		switch errno {
		case 0:
			return int(done), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
