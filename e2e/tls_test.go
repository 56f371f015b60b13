package e2e_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-server/parley/testenv"
)

// selfSigned writes a certificate for 127.0.0.1 and its key into new files.
func selfSigned(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return cert, key, signAgain(t, cert, key)
}

// signAgain overwrites the files with another certificate.
func signAgain(t *testing.T, cert, key string) (roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	number, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: number, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(public)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return roots
}

// over is a client that trusts some certificates.
func over(t *testing.T, roots *x509.CertPool) *http.Client {
	t.Helper()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: testenv.Patience}
}

func TestACertificateIsReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	cert, key, old := selfSigned(t)
	p := serve(t, "--tls-cert", cert, "--tls-key", key)
	get := func(roots *x509.CertPool) (*http.Response, error) {
		res, err := over(t, roots).Get(p.URL + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return res, err
	}
	res, err := get(old)
	if err != nil || res.ProtoMajor != 2 {
		t.Fatalf("%v %v", res, err)
	}
	for name, want := range map[string]string{"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "wss"+strings.TrimPrefix(p.URL, "https")+"/ws?token="+p.hour("alice"),
		&websocket.DialOptions{HTTPClient: plainHTTP1(t, old)})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()

	// While the files don't match, the previous certificate stays in use.
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := get(old); err != nil {
		t.Errorf("while the file is being written: %v", err)
	}
	fresh := signAgain(t, cert, key)
	becomes(t, "the new certificate is used", true, func() bool { _, err := get(fresh); return err == nil })
	if _, err := get(old); err == nil {
		t.Error("the old certificate is still used")
	}
	if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	if _, b, err := ws.Read(ctx); err != nil || string(b) != `{"type":"pong"}` {
		t.Errorf("the open connection: %s %v", b, err)
	}
}

// plainHTTP1 trusts some certificates and speaks HTTP/1.1, as a WebSocket needs.
func plainHTTP1(t *testing.T, roots *x509.CertPool) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	t.Parallel()
	cert, key, roots := selfSigned(t)
	p := serve(t, "--tls-cert", cert, "--tls-key", key)
	address := strings.TrimPrefix(p.URL, "https://")
	for version, good := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true,
		tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version})
		if good != (err == nil) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if c != nil {
			c.Close()
		}
	}
	// Plain HTTP on that port gets an answer that explains it.
	res, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: %s", res.Status)
	}
}

// The framing rules hold over TLS as well, where connections are read in another way.
func TestFramingOverTLS(t *testing.T) {
	t.Parallel()
	cert, key, roots := selfSigned(t)
	p := serve(t, "--tls-cert", cert, "--tls-key", key)
	address := strings.TrimPrefix(p.URL, "https://")
	open := func(t *testing.T) *socket {
		t.Helper()
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(testenv.Patience))
		s := &socket{t: t, conn: c, in: bufio.NewReader(c)}
		fmt.Fprintf(
			c,
			"GET /ws/chat/room:a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n",
			p.hour("alice", "*"),
		)
		s.accepted()
		return s
	}
	for name, c := range map[string]struct {
		frames []frame
		code   int
	}{
		"an unmasked frame":         {[]frame{{op: opText, payload: "{}", bare: true}}, 1002},
		"a reserved bit":            {[]frame{{op: opText, payload: "{}", rsv: 0x40}}, 1002},
		"an unknown kind":           {[]frame{{op: 0x3}}, 1002},
		"a ping in fragments":       {[]frame{{op: opPing, more: true}}, 1002},
		"a ping of 126 bytes":       {[]frame{ping(strings.Repeat("x", 126))}, 1002},
		"a continuation of nothing": {[]frame{{op: opCont, payload: "x"}}, 1002},
		"two beginnings":            {[]frame{{op: opText, payload: "x", more: true}, text("x")}, 1002},
		"text that is not UTF-8":    {[]frame{text("\xff")}, 1007},
		"a binary frame":            {[]frame{{op: opBin, payload: "x"}}, 1003},
		"a message of 129 KiB":      {[]frame{text(strings.Repeat("x", 129<<10))}, 1009},
		"fragments of 129 KiB": {[]frame{{op: opText, payload: strings.Repeat("x", 65<<10), more: true}, {op: opCont,
			payload: strings.Repeat("x", 65<<10)}}, 1009},
		"a length that is a lie": {[]frame{{op: opText, length: []byte{127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			cut: true}}, 1009},
		"a close of one byte":         {[]frame{{op: opClose, payload: "x"}}, 1002},
		"a close with the code 1005":  {[]frame{closing(1005, "")}, 1002},
		"a close that is not UTF-8":   {[]frame{closing(1000, "\xff")}, 1007},
		"a close as it should be":     {[]frame{closing(1000, "bye")}, 1000},
		"a ping, then a proper close": {[]frame{ping("x"), closing(3000, "")}, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.send(c.frames...)
			for {
				op, payload, err := s.next()
				if err != nil {
					t.Fatal(err)
				}
				if op == opClose {
					if got := closeCode(payload); got != c.code {
						t.Errorf("closed with %d, want %d", got, c.code)
					}
					return
				}
			}
		})
	}
	s := open(t)
	s.send(text(`{"text":"in `), frame{op: opPong})
	s.conn.Close()
	s = open(t)
	s.send(frame{op: opText, payload: `{"text":"in `, more: true}, ping("between"), frame{op: opCont, payload: `pieces"}`})
	if got := s.until(opPong); got != "between" {
		t.Errorf("the pong is %q", got)
	}
	if got := s.untilMessage(); got != "in pieces" {
		t.Errorf("the message is %q", got)
	}
}
