package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"
)

// The headers that pages of other origins may send and read.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID"
	corsExposed = "ETag, Parley-Last-Id, Parley-Epoch, Retry-After"
)

// cors lets pages of allowed origins read responses. The library decides, but it requires the
// preflight's header list in the form that browsers send, repeats that list as the answer, and
// spells ETag in its own way.
func (a *API) cors(next http.Handler) http.Handler {
	library := cors.New(cors.Options{
		AllowOriginFunc:    a.cfg.Origins,
		AllowCredentials:   true,
		AllowedMethods:     strings.Split(corsMethods, ", "),
		AllowedHeaders:     strings.Split(corsHeaders, ", "),
		ExposedHeaders:     strings.Split(corsExposed, ", "),
		MaxAge:             600,
		OptionsPassthrough: true,
	}).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		allowed := h.Get("Access-Control-Allow-Origin") != ""
		if !preflight(r) {
			if allowed {
				h.Set("Access-Control-Expose-Headers", corsExposed)
			}
			next.ServeHTTP(w, r)
			return
		}
		if allowed {
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", corsHeaders)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const asked = "Access-Control-Request-Headers"
		if names := r.Header.Values(asked); preflight(r) && len(names) > 0 {
			r.Header.Set(asked, sorted(strings.Join(names, ",")))
		}
		library.ServeHTTP(w, r)
	})
}

func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// sorted writes a list of header names as browsers do (WHATWG Fetch, section 4.8).
func sorted(list string) string {
	var names []string
	for name := range strings.SplitSeq(strings.ToLower(list), ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}
