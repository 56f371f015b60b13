package limit

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the addresses of proxies that are trusted to report client addresses. Reports from
// other addresses are ignored.
type Proxies []netip.Prefix

// ParseProxies parses CIDRs and single addresses.
func ParseProxies(list []string) (ps Proxies, err error) {
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			ip, err := netip.ParseAddr(s)
			if err != nil {
				return nil, fmt.Errorf("%q is neither an address nor a range of them", s)
			}
			p = netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
		}
		ps = append(ps, p.Masked())
	}
	return ps, nil
}

// Trust reports whether an address is one of them.
func (ps Proxies) Trust(ip netip.Addr) bool {
	for _, p := range ps {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// Client returns the address of a request's client: the peer of the connection, or, if that is a
// proxy, the last address in X-Forwarded-For that is not a proxy. Each proxy appends the address
// that it saw, so earlier addresses may be forged.
func (ps Proxies) Client(remote string, h http.Header) netip.Addr {
	end, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	ip := end.Addr().Unmap()
	if !ps.Trust(ip) {
		return ip
	}
	seen := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
	for i := len(seen) - 1; i >= 0; i-- {
		before, ok := parseHop(seen[i])
		if !ok {
			break
		}
		if ip = before; !ps.Trust(ip) {
			break
		}
	}
	return ip
}

// parseHop parses an address, which some proxies write with a port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return ip.Unmap().WithZone(""), err == nil
}

// Group returns the network that is counted as one address: an IPv6 network of 64 bits belongs
// to one customer.
func Group(ip netip.Addr) netip.Addr {
	if ip = ip.Unmap(); ip.Is6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}
