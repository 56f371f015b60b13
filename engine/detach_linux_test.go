package engine_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/engine"
)

const aHead = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// detacher is a connection whose text from the client was read the way net/http reads it.
func detacher(t *testing.T, text string) (*engine.Detacher, *net.TCPConn) {
	t.Helper()
	client, server := pair(t)
	l := engine.Detaching(server).(*engine.Detacher)
	t.Cleanup(func() { l.Close() })
	fmt.Fprint(client, text)
	expect(t, l, text)
	return l, client
}

func started(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = e.Run(ctx); close(done) }()
	t.Cleanup(func() { e.Close(); stop(); <-done })
	return e
}

// For bytes that a client sends at the moment its connection leaves: either the old
// reader has them, and then the connection does not leave, or the engine's peer gets
// them.
func TestNoByteIsLostWhenAConnectionLeaves(t *testing.T) {
	e := started(t)
	stayed := 0
	for range 500 {
		l, client := detacher(t, aHead)
		read := make(chan string)
		go func() {
			b := make([]byte, 1)
			n, _ := l.Read(b)
			read <- string(b[:n])
		}()
		go fmt.Fprint(client, "x\n")
		if nc, ok := l.Detach(); ok {
			p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
			e.Park(p.conn, nc, nil, p, true, time.Hour)
			if got := <-read; got != "" {
				t.Fatalf("%q was read of a connection that had left", got)
			}
			expect(t, client, "x\n")
		} else {
			stayed++
			if got := <-read; got != "x" {
				t.Fatalf("a connection stayed though only %q was read", got)
			}
		}
		client.Close()
	}
	t.Logf("%d stayed", stayed)
}

func TestAConnectionLeavesAfterOneHeadAlone(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n", aHead + "x", aHead + aHead} {
		l, _ := detacher(t, text)
		if _, ok := l.Detach(); ok {
			t.Errorf("after %q it left", text)
		}
	}
	l, client := detacher(t, aHead)
	fmt.Fprint(client, aHead)
	expect(t, l, aHead)
	l.Idle() // it is unclear which bytes belong to which request
	if _, ok := l.Detach(); ok {
		t.Error("after two requests at once it left")
	}
	l, client = detacher(t, aHead)
	l.Idle()
	fmt.Fprint(client, aHead)
	expect(t, l, aHead)
	if _, ok := l.Detach(); !ok {
		t.Error("after its second request it did not leave")
	}
}

func TestADetacherReadsLikeAnyConnection(t *testing.T) {
	l, client := detacher(t, aHead)
	_ = l.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := l.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Errorf("after its deadline: %v", err)
	}
	_ = l.SetReadDeadline(time.Time{})
	client.Close()
	if _, err := l.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the client's end: %v", err)
	}
}

// dribble writes in small pieces.
type dribble struct{ net.Conn }

func (d dribble) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = d.Conn.Write(p[n:min(n+1000, len(p))])
		n += m
		time.Sleep(100 * time.Microsecond)
	}
	return n, err
}

func TestTLSRecordsMayComeInPieces(t *testing.T) {
	e := started(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"x"}}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	client, server := pair(t)
	shaken := make(chan *tls.Conn)
	go func() {
		nc := tls.Server(engine.Detaching(server), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{public},
			PrivateKey: private}}})
		_ = nc.Handshake()
		shaken <- nc
	}()
	secure := tls.Client(dribble{client}, &tls.Config{InsecureSkipVerify: true})
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
	e.Park(p.conn, <-shaken, nil, p, true, time.Hour)
	for _, size := range []int{1, 900, 16 << 10, 100_000} {
		line := strings.Repeat("x", size) + "\n"
		go fmt.Fprint(secure, line)
		expect(t, secure, line)
	}
	secure.Close()
	wait(t, "the peer is gone", p.gone)
}

// The write to a client that accepts nothing for the length of Patience fails; a client
// that accepts some bytes gets all.
func TestAWriteThatMakesNoProgressFails(t *testing.T) {
	for name, inside := range map[string]bool{"plain": false, "read from": true} {
		l, client := detacher(t, aHead)
		l.Patience = 10 * time.Second
		write := func(p []byte) error {
			if inside {
				_, err := io.Copy(l, bytes.NewReader(p))
				return err
			}
			_, err := l.Write(p)
			return err
		}
		const size = 64 << 20
		done := make(chan error)
		go func() { done <- write(make([]byte, size)) }()
		if n, err := io.CopyN(io.Discard, client, size); err != nil {
			t.Fatalf("%s: read %d bytes, %v", name, n, err)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: the client reads: %v", name, err)
		}
		l.Patience = 20 * time.Millisecond
		if err := write(make([]byte, size)); !os.IsTimeout(err) {
			t.Errorf("%s: the client does not read: %v", name, err)
		}
	}
}
