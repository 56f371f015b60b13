package rawio_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/parley-server/parley/internal/rawio"
)

// pair returns both ends of a connection, the first wrapped.
func pair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return rawio.Wrap(a), b
}

func TestLargeWritesArriveWhole(t *testing.T) {
	a, b := pair(t)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // more than the socket's buffers
	go func() {
		_, _ = a.Write(sent)
		_ = a.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes arrived: %v", len(got), len(sent), err)
	}
}

func TestReadsReturnWhatIsThereAndTheEnd(t *testing.T) {
	a, b := pair(t)
	go func() {
		_, _ = b.Write([]byte("hello"))
		b.Close()
	}()
	if got, err := io.ReadAll(a); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDeadlinesAndCloseEndCalls(t *testing.T) {
	a, _ := pair(t)
	_ = a.SetDeadline(time.Now().Add(-time.Second))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read after its deadline: %v", err)
	}
	if n, err := a.Write(make([]byte, 32<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n == 32<<20 {
		t.Errorf("a write after its deadline: %d, %v", n, err)
	}
	_ = a.SetDeadline(time.Time{})
	ended := make(chan error, 1) // buffered for its only sender
	go func() { _, err := a.Read(make([]byte, 1)); ended <- err }()
	_ = a.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a read of a closed connection: %v", err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write to a closed connection: %v", err)
	}
}

func TestResetIsAnError(t *testing.T) {
	a, b := pair(t)
	_ = b.(*net.TCPConn).SetLinger(0)
	_ = b.Close()
	if _, err := a.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("a read after a reset: %v", err)
	}
}

func TestOtherConnectionsAreNotChanged(t *testing.T) {
	a, _ := net.Pipe()
	if rawio.Wrap(a) != a {
		t.Error("a pipe is wrapped")
	}
}
