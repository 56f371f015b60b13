package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// Readers that stop reading cost the server no memory: what they miss is in the store.
// The short run has 200 stalled readers that miss 200 MB while 20 MB are published;
// PARLEY_STALLED=1000 with PARLEY_STALLED_BATCHES=40 has 1,000 that miss 8 GB while 1
// GB is published.
func TestStalledReadersCostNoMemoryAndMissNothing(t *testing.T) {
	stalled, batches := number(t, "PARLEY_STALLED", 200), number(t, "PARLEY_STALLED_BATCHES", 5)
	const each, batch, size = 8, 50, 4000 // stalled readers of a channel, messages of a batch, bytes of a message
	channels, messages := stalled/each, batches*batch
	missed := int64(stalled) * int64(messages) * size
	server := testenv.Server(t, "--fsync", "memory")

	var readers []*stalledReader
	for i := range stalled {
		r := &stalledReader{t: t, server: server, channel: fmt.Sprint("c", i%channels)}
		if err := r.dial(4096); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.conn.Close() })
		readers = append(readers, r)
	}
	var live sync.WaitGroup // one in each channel, which reads all the time
	for i := range channels {
		r := &stalledReader{t: t, server: server, channel: fmt.Sprint("c", i)}
		if err := r.dial(0); err != nil {
			t.Fatal(err)
		}
		live.Go(func() {
			defer r.conn.Close()
			if err := r.catchUp(messages); err != nil {
				t.Errorf("a reader beside stalled ones: %v", err)
			}
		})
	}
	send := func(channel int) error {
		item := fmt.Sprintf(`{"channel_id":"c%d","user":"alice","text":%q}`, channel, strings.Repeat("x", size))
		body := "[" + strings.Repeat(item+",", batch-1) + item + "]"
		res, err := http.Post(server.URL+"/api/messages/batch", "application/json", strings.NewReader(body))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err == nil &&
			(res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated || bytes.Contains(answer, []byte(`"error"`))) {
			err = fmt.Errorf("%s %.200s", res.Status, answer)
		}
		return err
	}
	// Memory that any traffic takes (recent bytes, the store's tables) is taken at the beginning.
	publish := func(n int) {
		t.Helper()
		var sending sync.WaitGroup
		for part := range 4 {
			sending.Go(func() {
				for range n {
					for c := part; c < channels; c += 4 {
						if err := send(c); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		if sending.Wait(); t.Failed() {
			t.FailNow()
		}
	}
	publish(1)
	before := inUse(t, server)
	publish(batches - 1)
	live.Wait()
	grown := inUse(t, server) - before
	t.Logf("%d stalled readers missed %d MB; the server grew by %d MB", stalled, missed>>20, grown>>20)
	if grown > max(missed/8, 64<<20) {
		t.Errorf("memory grew by %d bytes while stalled readers missed %d", grown, missed)
	}

	resumed := 0
	next := make(chan *stalledReader)
	var reading sync.WaitGroup
	for range 16 {
		reading.Go(func() {
			for r := range next {
				if err := r.catchUp(messages); err != nil {
					t.Errorf("a stalled reader: %v", err)
				}
			}
		})
	}
	for _, r := range readers {
		next <- r
	}
	close(next)
	reading.Wait()
	for _, r := range readers {
		resumed += r.resumed
	}
	t.Logf("all have caught up, %d by resuming", resumed)
	caughtUp := inUse(t, server) - before
	t.Logf("meanwhile the server grew by %d MB", caughtUp>>20)
	if caughtUp > max(missed/8, 160<<20) { // pages are kept for a while
		t.Errorf("memory grew by %d bytes while they caught up", caughtUp)
	}
}

// inUse returns the size of the server's heap. Its resident memory would include what
// the race detector keeps for each byte.
func inUse(t *testing.T, server *testenv.Proc) int64 {
	t.Helper()
	bytes, err := strconv.ParseFloat(metric(t, server, "go_memstats_heap_inuse_bytes"), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(bytes)
}

// stalledReader reads on request, and reconnects if the server has dropped it.
type stalledReader struct {
	t       *testing.T
	server  *testenv.Proc
	channel string
	last    int // the last id that it has seen
	resumed int

	conn net.Conn
	in   *bufio.Reader
}

// dial connects with a receive buffer of room bytes in the kernel (0: the default) and
// reads the answer to the handshake.
func (r *stalledReader) dial(room int) error {
	d := net.Dialer{Timeout: testenv.Patience, Control: func(_, _ string, raw syscall.RawConn) error {
		if room == 0 {
			return nil
		}
		return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, room) })
	}}
	var err error
	if r.conn, err = d.Dial("tcp", strings.TrimPrefix(r.server.URL, "http://")); err != nil {
		return err
	}
	r.in = bufio.NewReader(r.conn)
	request := strings.NewReplacer("HOST", r.conn.RemoteAddr().String(), "general?user=alice",
		fmt.Sprintf("%s?after=%d", r.channel, r.last)).Replace(
		upgrade,
	)
	if _, err = io.WriteString(r.conn, request); err != nil {
		return err
	}
	_, err = http.ReadResponse(r.in, &http.Request{Method: http.MethodGet})
	return err
}

// catchUp reads up to a message, and demands each once and in order.
func (r *stalledReader) catchUp(to int) error {
	_ = r.conn.SetReadDeadline(time.Now().Add(2 * testenv.Patience))
	s := &socket{t: r.t, conn: r.conn, in: r.in}
	for r.last < to {
		op, payload, err := s.next()
		if err != nil || op == opClose {
			if r.resumed++; r.resumed > 3 {
				return fmt.Errorf("after message %d, again: %v", r.last, err)
			}
			r.conn.Close()
			if err := r.dial(0); err != nil {
				return err
			}
			s = &socket{t: r.t, conn: r.conn, in: r.in}
			continue
		}
		var m message
		if op != opText || !strings.HasPrefix(payload, `{"type":"message"`) {
			continue
		}
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			return err
		}
		if m.ID != int64(r.last+1) {
			return fmt.Errorf("message %d after %d", m.ID, r.last)
		}
		r.last++
	}
	return nil
}
