// Package dsn parses the URLs in settings that name one or more servers. It knows no particular server.
package dsn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Address is scheme://[user[:password]@]host[:port][,host[:port]…][/path][?option=value…]. Each host may repeat the scheme,
// as some clients of the servers write it. In a user and a password, reserved characters are percent-encoded, such as %40.
type Address struct {
	User, Password string
	Hosts          []string // with ports
	Path           string   // without leading and trailing slashes
	Options        url.Values
}

// tlsOptions are allowed for every server.
var tlsOptions = []string{"tls", "ca", "cert", "key"}

// Parse parses an address with the given scheme. A host without a port gets the given one. The options are those of TLS
// and the named ones; any other is an error. Errors do not show the password.
func Parse(s, scheme, port string, options ...string) (a Address, err error) {
	rest, ok := strings.CutPrefix(s, scheme+"://")
	if !ok {
		return a, fmt.Errorf("it does not begin with %s://", scheme)
	}
	rest, query, _ := strings.Cut(rest, "?")
	if a.Options, err = url.ParseQuery(query); err != nil {
		return a, errors.New("the options after ? are not valid: write name=value, joined by &")
	}
	for name := range a.Options {
		if !slices.Contains(tlsOptions, name) && !slices.Contains(options, name) {
			return a, fmt.Errorf("the option %q is unknown: use %s", name, strings.Join(append(options, tlsOptions...), ", "))
		}
	}
	for part := range strings.SplitSeq(rest, ",") {
		if err := a.add(strings.TrimPrefix(part, scheme+"://"), port); err != nil {
			return a, err
		}
	}
	return a, nil
}

// add parses one host, with what may precede and follow it.
func (a *Address) add(part, port string) (err error) {
	if at := strings.LastIndexByte(part, '@'); at >= 0 {
		user, password, _ := strings.Cut(part[:at], ":")
		a.User, err = url.PathUnescape(user)
		if err == nil {
			a.Password, err = url.PathUnescape(password)
		}
		if err != nil {
			return errors.New("the user or the password is not valid: write % as %25")
		}
		part = part[at+1:]
	}
	host, path, _ := strings.Cut(part, "/")
	if path = strings.Trim(path, "/"); path != "" {
		a.Path = path
	}
	if host == "" {
		return errors.New("a host is missing")
	}
	name, number, err := net.SplitHostPort(host)
	if err != nil {
		if name, number, err = net.SplitHostPort(host + ":" + port); err != nil {
			return fmt.Errorf("%q is not a valid host and port", host)
		}
	}
	if _, err := net.LookupPort("tcp", number); err != nil {
		return fmt.Errorf("%q is not a valid port", number)
	}
	a.Hosts = append(a.Hosts, net.JoinHostPort(name, number))
	return nil
}

// TLS returns the configuration for the options tls=true, ca=FILE, cert=FILE and key=FILE, or nil without any of
// them. Without ca, roots verify the server's certificate; nil: the system's roots.
func (a *Address) TLS(roots *x509.CertPool) (*tls.Config, error) {
	o := a.Options
	if o.Get("tls") != "true" && o.Get("ca") == "" && o.Get("cert") == "" && roots == nil {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if file := o.Get("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the option ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the option ca: %s holds no certificate", file)
		}
	}
	if (o.Get("cert") == "") != (o.Get("key") == "") {
		return nil, errors.New("the options cert and key belong together")
	}
	if o.Get("cert") != "" {
		pair, err := tls.LoadX509KeyPair(o.Get("cert"), o.Get("key"))
		if err != nil {
			return nil, fmt.Errorf("read the options cert and key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
