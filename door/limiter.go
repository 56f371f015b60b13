package door

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/limit"
)

// LimiterConfig holds the limits of a Limiter.
type LimiterConfig struct {
	limit.Config
	Proxies       limit.Proxies // proxies whose statements about client addresses are trusted
	ProxyProtocol bool          // they begin each connection with a PROXY header
	Logger        *slog.Logger
}

// Limiter limits callers, and addresses before it is known who connects from them.
type Limiter struct {
	Callers     *limit.Limiter // nil: not limited
	connections *limit.Limiter
	proxies     limit.Proxies
	header      bool
	log         *slog.Logger
	warned      sync.Once
}

// NewLimiter creates a Limiter.
func NewLimiter(cfg LimiterConfig) *Limiter {
	return &Limiter{proxies: cfg.Proxies, header: cfg.ProxyProtocol, log: cfg.Logger, Callers: limit.New(cfg.Config),
		connections: limit.New(limit.Config{Handshakes: cfg.Handshakes, PerIP: cfg.PerIP, Clock: cfg.Clock})}
}

var _ chat.Limiter = (*Limiter)(nil)

// AllowSend implements chat.Limiter, as do the next three. Back ends have no address.
func (l *Limiter) AllowSend(c access.Caller, channel parley.ChannelID, messages int) *parley.Error {
	if !c.Address.IsValid() {
		return nil
	}
	return l.hint(l.Callers.AllowSendMany(c.User, c.Address, channel, messages), c.Address)
}

func (l *Limiter) AllowRead(c access.Caller, units int) *parley.Error {
	if !c.Address.IsValid() {
		return nil
	}
	return l.hint(l.Callers.AllowRead(c.User, c.Address, units), c.Address)
}

func (l *Limiter) ChargeRead(c access.Caller, units int) {
	if c.Address.IsValid() {
		l.Callers.ChargeRead(c.User, c.Address, units)
	}
}

func (l *Limiter) AllowCreate(c access.Caller) *parley.Error {
	if !c.Address.IsValid() {
		return nil
	}
	return l.Callers.AllowCreate(c.User)
}

// Client returns the address of a request's client, as limits count it.
func (l *Limiter) Client(r *http.Request) netip.Addr {
	return limit.Group(l.proxies.Client(r.RemoteAddr, r.Header))
}

// hint logs once what a refusal of a local address may mean.
func (l *Limiter) hint(e *parley.Error, ip netip.Addr) *parley.Error {
	if e != nil && (ip.IsLoopback() || ip.IsPrivate()) && (strings.HasSuffix(e.Reason, "_ip") || e.Reason == "rate_handshakes") {
		l.warned.Do(func() {
			l.log.Warn("a near address reached a limit; if it is a proxy's, name it in --trusted-proxies", "address", ip, "reason",
				e.Reason)
		})
	}
	return e
}

// end returns the peer of a connection, the zero address if that is a proxy, which many clients
// share.
func (l *Limiter) end(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || l.proxies.Trust(at.Addr()) {
		return netip.Addr{}
	}
	return limit.Group(at.Addr())
}

// admit counts a connection until gone, or refuses it.
func (l *Limiter) admit(conn net.Conn) *parley.Error {
	ip := l.end(conn)
	if !ip.IsValid() {
		return nil
	}
	if e := l.connections.AllowHandshake(ip); e != nil {
		return l.hint(e, ip)
	}
	return l.hint(l.connections.Acquire("", ip), ip)
}

// back counts a connection that returns, regardless of the limit.
func (l *Limiter) back(conn net.Conn) {
	if ip := l.end(conn); ip.IsValid() {
		l.connections.Add("", ip)
	}
}

func (l *Limiter) gone(conn net.Conn) {
	if ip := l.end(conn); ip.IsValid() {
		l.connections.Release("", ip)
	}
}

// begins reports whether a connection begins with a PROXY header.
func (l *Limiter) begins(conn net.Conn) bool { return l.header && !l.end(conn).IsValid() }

// proxied reads the header of a proxy's connection, which takes time. A client that reached the
// proxy through a Unix socket has no address there and counts as the proxy: without any address
// no limit would apply to it.
func (l *Limiter) proxied(conn net.Conn) (*proxyproto.Conn, error) {
	c := proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(10*time.Second),
		proxyproto.ValidateHeader(func(h *proxyproto.Header) error {
			if _, _, ok := h.IPs(); !ok {
				h.SourceAddr = nil
			}
			return nil
		}))
	if _, err := c.Read(nil); err != nil {
		return nil, err
	}
	return c, nil
}
