package demo

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"

	"github.com/parley-server/parley/web"
)

// newHandler serves the page, its data, and the buttons.
func newHandler(scenes []*scene) http.Handler {
	mux := http.NewServeMux()
	body, csp, _ := web.Page("demo.html")
	mux.HandleFunc("GET /{$}", func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		out.Header().Set("Content-Security-Policy", csp)
		out.Write(body)
	})
	// of returns the tab that a page shows.
	of := func(r *http.Request) *scene {
		if r.URL.Query().Has("cluster") && len(scenes) > 1 {
			return scenes[1]
		}
		return scenes[0]
	}
	// from is where a newly opened page starts reading, the same for all four panes.
	mux.HandleFunc("GET /demo/info", func(out http.ResponseWriter, r *http.Request) {
		s := of(r)
		type state struct {
			Name  string `json:"name"`
			Up    bool   `json:"up"`
			Kills int    `json:"kills"`
		}
		var servers []state
		for _, one := range s.servers {
			up, kills := one.state()
			servers = append(servers, state{one.name, up, kills})
		}
		answer(out, http.StatusOK, map[string]any{
			"server": s.url, "channel": Channel, "from": s.writer.last.Load(), "written": s.writer.sent.Load(),
			"servers": servers, "tabs": len(scenes),
		})
	})
	mux.HandleFunc("POST /demo/kill", func(out http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			n = 0
		}
		if err := of(r).kill(n); err != nil {
			answer(out, http.StatusConflict, map[string]any{"detail": err.Error()})
			return
		}
		answer(out, http.StatusOK, map[string]any{})
	})
	return loopbackOnly(http.NewCrossOriginProtection().Handler(mux))
}

func answer(out http.ResponseWriter, status int, body map[string]any) {
	out.Header().Set("Content-Type", "application/json")
	out.Header().Set("Cache-Control", "no-store")
	out.WriteHeader(status)
	json.NewEncoder(out).Encode(body)
}

// loopbackOnly refuses other Hosts: a page on another site whose name was made to resolve to this
// address (DNS rebinding) must not reach the buttons.
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
