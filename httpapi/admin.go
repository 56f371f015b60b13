package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/webhook"
	"github.com/parley-server/parley/wire"
)

// healthz answers that the process is alive.
func healthz(w http.ResponseWriter, _ *http.Request) error {
	_, err := w.Write([]byte("ok\n"))
	return err
}

// AdminConfig of the admin listener's handler. Metrics and Drain are required.
type AdminConfig struct {
	Metrics   http.Handler
	Drain     func()                 // begins a drain and returns at once
	Hosts     func(host string) bool // Host headers that are served; nil: all
	Secret    func() (string, error) // as in Config
	OnRefused func(Refusal)          // called with bad tokens; may be nil
	Token     string                 // the bearer token that Authorization must contain, except for health; "": none is required
	Push      PushAdmin              // nil: push is not configured
	Webhooks  []*webhook.Webhook
	Logger    *slog.Logger // slog.Default()
}

// Admin is the handler of the admin listener; public is the API's. It may require no
// credentials, so only its own pages may use it.
func Admin(public http.Handler, cfg AdminConfig) http.Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	mux := http.NewServeMux()
	route := func(path string, m methods) { mux.Handle(path, handle(cfg.Logger, m.serve)) }
	get := func(path string, h http.HandlerFunc) {
		route(path, methods{"GET": func(w http.ResponseWriter, r *http.Request) error { h(w, r); return nil }})
	}
	mux.Handle("/healthz", public)
	mux.Handle("/readyz", public)
	get("/metrics", cfg.Metrics.ServeHTTP)
	route("/admin/api/drain", methods{"POST": func(w http.ResponseWriter, _ *http.Request) error {
		cfg.Drain()
		w.WriteHeader(http.StatusAccepted)
		return nil
	}})
	cfg.pushRoutes(route)
	get("/debug/pprof/", pprof.Index)
	get("/debug/pprof/cmdline", pprof.Cmdline)
	get("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol) // takes POST too
	get("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/", handle(cfg.Logger, notFound))
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(handle(cfg.Logger, func(_ http.ResponseWriter, r *http.Request) error {
		return &parley.Error{Code: parley.CodeForbidden,
			Detail: fmt.Sprintf("pages of %.100q may not administer this server", r.Header.Get("Origin")),
			Hint:   "use the admin listener's own pages, or curl"}
	}))
	return guard(cfg.Hosts, cfg.Secret, false, own.Handler(bearer(cfg, mux)))
}

// bearer requires the admin token, except for health.
func bearer(cfg AdminConfig, next http.Handler) http.Handler {
	if cfg.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(cfg.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := auth.BearerOf(r.Header)
		got := sha256.Sum256([]byte(token))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		e := &parley.Error{Code: parley.CodeUnauthorized, Detail: "the admin listener wants its token",
			Hint: "send Authorization: Bearer and what --admin-token-file holds"}
		if cfg.OnRefused != nil {
			cfg.OnRefused(Refusal{Error: e, Request: "admin: " + r.Method + " " + r.URL.Path})
		}
		wire.WriteProblem(w, e)
	})
}
