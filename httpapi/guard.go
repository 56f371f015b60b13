package httpapi

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/transport"
	"github.com/parley-server/parley/wire"
)

// guard refuses a foreign Host, if hosts is not nil, for every request: with DNS rebinding a
// foreign page's requests have its own origin. It sets a time limit for each body.
func guard(hosts func(string) bool, secret func() (string, error), hsts bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // a token may be in a URL
		if hsts {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if r.ContentLength != 0 { // whether or not a handler reads it: net/http does before it responds
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		if hosts != nil && !hosts(r.Host) {
			wire.WriteProblem(w,
				&parley.Error{Code: parley.CodeForbidden, Detail: fmt.Sprintf("the Host %.100q is not this server", r.Host),
					Hint: "it answers to localhost and loopback addresses only; for others: " + serveLine(secret)})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveLine is the hint for a server that serves this machine alone, with the secret that exists
// now.
func serveLine(secret func() (string, error)) string {
	file := "FILE"
	if secret != nil {
		if written, err := secret(); err == nil {
			file = written
		}
	}
	return fmt.Sprintf("parley serve --auth-hmac-secret-file %[1]s --allowed-origins URL, "+
		"and parley token --user NAME --auth-hmac-secret-file %[1]s makes a token", file)
}

// spelled encodes names that consist of dots, so that they are not part of a path's grammar.
func spelled(path string) string {
	names := strings.Split(path, "/")
	for i, name := range names {
		if name == "." || name == ".." {
			names[i] = strings.ReplaceAll(name, ".", "%2E")
		}
	}
	return strings.Join(names, "/")
}

// plain keeps ServeMux from answering a path with dots or double slashes with a redirect. Dots
// are an invalid name, not a relative path.
func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.EscapedPath()
		if strings.Contains(p, "/.") {
			p = spelled(p)
			u := *r.URL
			u.RawPath = p
			r = r.WithContext(r.Context())
			r.URL = &u
		}
		if clean := path.Clean("/" + p); p != clean && (p != clean+"/" || clean == "/") {
			wire.WriteProblem(w, parley.AsError(notFound(w, r)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign refuses a foreign page's request that could change something.
func (a *API) foreign(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.refuse(r); err != nil {
			a.refused(r, err)
			wire.WriteProblem(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// undrained refuses every request while the server drains, and one that the door has turned away.
func (a *API) undrained(k kind, next http.Handler) http.Handler {
	refuse := func(w http.ResponseWriter, r *http.Request, err *parley.Error) {
		if a.refused(r, err); !a.refuseAs(k, w, r, err) {
			wire.WriteProblem(w, err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := transport.TurnedAway(r.Context()); err != nil {
			refuse(w, r, err)
			return
		}
		if err := a.ways.Begin(r.Context()); err != nil {
			w.Header().Set("Connection", "close")
			refuse(w, r, err)
			return
		}
		defer a.ways.End()
		next.ServeHTTP(w, r)
	})
}

func (a *API) refuse(r *http.Request) *parley.Error {
	origin := r.Header.Get("Origin")
	if origin == "" || a.cfg.Origins(origin) {
		return nil
	}
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	if safe && r.Header.Get("Upgrade") == "" {
		return nil // the browser keeps the answer from the page
	}
	hint := "add the origin to --allowed-origins"
	if a.cfg.Hosts != nil {
		hint = "parley dev is for pages of this machine; for others: " + serveLine(a.cfg.Secret)
	}
	return &parley.Error{Code: parley.CodeForbidden, Detail: fmt.Sprintf("pages of %.100q may not use this server", origin), Hint: hint}
}

// LoopbackHost reports whether a Host header belongs to a server on this machine. It allows a missing
// one (HTTP/1.0, as in health checks of proxies): every browser sends one, so no page can omit it.
func LoopbackHost(host string) bool {
	if host == "" {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if inner, ok := strings.CutPrefix(name, "["); ok && strings.HasSuffix(inner, "]") {
		name = strings.TrimSuffix(inner, "]")
	}
	if strings.EqualFold(name, "localhost") || strings.HasSuffix(strings.ToLower(name), ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// LoopbackOrigin reports whether an origin is a page served from this machine.
func LoopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && LoopbackHost(u.Host)
}

// Development accepts the user that each request names.
type Development struct{ Tickets *auth.Tickets }

// Caller implements Authenticator: it returns the user of the query, or a guest.
func (d Development) Caller(r *http.Request) (access.Caller, error) {
	q := query(r)
	if text := q.Get("ticket"); text != "" {
		return d.Tickets.Redeem(r.Context(), text)
	}
	user, err := userOr(q.Get("user"), parley.Guest)
	return access.Caller{User: user, As: access.Developer}, err
}
