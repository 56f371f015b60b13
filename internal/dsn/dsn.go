// Package dsn reads the URLs by which settings name servers of which there may be several. It knows no server.
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
// as some clients of the servers write it. In a user and a password, characters that end them are written as %40.
type Address struct {
	User, Password string
	Hosts          []string // with ports
	Path           string   // without slashes around it
	Options        url.Values
}

// tlsOptions may be given for every server.
var tlsOptions = []string{"tls", "ca", "cert", "key"}

// Parse reads an address of a scheme. A host without a port has the given one. Of the options, those of TLS and the named
// ones are known; another is an error. Errors show no password.
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

// add reads one host, and what may stand before and after it.
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

// TLS is what the options tls=true, ca=FILE, cert=FILE and key=FILE say: nil without one of them. roots sign the
// server's certificate if ca does not say so; nil: the system's.
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
