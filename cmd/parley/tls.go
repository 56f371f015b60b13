package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// certificate loads the TLS configuration, nil without TLS. Changed files are reloaded.
func (f *nodeFlags) certificate(log *slog.Logger) (*tls.Config, error) {
	if f.TLSCert == "" {
		return nil, nil
	}
	c := &certFiles{cert: f.TLSCert, key: f.TLSKey, log: log}
	if err := c.readLocked(); err != nil {
		return nil, refuse(fmt.Sprintf("the certificate can't be used: %v.", err),
			"Give --tls-cert a PEM file of the certificate and its chain, --tls-key one of its private key, both readable for this user.")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// certFiles is a certificate in two files.
type certFiles struct {
	cert, key string // paths
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamps [2]time.Time
	looked time.Time
}

// get returns the certificate for a handshake. The files are checked at most once a
// second; while they cannot be used, as between the writing of the two, the previous
// certificate stays in use.
func (c *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= time.Second {
		c.looked = now
		if err := c.readLocked(); err != nil {
			c.log.Warn("the new certificate can't be used; the old one goes on", "err", err)
		}
	}
	return c.pair, nil
}

func (c *certFiles) readLocked() error {
	var stamps [2]time.Time
	for i, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		stamps[i] = info.ModTime()
	}
	if stamps == c.stamps {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.pair, c.stamps = &pair, stamps
	return nil
}

// acmeFlags are for certificates from an authority that speaks ACME (RFC 8555), which
// validates on port 443 (TLS-ALPN-01, RFC 8737).
type acmeFlags struct {
	AcmeDomains []string `placeholder:"NAME" group:"Security" help:"${help_acme_acme_domains}"`
	AcmeDir     string   `placeholder:"DIR" group:"Security" help:"Directory for ACME certificates. Default: acme in the data directory."`
	AcmeCA      string   `name:"acme-ca" placeholder:"URL" group:"Security" help:"${help_acme_acme_ca}"`
}

func (f *acmeFlags) check() error {
	if u, err := url.Parse(f.AcmeCA); f.AcmeCA != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return refuse(
			fmt.Sprintf("--acme-ca: %q is not the address of an ACME directory.", f.AcmeCA),
			"Write it as https://ca.example.com/directory.",
		)
	}
	if len(f.AcmeDomains) == 0 && f.AcmeDir+f.AcmeCA != "" {
		return refuse("--acme-dir and --acme-ca do nothing without --acme-domains.",
			"Name the domains too: --acme-domains chat.example.com")
	}
	return nil
}

// acme returns a TLS configuration that obtains its own certificates, nil if it is not configured.
func (f *acmeFlags) acme(data string, log *slog.Logger) *tls.Config {
	if len(f.AcmeDomains) == 0 {
		return nil
	}
	dir := f.AcmeDir
	if dir == "" {
		dir = filepath.Join(data, "acme")
	}
	m := &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(f.AcmeDomains...), Cache: autocert.DirCache(dir),
		Client: &acme.Client{DirectoryURL: f.AcmeCA}}
	cfg := m.TLSConfig()
	cfg.MinVersion = tls.VersionTLS12
	begin := time.Now()
	var said atomic.Int64 // when it was last logged, since the beginning; 0: never
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := m.GetCertificate(hello)
		if err == nil || !slices.Contains(f.AcmeDomains, hello.ServerName) {
			return cert, err
		}
		if last, now := said.Load(), int64(time.Since(begin)); (last == 0 || now-last >= int64(time.Minute)) &&
			said.CompareAndSwap(last, now) { // not at every handshake
			log.Warn("no certificate from the authority; it has to reach this server as port 443 of the name", "name", hello.ServerName,
				"err", err)
		}
		return cert, err
	}
	return cfg
}
