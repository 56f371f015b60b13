package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/rawio"
)

// Config holds Redis's addresses and options.
type Config struct {
	// URL is redis://[user:password@]host[:port][/db][?addr=host:port…], or rediss:// for TLS. For a Cluster it names one
	// node, and with addr further ones; the others are discovered. ca=FILE contains the certificates that sign the server's
	// (RootCAs), prefix=TEXT sets Prefix.
	URL string
	// Prefix is the prefix of all keys and channels, so that several systems can share a server. It
	// has no braces. "" is none.
	Prefix string
	// RootCAs sign the server's certificate; nil: the system's.
	RootCAs *x509.CertPool
	// Replicas is how many replicas of a Store's server must have each message before it is acknowledged (WAIT); 0: none.
	// If fewer confirm it within ReplicasTimeout, the outcome is unknown.
	Replicas int
	// ReplicasTimeout is 1 s if it is 0, and at most 2 s.
	ReplicasTimeout time.Duration
	// Clock stamps and expires entries; nil: the server's. Tests set it.
	Clock func() time.Time
	// Retention of a Store's channels whose settings have none, the same on all nodes. The zero value keeps
	// everything.
	Retention parley.Retention
	// RetentionOf returns the retention of a channel whose settings have none, zero for Retention. nil:
	// zero for all.
	RetentionOf func(parley.ChannelID) parley.Retention
}

const (
	dialTimeout = 3 * time.Second
	keepAlive   = time.Second     // of an idle connection, which is then pinged too
	silence     = 3 * time.Second // without an answer ends a connection, and so long without a sign of the host
	bufferSize  = 64 << 10        // per connection and direction

	// The bus waits longer for a server that is slow: what it sent meanwhile arrives late, but a new connection must be
	// subscribed to all channels again, has missed it, and adds to the work of the server.
	busSilence = 10 * time.Second
)

// options returns the options of a client.
func (c *Config) options() (rueidis.ClientOption, error) {
	if err := c.ownOptions(); err != nil {
		return rueidis.ClientOption{}, err
	}
	if strings.ContainsAny(c.Prefix, "{}") {
		return rueidis.ClientOption{}, fmt.Errorf("the prefix %q of Redis keys has braces, which mark a hash slot: leave them out",
			c.Prefix)
	}
	o, err := rueidis.ParseURL(c.URL)
	if err != nil {
		if bad := (*url.Error)(nil); errors.As(err, &bad) { // it repeats the URL, with the password
			err = bad.Err
		}
		return o, fmt.Errorf("the URL of Redis is not valid: %w; use redis://user:password@host:port, or rediss:// for TLS", err)
	}
	if o.TLSConfig != nil {
		o.TLSConfig.MinVersion = tls.VersionTLS12
		o.TLSConfig.RootCAs = c.RootCAs
	}
	if o.TLSConfig == nil && o.DialCtxFn == nil { // a Unix socket has its own
		o.DialCtxFn = dialTCP
	}
	o.Dialer = net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, Control: rawio.DeadAfter(silence)}
	o.ConnWriteTimeout = silence
	o.ReadBufferEachConn, o.WriteBufferEachConn = bufferSize, bufferSize
	o.DisableCache = true
	o.ClientName = "parley"
	o.ShuffleInit = true
	return o, nil
}

func dialTCP(ctx context.Context, address string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
	nc, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err // the library says what was tried
	}
	return rawio.Wrap(nc), nil
}

// ownOptions parses the URL's options that the client library does not know. The library checks the rest.
func (c *Config) ownOptions() error {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil
	}
	if prefix := u.Query().Get("prefix"); prefix != "" {
		c.Prefix = prefix
	}
	if file := u.Query().Get("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("the ca of the URL of Redis: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("the ca of the URL of Redis, %s, has no certificate: give a file of PEM", file)
		}
	}
	return nil
}

// where returns the address that a client connects to first, for errors.
func where(o *rueidis.ClientOption) string { return strings.Join(o.InitAddress, ",") }

// dial connects a client.
func dial(ctx context.Context, o rueidis.ClientOption) (rueidis.Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := rueidis.NewClient(o)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis at %s: %w", where(&o), err)
	}
	return c, nil
}
