package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// A client that is slow on purpose gets ten seconds for a request's head or a
// handshake, and thirty for a body, also on a connection that returned from a held
// poll.
func TestWhoIsSlowOnPurposeIsCutOff(t *testing.T) {
	t.Parallel()
	cert, key, _ := selfSigned(t)
	plain, secure := serve(t), serve(t, "--tls-cert", cert, "--tls-key", key)
	token := plain.hour("alice", "*")
	const head, body = 10 * time.Second, 30 * time.Second
	var wait sync.WaitGroup
	defer wait.Wait() // they wait in parallel, before their connections are closed
	for name, c := range map[string]struct {
		server *production
		say    func(t *testing.T, c net.Conn)
		limit  time.Duration
		told   string
	}{
		"nothing at all":     {plain, func(*testing.T, net.Conn) {}, head, ""},
		"half a head":        {plain, func(_ *testing.T, c net.Conn) { fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nX-A: ") }, head, ""},
		"no TLS handshake":   {secure, func(*testing.T, net.Conn) {}, head, ""},
		"half a handshake":   {secure, func(_ *testing.T, c net.Conn) { c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1}) }, head, ""},
		"no head within TLS": {secure, func(t *testing.T, c net.Conn) { handshake(t, c) }, head, ""},
		"half a head after a held poll": {plain, func(t *testing.T, c net.Conn) {
			fmt.Fprintf(c, "GET /api/messages/poll?channel_id=room:a&timeout=0.2 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
			answered(t, c)
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nX-A: ")
		}, head, ""},
		"half a body": {plain, func(_ *testing.T, c net.Conn) {
			fmt.Fprintf(c, "POST /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", token)
		}, body, "400 Bad Request"},
		"half a body that nobody reads": {plain, func(_ *testing.T, c net.Conn) {
			fmt.Fprint(c, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
		}, body, "404 Not Found"},
		"half a body beside GET": {plain, func(_ *testing.T, c net.Conn) {
			fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
		}, body, "200 OK"},
		"half a body for tickets, within TLS": {secure, func(t *testing.T, c net.Conn) {
			s := handshake(t, c)
			fmt.Fprintf(s, "POST /api/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", token)
		}, body, ""},
		"half a body after a held poll": {plain, func(t *testing.T, c net.Conn) {
			fmt.Fprintf(c, "GET /api/messages/poll?channel_id=room:a&timeout=0.2 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
			answered(t, c)
			fmt.Fprintf(c, "POST /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", token)
		}, body, "400 Bad Request"},
	} {
		_, address, _ := strings.Cut(c.server.URL, "://")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(testenv.Patience))
		c.say(t, conn)
		begun := time.Now()
		wait.Go(func() {
			rest, err := io.ReadAll(conn)
			if took := time.Since(begun); err != nil && !strings.Contains(err.Error(), "reset") || took < c.limit-2*time.Second ||
				took > c.limit+15*time.Second {
				t.Errorf("%s: cut off after %v, %v, want %v; it was told %q", name, took, err, c.limit, rest)
			}
			if c.told != "" && !strings.Contains(string(rest), c.told) {
				t.Errorf("%s: it was told %q", name, rest)
			}
		})
	}
}

// answered reads the answer to a poll.
func answered(t *testing.T, c net.Conn) {
	t.Helper()
	var got []byte
	for b := make([]byte, 4096); !strings.HasSuffix(string(got), "}\n"); {
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("the poll: %q %v", got, err)
		}
		got = append(got, b[:n]...)
	}
}

// handshake does a TLS handshake and sends nothing after it.
func handshake(t *testing.T, c net.Conn) *tls.Conn {
	t.Helper()
	s := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	if err := s.Handshake(); err != nil {
		t.Fatal(err)
	}
	return s
}
