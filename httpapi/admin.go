package httpapi

import (
	"net/http"
	"net/http/pprof"

	"parley"
)

// health answers whether the process lives, and whether it should get requests.
func (a *API) health() map[string]http.Handler {
	return map[string]http.Handler{
		"/healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }),
		"/readyz": a.handle(func(w http.ResponseWriter, r *http.Request) error {
			if e := a.ways.Draining(); e != nil {
				return e
			}
			if a.cfg.Ready != nil {
				if err := a.cfg.Ready(r.Context()); err != nil {
					return &parley.Error{Code: parley.CodeUnavailable, Detail: "the store is not ready: " + err.Error(), Hint: "see the server's log"}
				}
			}
			_, err := w.Write([]byte("ready\n"))
			return err
		}),
	}
}

// Admin is the handler of the admin listener. drain begins a drain and returns at once.
func Admin(public http.Handler, metrics http.Handler, drain func()) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/healthz", public)
	mux.Handle("/readyz", public)
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("POST /admin/api/drain", func(w http.ResponseWriter, _ *http.Request) {
		drain()
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
