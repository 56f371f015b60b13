// Package httpapi serves parley over HTTP: it owns routes, callers, parameters and the
// responses that are sent at once. Use cases belong to chat, and requests that wait to
// transport.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/limit"
	"github.com/parley-server/parley/transport"
)

// Authenticator returns the caller of a request. A refusal is a *parley.Error.
type Authenticator interface {
	Caller(r *http.Request) (access.Caller, error)
}

// Config of an API. Auth, Tickets and Origins are required.
type Config struct {
	Auth    Authenticator
	Tickets *auth.Tickets            // those that Auth accepts
	Origins func(origin string) bool // pages that may use parley from a browser
	Hosts   func(host string) bool   // Host headers that are served; nil: all
	// Secret creates a secret for parley serve, if there is none, and returns its file, which
	// refusals by Hosts name; may be nil.
	Secret func() (string, error)

	Ready func(ctx context.Context) Readiness // checked by /readyz; nil: nothing

	Client   func(*http.Request) netip.Addr // the client's address, for limits; nil: no limits by address
	Limits   *limit.Limiter                 // limits what is opened, and bad credentials; nil: none
	Answers  *limit.Answers                 // limits responses in flight; nil: no limit
	Patience time.Duration                  // for how long an HTTP/2 client may read nothing of its response; 0: no limit

	OnRefused     func(Refusal)     // called with each refusal; may be nil
	OnAdminAction func(AdminAction) // called with each administrative action; may be nil

	HSTS   bool         // browsers must use TLS only (RFC 6797)
	Pages  http.Handler // serves the routes of the kind page
	Logger *slog.Logger // slog.Default()
}

// API is an http.Handler for everything on the public listener.
type API struct {
	chat    *chat.Service
	ways    *transport.Transports
	cfg     Config
	mux     *http.ServeMux
	kinds   map[string]kind // of the patterns of mux
	handler http.Handler
}

// New creates the API's handler.
func New(c *chat.Service, ways *transport.Transports, cfg Config) *API {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.OnRefused == nil {
		cfg.OnRefused = func(Refusal) {}
	}
	if cfg.OnAdminAction == nil {
		cfg.OnAdminAction = func(AdminAction) {}
	}
	a := &API{chat: c, ways: ways, cfg: cfg, mux: http.NewServeMux(), kinds: map[string]kind{}}
	for _, r := range a.routes() {
		a.mux.Handle(r.path, a.route(r))
		a.kinds[r.path] = r.kind
	}
	a.handler = guard(cfg.Hosts, cfg.Secret, cfg.HSTS, a.cors(a.foreign(plain(a.mux))))
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// handler is an http.Handler that returns errors from before it wrote anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// methods are the handlers of one path.
type methods map[string]handler

// serve picks the handler by method. HEAD is GET without a body; OPTIONS lists the methods.
func (m methods) serve(w http.ResponseWriter, r *http.Request) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h := m[method]; h != nil {
		return h(w, r)
	}
	w.Header().Set("Allow", m.allow())
	if method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return &parley.Error{Code: parley.CodeMethodNotAllowed, Detail: "this address does not take the method", Hint: "use " + m.allow()}
}

// answerTime is how long a request may take that is answered at once.
const answerTime = 30 * time.Second

// atOnce is serve for requests that wait only for the store. A client that has closed its side
// of the connection still reads the response, although net/http considers it gone.
func (m methods) atOnce(w http.ResponseWriter, r *http.Request) error {
	fresh(w, r)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerTime)
	defer cancel()
	return m.serve(w, r.WithContext(ctx))
}

// fresh forbids caches to store the response to a GET, unless its handler sets another policy:
// the content depends on the caller's rights and may be deleted at any time. A response to any
// other method is not cached anyway (RFC 9110, section 9.2.3).
func fresh(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		w.Header()["Cache-Control"] = noStore
	}
}

var noStore = []string{"no-store"} // shared: a handler that needs another value sets another slice

func (m methods) allow() string {
	names := []string{http.MethodOptions}
	for name := range m {
		if names = append(names, name); name == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (a *API) page(w http.ResponseWriter, r *http.Request) error {
	a.cfg.Pages.ServeHTTP(w, r)
	return nil
}
