// Package guard has the HTTP client for addresses that users name, such as Web Push endpoints and webhooks. It connects only
// to public addresses, whatever a name resolves to at that moment, follows no redirects, and limits time and size.
package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// ErrRefused means that a URL leads to an address that is not public. No connection was made.
var ErrRefused = errors.New("the address is not public")

// Config configures Client.
type Config struct {
	AllowPrivate bool          // allow connections to all addresses: for tests and closed networks
	Timeout      time.Duration // for a whole request including its answer; default 10 s
}

const (
	maxHeader = 16 << 10 // of an answer
	maxBody   = 8 << 10  // of an answer; the rest is not read
)

// Client returns a client with its own pool of connections. It uses no proxy, since a proxy would resolve names
// itself.
func Client(cfg Config) *http.Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second // push services answer within a second, and a caller's worker must not wait long
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !cfg.AllowPrivate {
		dialer.ControlContext = control
	}
	return &http.Client{
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bounded{&http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
			MaxConnsPerHost:        32,
			MaxIdleConnsPerHost:    32,
			MaxIdleConns:           256,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true, // nothing is decompressed
		}},
	}
}

// control checks each address after its name was resolved and before the socket connects.
func control(_ context.Context, network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return ErrRefused
	}
	return Check(to.Addr())
}

// bounded limits the body of an answer to maxBody.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.Transport.RoundTrip(r)
	if err == nil {
		res.Body = body{io.LimitReader(res.Body, maxBody), res.Body}
	}
	return res, err
}

type body struct {
	io.Reader
	io.Closer
}

// CheckURL returns an error if a URL is known to be invalid before its name is resolved: it is not http or https, or it
// names an address that is not public (ErrRefused). The error does not show the URL.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("it is not an http or https URL")
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return fmt.Errorf("%w: it is a loopback address", ErrRefused)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return Check(a)
	}
	if last := host[strings.LastIndexByte(host, '.')+1:]; strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return fmt.Errorf("%w: it is another form of an IPv4 address", ErrRefused) // 127.1, 2130706433, 0x7f000001
	}
	return nil
}
