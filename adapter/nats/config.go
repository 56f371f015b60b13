package nats

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-server/parley/internal/backoff"
	"github.com/parley-server/parley/internal/dsn"
	"github.com/parley-server/parley/internal/rawio"
)

// Config holds NATS's addresses and credentials.
type Config struct {
	// URL is nats://[user:password@|token@]host[:port][,host[:port]…][?option=value…]. The options: creds=FILE, the
	// credentials of a user with a JWT; nkey=FILE, the seed of an NKey; tls=true, ca=FILE, cert=FILE, key=FILE;
	// prefix=NAME.
	URL string
	// RootCAs sign the server's certificate; nil: the system's.
	RootCAs *x509.CertPool
	// Dial connects; nil: net.Dialer. Tests cut its connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	dialTimeout  = 5 * time.Second
	pingInterval = 2 * time.Second // two without an answer end a connection
	writeTimeout = 3 * time.Second // of a connection that accepts no bytes
	// defaultPrefix is the prefix of all subjects and stream names, so that several systems can share
	// a server.
	defaultPrefix = "parley"
)

// options returns the options of a connection, and the prefix of subjects.
func (c *Config) options() (o nats.Options, prefix string, err error) {
	fail := func(err error) (nats.Options, string, error) {
		return o, "", fmt.Errorf("the URL of NATS is not valid: %w; use nats://user:password@host:port", err)
	}
	a, err := dsn.Parse(c.URL, "nats", "4222", "creds", "nkey", "prefix")
	if err != nil {
		return fail(err)
	}
	if a.Path != "" {
		return fail(errors.New("it has a path"))
	}
	prefix = defaultPrefix
	if p := a.Options.Get("prefix"); p != "" {
		prefix = p
	}
	if prefix != token(prefix) {
		return fail(errors.New("the prefix may have letters, digits, - and _"))
	}
	o = nats.GetDefaultOptions()
	for _, host := range a.Hosts {
		o.Servers = append(o.Servers, "nats://"+host)
	}
	if o.TLSConfig, err = a.TLS(c.RootCAs); err != nil {
		return fail(err)
	}
	o.Secure = o.TLSConfig != nil
	if err := credentials(&o, &a); err != nil {
		return fail(err)
	}
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	o.CustomDialer = dialer(dial)
	o.Name = "parley"
	o.Timeout, o.PingInterval, o.MaxPingsOut, o.FlusherTimeout = dialTimeout, pingInterval, 2, writeTimeout
	o.MaxReconnect, o.IgnoreAuthErrorAbort = -1, true
	o.CustomReconnectDelayCB = func(round int) time.Duration { return backoff.Delay(round - 1) }
	o.ReconnectBufSize = -1 // what is published while disconnected is refused rather than sent late
	return o, prefix, nil
}

// credentials sets the credentials of the connection.
func credentials(o *nats.Options, a *dsn.Address) error {
	if a.Password != "" {
		o.User, o.Password = a.User, a.Password
	} else {
		o.Token = a.User
	}
	for name, use := range map[string]func(string) nats.Option{
		"creds": func(file string) nats.Option { return nats.UserCredentials(file) },
		"nkey": func(file string) nats.Option {
			option, err := nats.NkeyOptionFromSeed(file)
			if err != nil {
				return func(*nats.Options) error { return fmt.Errorf("the file holds no seed: %w", err) }
			}
			return option
		},
	} {
		file := a.Options.Get(name)
		if file == "" {
			continue
		}
		if _, err := os.ReadFile(file); err != nil {
			return fmt.Errorf("read the option %s: %w", name, err)
		}
		if err := use(file)(o); err != nil {
			return fmt.Errorf("the option %s: %w", name, err)
		}
	}
	return nil
}

// dialer is a function that connects.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	nc, err := d(ctx, network, address)
	if err != nil {
		return nil, err // the library says what was tried
	}
	return rawio.Wrap(nc), nil
}

// where returns the address that a connection tries first, for errors.
func where(o *nats.Options) string {
	return strings.ReplaceAll(strings.Join(o.Servers, ","), "nats://", "")
}
