package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/parley-server/parley/testenv"
)

// The authority is Pebble, Let's Encrypt's test server. It connects to the server's own
// port instead of 443, and resolves names with a name server that knows one address.
func TestCertificatesComeFromAnAuthority(t *testing.T) {
	const domain = "chat.parley.test"
	pebble, directory := testenv.Need(t, "pebble"), testenv.FreePort(t)
	cert, key, trusted := selfSigned(t)
	t.Setenv("SSL_CERT_FILE", cert) // of the server
	p := serve(t, "--acme-domains", domain, "--acme-ca", "https://"+directory+"/dir")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	// asks does a handshake for a name. The end of the chain shows the issuer.
	asks := func(name string) (*x509.Certificate, error) {
		c, err := tls.Dial("tcp", "127.0.0.1:"+port,
			&tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			return nil, err
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0], nil
	}

	if _, err := asks("elsewhere.parley.test"); err == nil {
		t.Error("there is a certificate for a name that was not given")
	}
	var first *x509.Certificate
	options := x509.VerifyOptions{DNSName: domain, Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	t.Run("while it is there", func(t *testing.T) {
		management := testenv.FreePort(t)
		settings := filepath.Join(t.TempDir(), "pebble.json")
		if err := os.WriteFile(settings, fmt.Appendf(nil, `{"pebble": {"listenAddress": %q, "managementListenAddress": %q,
			"certificate": %q, "privateKey": %q,
			"httpPort": 1, "tlsPort": %s, "retryAfter": {"authz": 1, "order": 1}}}`, directory, management, cert, key, port), 0o600); err != nil {
			t.Fatal(err)
		}
		testenv.Run(t, "env", "PEBBLE_VA_NOSLEEP=1", pebble, "-config", settings, "-dnsserver", nameServer(t))
		get := func(url string) (body []byte, err error) {
			res, err := over(t, trusted).Get(url)
			if err != nil {
				return nil, err
			}
			defer res.Body.Close()
			return io.ReadAll(res.Body)
		}
		var root []byte
		becomes(t, "the authority is there", true, func() bool {
			_, err := get("https://" + directory + "/dir")
			if err == nil {
				root, err = get("https://" + management + "/roots/0")
			}
			return err == nil
		})
		intermediate, err := get("https://" + management + "/intermediates/0")
		if err != nil {
			t.Fatal(err)
		}

		first, err = asks(domain)
		if err != nil {
			t.Fatal(err)
		}
		if !options.Roots.AppendCertsFromPEM(root) || !options.Intermediates.AppendCertsFromPEM(intermediate) {
			t.Fatal("the authority has no root")
		}
		if _, err := first.Verify(options); err != nil {
			t.Error(err)
		}
	})
	if first == nil {
		return
	}

	// The certificate is kept: a restart needs no authority, and none is running.
	p.Kill()
	p.Restart()
	again, err := asks(domain)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Equal(first) {
		t.Error("after a restart there is another certificate")
	}
	client := http.Client{
		Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{ServerName: domain, RootCAs: options.Roots}},
	}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://127.0.0.1:" + port + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %s %v", res.Proto, res.Status, res.Header)
	}
}

// Only the server can report what went wrong between the authority and itself.
func TestCertificateErrorsAreLogged(t *testing.T) {
	t.Parallel()
	p := serve(t, "--acme-domains", "chat.parley.test", "--acme-ca", "https://"+testenv.FreePort(t)+"/dir")
	for _, name := range []string{"elsewhere.parley.test", "chat.parley.test"} {
		if c, err := tls.Dial("tcp", strings.TrimPrefix(p.URL, "https://"), &tls.Config{ServerName: name, InsecureSkipVerify: true}); err == nil {
			c.Close()
			t.Errorf("%s has a certificate", name)
		}
	}
	becomes(t, "it is logged", true, func() bool {
		return strings.Contains(p.Log(), "no certificate from the authority") && strings.Contains(p.Log(), "connection refused")
	})
	if strings.Contains(p.Log(), "elsewhere") {
		t.Errorf("a stranger's name is logged: %s", p.Log())
	}
}

// nameServer answers each address query with 127.0.0.1, over TCP as Pebble uses it (RFC
// 1035, 4.2.2), until the test ends, and returns its own address.
func nameServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go answerNames(c)
		}
	}()
	return listener.Addr().String()
}

func answerNames(c net.Conn) {
	defer c.Close()
	for {
		var length uint16
		if binary.Read(c, binary.BigEndian, &length) != nil {
			return
		}
		packed := make([]byte, length)
		var m dnsmessage.Message
		if _, err := io.ReadFull(c, packed); err != nil || m.Unpack(packed) != nil || len(m.Questions) != 1 {
			return
		}
		m.Response, m.Additionals = true, nil
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			m.Answers = []dnsmessage.Resource{
				{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
					Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				},
			}
		}
		answer, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}
