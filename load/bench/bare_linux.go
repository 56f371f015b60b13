package bench

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// ServeBare accepts and upgrades connections, and writes each frame it reads from in to every
// socket of a room, with one write(2) per socket. A frame is preceded by its room and its length,
// 32 bits each.
func ServeBare(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f, err := l.(*net.TCPListener).File() // a blocking one that Go's poller does not know about
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(out, "bare http=http://%s\n", l.Addr())
	mu, rooms, socket := sync.Mutex{}, map[uint32][]int{}, int(f.Fd())
	go func() {
		for buf := [4096]byte{}; ; {
			fd, _, err := syscall.Accept4(socket, 0)
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
	for head, frame := make([]byte, 8), make([]byte, 1<<20); ; {
		if _, err := io.ReadFull(commands, head); err != nil {
			return nil
		}
		n := binary.LittleEndian.Uint32(head[4:])
		if _, err := io.ReadFull(commands, frame[:n]); err != nil {
			return nil
		}
		mu.Lock()
		for _, fd := range rooms[binary.LittleEndian.Uint32(head)] {
			syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&frame[0])), uintptr(n))
		}
		mu.Unlock()
	}
}
