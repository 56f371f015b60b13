package bench

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
)

// target is a server's address, parsed.
type target struct {
	addr netip.AddrPort
	host string // for the Host header
}

func parseTarget(server string) (target, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return target{}, fmt.Errorf("%q is not a server address; write it as http://127.0.0.1:8080 (bench measures without TLS)", server)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	tcp, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return target{}, fmt.Errorf("find %s: %w", u.Host, err)
	}
	addr := tcp.AddrPort()
	return target{netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), u.Host}, nil
}

func parseTargets(servers []string) (all []target, err error) {
	for _, s := range servers {
		t, err := parseTarget(s)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// source is the address that the nth worker connects from: on loopback each worker has its own, so
// that there are enough ports.
func (t target) source(n int) netip.Addr {
	if !t.addr.Addr().Is4() || !t.addr.Addr().IsLoopback() {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{127, 0, byte(1 + n/200), byte(2 + n%200)})
}

const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cGFybGV5IGJlbmNoIGtleQ==\r\n"

// request appends a GET request with additional header lines.
func (t target) request(b []byte, path, headers string) []byte {
	b = slices.Grow(b, 64+len(path)+len(t.host)+len(headers))
	b = append(append(append(b, "GET "...), path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, t.host...), "\r\n"...)
	return append(append(b, headers...), "\r\n"...)
}

// appendClientFrame appends the header of a frame whose mask is zero, so that the payload stays as
// it is (RFC 6455, section 5.3 requires a random mask because of proxies that misread frames; there
// are none here).
func appendClientFrame(b []byte, op byte, n int) []byte {
	b = append(b, 0x80|op)
	switch {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xFFFF:
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	default:
		b = append(b, 0x80|127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, 0, 0, 0, 0)
}
