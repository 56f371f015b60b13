package main

import (
	"net"
	"strings"
)

// started logs, in one line, what operators want to know first: which version serves where and from which
// store, what an acknowledgement promises, and who may connect.
func (n *node) started(o *opened, public net.Addr) {
	n.log.Info("started", "version", version(), "url", n.url(public, o.secure != nil), "store", n.flags.storedIn(),
		"promise", o.store.promise(), "tls", o.secure != nil, "who", n.who)
	if host, _, _ := net.SplitHostPort(public.String()); !loopback(host) && o.secure == nil && !n.proxied {
		n.log.Warn("tokens and messages can be read on their way: give --tls-cert and --tls-key, or --acme-domains; " +
			"behind a proxy that has TLS, name it in --trusted-proxies")
	}
}

// url is the URL of the page: an unspecified address becomes this machine's name.
func (n *node) url(public net.Addr, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	host, port, _ := net.SplitHostPort(public.String())
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil && ip.IsUnspecified() {
		return scheme + net.JoinHostPort(nodeName(), port)
	}
	return scheme + public.String()
}
