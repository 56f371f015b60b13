package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-server/parley/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// subject is an engine that parks sockets directly, or inside a wrapper that reads and
// writes them, as TLS does.
type subject struct {
	*engine.Engine
	inside bool
}

func (e subject) Park(c *engine.Conn, nc net.Conn, early []byte, peer engine.Peer, listen bool, first time.Duration) {
	if e.inside {
		nc = outside{engine.Detaching(nc)}
	}
	e.Engine.Park(c, nc, early, peer, listen, first)
}

type outside struct{ net.Conn }

func (o outside) NetConn() net.Conn { return o.Conn }

func (o outside) CloseWrite() error { return o.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// each runs a test with every kind of connection.
func each(t *testing.T, test func(t *testing.T, e subject)) {
	for name, c := range map[string]struct{ portable, inside bool }{
		"parked": {}, "watched": {inside: true}, "goroutine": {portable: true}, "goroutine inside": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := engine.New(engine.Config{Portable: c.portable, Grain: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { _ = e.Run(ctx) })
			defer func() { e.Close(); stop(); running.Wait() }()
			test(t, subject{e, c.inside})
		})
	}
}

// pair is a connected pair of sockets; the server's side goes to the engine.
func pair(t *testing.T) (client *net.TCPConn, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn), server
}

// fake is a peer that is controlled by the lines it receives: it writes them back,
// except "work" and "load", which it first does elsewhere, "full", after which it
// accepts nothing until it is emptied, "busy", after which it accepts nothing until
// that was written, and "end".
type fake struct {
	conn *engine.Conn
	gone chan struct{}

	mu      sync.Mutex
	out     []byte
	kept    []byte
	isFull  bool
	busy    bool
	load    bool
	ended   bool
	tick    func(engine.Sending) time.Duration
	unsents int
	inside  bool // a method is being called
}

func (p *fake) enter() func() {
	p.mu.Lock()
	if p.inside {
		panic("two calls of a peer at once")
	}
	p.inside = true
	return func() { p.inside = false; p.mu.Unlock() }
}

func (p *fake) Receive(b []byte) (work func(), full bool) {
	defer p.enter()()
	p.kept = append(p.kept, b...)
	for !p.isFull {
		line, rest, ok := bytes.Cut(p.kept, []byte("\n"))
		if !ok {
			return nil, false
		}
		p.kept = rest
		switch string(line) {
		case "work":
			return func() { defer p.enter()(); p.out = append(p.out, "worked\n"...) }, false
		case "load":
			p.load = true
		case "full":
			p.isFull = true
		case "busy":
			p.isFull, p.busy = true, true
			p.out = append(p.out, "busy\n"...)
		case "end":
			p.ended = true
		default:
			p.out = append(append(p.out, line...), '\n')
		}
	}
	return nil, true
}

func (p *fake) Output() ([]byte, error) {
	defer p.enter()()
	if p.load {
		return nil, engine.ErrLoad
	}
	out := p.out
	p.out = nil
	if p.busy {
		p.isFull, p.busy = false, false
	}
	if out == nil && p.ended {
		return nil, io.EOF
	}
	return out, nil
}

func (p *fake) Unsent(b []byte, n int) {
	defer p.enter()()
	p.unsents++
	p.out = append(bytes.Clone(b[n:]), p.out...)
}

func (p *fake) Load(context.Context) error {
	defer p.enter()()
	p.load = false
	p.out = append(p.out, "loaded\n"...)
	return nil
}

func (p *fake) Tick(_ time.Time, s engine.Sending) time.Duration {
	defer p.enter()()
	if p.tick == nil {
		return time.Hour
	}
	return p.tick(s)
}

func (p *fake) Drain(time.Duration) {
	defer p.enter()()
	p.out = append(p.out, "drained\n"...)
	p.ended = true
}

func (p *fake) Gone() { close(p.gone) }

func (p *fake) send(b []byte) {
	p.mu.Lock()
	p.out = append(p.out, b...)
	p.mu.Unlock()
	p.conn.Ring()
}

func park(t *testing.T, e subject, early string, listen bool) (*fake, *net.TCPConn) {
	t.Helper()
	client, server := pair(t)
	p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
	e.Park(p.conn, server, []byte(early), p, listen, time.Hour)
	return p, client
}

func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain until %s", what)
	}
}

func TestPeerReceivesBytesAndAnswers(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		_, c := park(t, e, "early\n", true)
		expect(t, c, "early\n")
		fmt.Fprint(c, "a\nwork\nb\nload\nc\n")
		expect(t, c, "a\nworked\n")
		got := make([]byte, len("b\nloaded\nc\n"))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Contains(got, []byte("loaded\n")) {
			t.Fatalf("after work and load: %q, %v", got, err)
		}
	})
}

func TestAFullPeerGetsNothingUntilItRings(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		p, c := park(t, e, "", true)
		fmt.Fprint(c, "a\nfull\nb\n")
		expect(t, c, "a\n")
		fmt.Fprint(c, "c\n")
		p.mu.Lock()
		if len(p.out) > 0 {
			t.Errorf("a full peer answered %q", p.out)
		}
		p.isFull = false
		p.mu.Unlock()
		p.conn.Ring()
		expect(t, c, "b\nc\n")
	})
}

func TestPeerResumesAfterWritingItsAnswers(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		_, c := park(t, e, "", true)
		for range 100 {
			fmt.Fprint(c, "busy\na\n")
			expect(t, c, "busy\na\n")
		}
	})
}

func TestUnsentBytesFollowInOrder(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		p, c := park(t, e, "", true)
		var want bytes.Buffer
		for i := range 200 {
			piece := bytes.Repeat([]byte{byte(i)}, 100_000)
			want.Write(piece)
			p.send(piece)
		}
		expect(t, c, want.String())
		p.mu.Lock()
		defer p.mu.Unlock()
		t.Logf("%d short writes", p.unsents)
	})
}

func TestAConnectionEndsAfterItsLastByte(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		p, c := park(t, e, "", true)
		fmt.Fprint(c, "bye\nend\n")
		expect(t, c, "bye\n")
		if n, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the end: %d bytes, %v", n, err)
		}
		select {
		case <-p.gone:
			t.Error("the peer is gone before its client")
		default:
		}
		c.Close()
		wait(t, "the peer is gone", p.gone)
	})
}

func TestAClientThatLeavesIsNoticed(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		for _, listen := range []bool{true, false} {
			p, c := park(t, e, "", listen)
			c.Close()
			wait(t, "the peer is gone", p.gone)
		}
		for give := time.Now().Add(20 * time.Second); e.Len() > 0; runtime.Gosched() {
			if time.Now().After(give) {
				t.Fatalf("%d connections are left", e.Len())
			}
		}
	})
}

// The last bytes and the end may arrive together, in the middle of a line, or while the
// peer is at work or accepts nothing.
func TestLastBytesAndTheEndInOneEventEndTheConnection(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		for _, last := range []string{"a\n", "half", "work\n", "work\nhalf", "load\n", "busy\nb\n"} {
			client, server := pair(t)
			fmt.Fprint(client, last)
			if err := client.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
			e.Park(p.conn, server, nil, p, true, time.Hour)
			wait(t, fmt.Sprintf("the peer is gone after %q", last), p.gone)
		}
	})
}

func TestADeafConnectionReadsNothing(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		p, c := park(t, e, "", false)
		fmt.Fprint(c, "a\n")
		p.send([]byte("b\n"))
		expect(t, c, "b\n")
	})
}

func TestATickMayEndTheConnection(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		client, server := pair(t)
		p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
		ticks := 0
		p.tick = func(engine.Sending) time.Duration {
			if ticks++; ticks == 3 {
				return engine.Dead
			}
			return time.Millisecond
		}
		e.Park(p.conn, server, nil, p, true, time.Millisecond)
		wait(t, "the third tick", p.gone)
		if n, err := client.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("read from a dead connection: %d bytes, %v", n, err)
		}
	})
}

func TestClientThatDoesNotReadBlocks(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		_, server := pair(t)
		p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
		p.out = make([]byte, 32<<20)
		p.tick = func(s engine.Sending) time.Duration {
			if s.Blocked && s.Pending && !s.Progress {
				return engine.Dead
			}
			return time.Millisecond
		}
		e.Park(p.conn, server, nil, p, true, time.Millisecond)
		wait(t, "it is found blocked", p.gone)
	})
}

func TestDrainNotifiesAllAndWaits(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		var clients []*net.TCPConn
		for range 20 {
			_, c := park(t, e, "", true)
			clients = append(clients, c)
		}
		done := make(chan struct{})
		go func() {
			e.Drain(context.Background(), 10*time.Millisecond, func() time.Duration { return time.Second })
			close(done)
		}()
		for _, c := range clients {
			expect(t, c, "drained\n")
			c.Close()
		}
		wait(t, "the drain ends", done)
	})
}

func TestRingsFromEverywhereLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, e subject) {
		p, c := park(t, e, "", true)
		var ringers sync.WaitGroup
		const each, n = 500, 8
		for range n {
			ringers.Go(func() {
				for range each {
					p.send([]byte("x"))
				}
			})
		}
		expect(t, c, string(bytes.Repeat([]byte("x"), each*n)))
		ringers.Wait()
	})
}
