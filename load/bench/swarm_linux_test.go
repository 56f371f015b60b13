package bench

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/wire"
)

// liar is a server that welcomes WebSockets and then delivers whatever ids the test specifies.
func liar(t *testing.T, ids ...int64) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lie(t, l, ids...)
}

// lie makes a listener such a server.
func lie(t *testing.T, l net.Listener, ids ...int64) (url string) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			request := make([]byte, 4096)
			n, _ := c.Read(request)
			answer := bareWelcome(request[:n])
			for _, id := range ids {
				m := appendMessage(nil, id, time.Now().UnixNano(), 0, int(id), "b.0", 128)
				answer = append(wire.AppendFrameHeader(answer, wire.OpText, len(m)), m...)
			}
			_, _ = c.Write(answer)
		}
	}()
	return "http://" + l.Addr().String()
}

func swarm(t *testing.T, url string, count int) *Swarm {
	t.Helper()
	s, err := NewSwarm()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.loop.run(s.turn) }() // it ends with the process
	if err := s.Start(SwarmArgs{Servers: []string{url}, Transport: "websocket", Prefix: "b", Count: count, Channels: 1}, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReadersOfAChannelHaveAdjacentPlaces(t *testing.T) {
	for _, c := range []struct{ readers, channels int }{{100, 10}, {103, 10}, {7, 10}, {10, 1}, {1, 1}} {
		a := SwarmArgs{Common: true, Readers: c.readers, Channels: c.channels}
		seen := map[int]bool{}
		last := 0
		for place := range c.readers {
			i := a.indexOf(place)
			if channel := i % c.channels; channel < last || i < 0 || i >= c.readers || seen[i] {
				t.Fatalf("%d readers of %d channels: place %d has the reader %d after channel %d", c.readers, c.channels, place, i, last)
			} else {
				last = channel
			}
			seen[i] = true
		}
	}
	if a := (SwarmArgs{Channels: 10}); a.indexOf(17) != 17 {
		t.Error("without a common channel a place is not the index")
	}
}

func TestSwarmConnectsOverIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip(err)
	}
	var opened OpenReply
	if err := swarm(t, lie(t, l), 2).Open(OpenArgs{Dials: 2}, &opened); err != nil || opened.Opened != 2 {
		t.Fatal(err, opened)
	}
}

func TestSwarmReportsBadDeliveries(t *testing.T) {
	s := swarm(t, liar(t, 1, 2, 2, 5, 4), 2)
	var opened OpenReply
	if err := s.Open(OpenArgs{Dials: 2}, &opened); err != nil || opened.Opened != 2 {
		t.Fatal(err, opened)
	}
	var await AwaitReply
	if err := s.Await(AwaitArgs{Heads: []int64{6}, Timeout: 200 * time.Millisecond}, &await); err != nil || await.Missing != 2 {
		t.Errorf("%d missing, not one for each reader (%v)", await.Missing, err)
	}
	var got Tally
	if err := s.Take(struct{}{}, &got); err != nil {
		t.Fatal(err)
	}
	if want := (Counts{Received: 8, Lost: 2, Repeated: 2, Disordered: 2}); got.Counts != want || got.Live != 2 {
		t.Errorf("%+v, %d open; not %+v", got.Counts, got.Live, want)
	}
}

func TestSwarmReportsCutAndRefusedConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 4096)
			n, _ := c.Read(request)
			if i == 0 {
				fmt.Fprint(c, "HTTP/1.1 503 Service Unavailable\r\n\r\n")
			} else {
				_, _ = c.Write(bareWelcome(request[:n]))
			}
			time.AfterFunc(50*time.Millisecond, func() { c.Close() })
		}
	}()
	s := swarm(t, "http://"+l.Addr().String(), 2)
	var opened OpenReply
	if err := s.Open(OpenArgs{Dials: 1}, &opened); err != nil || opened.Opened != 1 || opened.Failed != 1 ||
		!strings.Contains(opened.Err, "503") {
		t.Errorf("%+v, %v", opened, err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var got Tally
		if err := s.Count(struct{}{}, &got); err != nil {
			t.Fatal(err)
		}
		if got.Cut == 1 && len(got.Troubles) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", got)
		}
	}
}

func TestStalledReaderStaysStalledAfterItsLastOutput(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan int, 1) // buffered for its only sender
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		_, _ = c.Write(append(bareWelcome(buf[:n]), 0x80|byte(wire.OpPing), 0))
		n, _ = c.Read(buf)
		said <- n
	}()
	s := swarm(t, "http://"+l.Addr().String(), 1)
	s.loop.do(func() { s.args.Stalled = true })
	var opened OpenReply
	if err := s.Open(OpenArgs{Dials: 1}, &opened); err != nil || opened.Opened != 1 {
		t.Fatal(err, opened)
	}
	if n := <-said; n != len(appendClientFrame(nil, 10, 0)) {
		t.Errorf("the pong has %d bytes", n)
	}
	s.loop.do(func() {
		if r := s.readers[0]; r.interest != 0 {
			t.Errorf("the loop watches for %#x", r.interest)
		}
	})
}
