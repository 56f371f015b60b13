package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"parley"
	"parley/chat"
	"parley/limit"
)

// limitFlags are the limits of those who connect. dev has none.
type limitFlags struct {
	RateUser              float64  `default:"50" placeholder:"N" group:"Limits" help:"Messages per second that a user may send, in bursts of three times that; events, changes and settings count too. Back ends may send any number. 0: no limit."`
	RateIP                float64  `name:"rate-ip" default:"500" placeholder:"N" group:"Limits" help:"Messages per second from one address (IPv6: a network of 64 bits)."`
	RateChannel           float64  `default:"0" placeholder:"N" group:"Limits" help:"Messages per second in one channel, whoever sends them."`
	RateReadsUser         float64  `name:"rate-reads-user" default:"500" placeholder:"N" group:"Limits" help:"Requests and frames per second with which a user may read, in bursts of twenty times that; 16 KiB of an answer count as one more."`
	RateReadsIP           float64  `name:"rate-reads-ip" default:"5000" placeholder:"N" group:"Limits" help:"The same from one address."`
	ChannelsPerUser       int      `name:"channels-per-user" default:"1000" placeholder:"N" group:"Limits" help:"Channels that a user may make per day. Back ends may make any number. 0: no limit."`
	RateHandshakes        float64  `default:"200" placeholder:"N" group:"Limits" help:"Connections and streams that one address may open per second; bad credentials count too."`
	MaxConnectionsPerIP   int      `name:"max-connections-per-ip" default:"2000" placeholder:"N" group:"Limits" help:"Streams and held polls of one address, and as many connections with requests. 0: no limit."`
	MaxConnectionsPerUser int      `default:"200" placeholder:"N" group:"Limits" help:"Streams and held polls of one user."`
	MaxSubscriptionsUser  int      `name:"max-subscriptions-per-user" default:"20000" placeholder:"N" group:"Limits" help:"Channels that all streams and held polls of one user may follow together, on this node. 0: no limit."`
	TrustedProxies        []string `placeholder:"CIDR" group:"Limits" help:"Proxies that are believed when they say in X-Forwarded-For where a client is."`
	ProxyProtocol         bool     `group:"Limits" help:"The trusted proxies begin each connection with a PROXY header (versions 1 and 2)."`
}

func (f *limitFlags) check() error {
	if err := notNegative(amount{"rate-user", f.RateUser}, amount{"rate-ip", f.RateIP}, amount{"rate-channel", f.RateChannel},
		amount{"rate-reads-user", f.RateReadsUser}, amount{"rate-reads-ip", f.RateReadsIP}, amount{"channels-per-user", float64(f.ChannelsPerUser)},
		amount{"rate-handshakes", f.RateHandshakes}, amount{"max-connections-per-ip", float64(f.MaxConnectionsPerIP)},
		amount{"max-connections-per-user", float64(f.MaxConnectionsPerUser)}, amount{"max-subscriptions-per-user", float64(f.MaxSubscriptionsUser)}); err != nil {
		return err
	}
	if f.ProxyProtocol && len(f.TrustedProxies) == 0 {
		return refuse("--proxy-protocol needs --trusted-proxies: nobody else may say where a client is.", "Add --trusted-proxies 10.0.0.0/8, or what your proxies' addresses are.")
	}
	_, err := f.proxies()
	return err
}

func (f *limitFlags) proxies() (limit.Proxies, error) {
	proxies, err := limit.ParseProxies(f.TrustedProxies)
	if err != nil {
		return nil, refuse("--trusted-proxies: "+err.Error()+".", "Write addresses or ranges, such as 10.0.0.0/8,fd00::/8.")
	}
	return proxies, nil
}

// limits are those of a node: of what callers do, and of connections before anybody
// knows whose they are.
type limits struct {
	callers     *limit.Limits
	connections *limit.Limits
	proxies     limit.Proxies
	header      bool // proxies begin with a PROXY header
	log         *slog.Logger
	warned      sync.Once
}

func (f *limitFlags) limits(log *slog.Logger) (*limits, error) {
	proxies, err := f.proxies()
	if err != nil {
		return nil, err
	}
	return &limits{proxies: proxies, header: f.ProxyProtocol, log: log,
		callers: limit.New(limit.Config{User: f.RateUser, IP: f.RateIP, Channel: f.RateChannel, Handshakes: f.RateHandshakes,
			UserReads: f.RateReadsUser, IPReads: f.RateReadsIP, Channels: f.ChannelsPerUser, PerIP: f.MaxConnectionsPerIP, PerUser: f.MaxConnectionsPerUser,
			Follows: f.MaxSubscriptionsUser}),
		connections: limit.New(limit.Config{Handshakes: f.RateHandshakes, PerIP: f.MaxConnectionsPerIP})}, nil
}

var _ chat.Limits = (*limits)(nil)

// Spend implements chat.Limits, as do the next three. Back ends have no address.
func (l *limits) Spend(c chat.Caller, channel parley.ChannelID, messages int) *parley.Error {
	if !c.Address.IsValid() {
		return nil
	}
	return l.hint(l.callers.SpendMany(c.User, c.Address, channel, messages), c.Address)
}

func (l *limits) Ask(c chat.Caller, units int) *parley.Error {
	if !c.Address.IsValid() {
		return nil
	}
	return l.hint(l.callers.Ask(c.User, c.Address, units), c.Address)
}

func (l *limits) Owe(c chat.Caller, units int) {
	if c.Address.IsValid() {
		l.callers.Owe(c.User, c.Address, units)
	}
}

func (l *limits) Make(c chat.Caller) *parley.Error {
	if !c.Address.IsValid() {
		return nil
	}
	return l.callers.Make(c.User)
}

// take and free are limits of a caller's open streams and polls.
func (l *limits) take(c chat.Caller) *parley.Error {
	return l.hint(l.callers.Take(c.User, c.Address), c.Address)
}

// follow and unfollow count the channels of these.
func (l *limits) follow(c chat.Caller, channels int) *parley.Error {
	return l.callers.Follow(c.User, channels)
}

func (l *limits) unfollow(c chat.Caller, channels int) { l.callers.Unfollow(c.User, channels) }

// patience is how long one who was refused is not listened to.
func (l *limits) patience(c chat.Caller) time.Duration { return l.callers.Refused(c.Address) }

func (l *limits) free(c chat.Caller) { l.callers.Free(c.User, c.Address) }

// client is where a request comes from, as limits count it.
func (l *limits) client(r *http.Request) netip.Addr {
	return limit.Group(l.proxies.Client(r.RemoteAddr, r.Header))
}

// hint says once what a refusal of a near address may mean.
func (l *limits) hint(e *parley.Error, ip netip.Addr) *parley.Error {
	if e != nil && (ip.IsLoopback() || ip.IsPrivate()) && (strings.HasSuffix(e.Reason, "_ip") || e.Reason == "rate_handshakes") {
		l.warned.Do(func() {
			l.log.Warn("a near address reached a limit; if it is a proxy's, name it in --trusted-proxies", "address", ip, "reason", e.Reason)
		})
	}
	return e
}

// end is the other end of a connection, the zero address if that is a proxy, which
// many clients share.
func (l *limits) end(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || l.proxies.Trust(at.Addr()) {
		return netip.Addr{}
	}
	return limit.Group(at.Addr())
}

// admit counts a connection until gone, or refuses it.
func (l *limits) admit(conn net.Conn) *parley.Error {
	ip := l.end(conn)
	if !ip.IsValid() {
		return nil
	}
	if e := l.connections.Handshake(ip); e != nil {
		return l.hint(e, ip)
	}
	return l.hint(l.connections.Take("", ip), ip)
}

// back counts a connection that comes back, whatever there are.
func (l *limits) back(conn net.Conn) {
	if ip := l.end(conn); ip.IsValid() {
		l.connections.Add("", ip)
	}
}

func (l *limits) gone(conn net.Conn) {
	if ip := l.end(conn); ip.IsValid() {
		l.connections.Free("", ip)
	}
}

// begins tells whether a connection begins with a PROXY header.
func (l *limits) begins(conn net.Conn) bool { return l.header && !l.end(conn).IsValid() }

// proxied reads the header of a proxy's connection, which takes time. Who came to the
// proxy by a Unix socket has no address there, and counts as the proxy itself does:
// without any address nothing would limit them.
func (l *limits) proxied(conn net.Conn) (*proxyproto.Conn, error) {
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
