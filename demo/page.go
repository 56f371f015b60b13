package demo

import (
	"encoding/json"
	"net"
	"net/http"

	"parley/web"
)

// newHandler serves the page, what it needs to know, and the button.
func newHandler(s *server, w *writer, base string) http.Handler {
	mux := http.NewServeMux()
	body, csp, _ := web.Page("demo.html")
	mux.HandleFunc("GET /{$}", func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		out.Header().Set("Content-Security-Policy", csp)
		out.Write(body)
	})
	// from is where a page that opens now begins to read; all four panes alike.
	mux.HandleFunc("GET /demo/info", func(out http.ResponseWriter, r *http.Request) {
		up, kills := s.state()
		answer(out, http.StatusOK, map[string]any{
			"server": base, "channel": Channel, "from": w.last.Load(), "written": w.sent.Load(), "up": up, "kills": kills,
		})
	})
	mux.HandleFunc("POST /demo/kill", func(out http.ResponseWriter, r *http.Request) {
		kills, err := s.kill()
		if err != nil {
			answer(out, http.StatusConflict, map[string]any{"kills": kills, "detail": err.Error()})
			return
		}
		answer(out, http.StatusOK, map[string]any{"kills": kills})
	})
	return loopbackOnly(http.NewCrossOriginProtection().Handler(mux))
}

func answer(out http.ResponseWriter, status int, body map[string]any) {
	out.Header().Set("Content-Type", "application/json")
	out.Header().Set("Cache-Control", "no-store")
	out.WriteHeader(status)
	json.NewEncoder(out).Encode(body)
}

// loopbackOnly refuses other Hosts: a page elsewhere whose name was made to point
// here (DNS rebinding) must not find the button.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("X-Content-Type-Options", "nosniff")
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(out, "the demo answers on loopback only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(out, r)
	})
}
