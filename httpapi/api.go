// Package httpapi is parley's face over HTTP: routes, who is calling, what they
// ask for, and errors as problem+json. What is asked it hands to chat and transport.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"

	"parley/chat"
	"parley/transport"
)

// Authenticator tells who is calling. A refusal is an *parley.Error.
type Authenticator interface {
	Caller(r *http.Request) (chat.Caller, error)
}

// Config of an API. Auth and Origins are required.
type Config struct {
	Auth    Authenticator
	Origins func(origin string) bool        // pages that may use parley from a browser
	Hosts   func(host string) bool          // Host headers that are served; nil: all
	Ready   func(ctx context.Context) error // what /readyz asks; nil: nothing
	Pages   http.Handler                    // what is at /
	Logger  *slog.Logger                    // slog.Default()
}

// API is an http.Handler for everything on the public listener.
type API struct {
	chat *chat.Service
	ways *transport.Transports
	cfg  Config
}

// New makes the API's handler.
func New(c *chat.Service, ways *transport.Transports, cfg Config) http.Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	a := &API{chat: c, ways: ways, cfg: cfg}
	mux := http.NewServeMux()
	route := func(path string, m methods) { mux.Handle(path, a.serve(m)) }

	route("/api/messages", methods{"GET": a.poll, "POST": a.post})
	route("/api/messages/batch", methods{"POST": a.postBatch})
	route("/api/messages/poll", methods{"GET": a.longPoll})
	route("/api/messages/{channel}/{id}", methods{"GET": a.message, "PATCH": notYet, "DELETE": notYet})
	route("/api/messages/{channel}/{id}/reactions/{emoji}", methods{"PUT": notYet, "DELETE": notYet})
	route("/api/stream", methods{"GET": a.streamMany})
	route("/api/stream/{channel...}", methods{"GET": a.stream})
	route("/ws", methods{"GET": a.socketMany})
	route("/ws/chat", methods{"GET": a.socketMany})
	route("/ws/chat/{channel...}", methods{"GET": a.socket})
	route("/api/channels", methods{"GET": a.channels})
	route("/api/channels/{channel}", methods{"GET": a.channel, "PUT": a.putChannel, "DELETE": a.deleteChannel})
	route("/api/channels/{channel}/events", methods{"POST": a.postEvent})
	route("/openapi.json", methods{"GET": openAPI})
	for _, path := range []string{"/api/channels/{channel}/{rest...}", "/api/users/{rest...}", "/api/devices/{rest...}", "/api/push/{rest...}", "/api/tickets"} {
		mux.Handle(path, a.guard(a.handle(notYet)))
	}
	for path, h := range a.health() {
		mux.Handle(path, h)
	}
	mux.Handle("/{$}", a.guard(cfg.Pages))
	mux.Handle("/", a.guard(a.handle(notFound)))
	return a.cors(mux)
}

// handler is an http.Handler that returns what went wrong before it wrote anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// methods are the handlers of one path.
type methods map[string]handler

// serve picks the handler by method. HEAD is GET without a body.
func (a *API) serve(m methods) http.Handler {
	return a.guard(a.handle(func(w http.ResponseWriter, r *http.Request) error {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		h := m[method]
		if h == nil {
			return methodNotAllowed(w, m)
		}
		return h(w, r)
	}))
}

func notYet(http.ResponseWriter, *http.Request) error { return chat.NotYet("this") }
