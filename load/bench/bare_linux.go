package bench

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// ServeBare is what a server is compared with: it accepts, upgrades, and then writes
// the frames that in names to every socket of a room, one write(2) for each, and does
// nothing else. A command is a room and a length (32 bits each), then the frame.
func ServeBare(in io.Reader, out io.Writer) error {
	l, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Bind(l, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(l, 4096)
	}
	if err != nil {
		return err
	}
	a, _ := syscall.Getsockname(l)
	fmt.Fprintf(out, "bare http=http://127.0.0.1:%d\n", a.(*syscall.SockaddrInet4).Port)
	var mu sync.Mutex
	rooms := map[uint32][]int{}
	go func() {
		var buf [4096]byte
		for {
			fd, _, err := syscall.Accept4(l, 0)
			if err != nil {
				return
			}
			n, _ := syscall.Read(fd, buf[:])
			path, _, _ := strings.Cut(string(buf[4:max(n, 4)]), " HTTP/")
			room, _ := strconv.Atoi(path[strings.LastIndexByte(path, '.')+1:])
			mu.Lock()
			rooms[uint32(room)] = append(rooms[uint32(room)], fd)
			mu.Unlock()
			_, _ = syscall.Write(fd, bareWelcome(buf[:n]))
		}
	}()
	commands := bufio.NewReaderSize(in, 1<<20)
	var head [8]byte
	for frame := make([]byte, 1<<20); ; {
		if _, err := io.ReadFull(commands, head[:]); err != nil {
			return nil
		}
		n := binary.LittleEndian.Uint32(head[4:])
		if _, err := io.ReadFull(commands, frame[:n]); err != nil {
			return nil
		}
		mu.Lock()
		for _, fd := range rooms[binary.LittleEndian.Uint32(head[:])] {
			syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&frame[0])), uintptr(n))
		}
		mu.Unlock()
	}
}
