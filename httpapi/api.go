// Package httpapi is parley's face over HTTP: routes, who is calling, what they
// ask for, and errors as problem+json. What is asked it hands to chat and transport.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"parley"
	"parley/access"
	"parley/auth"
	"parley/chat"
	"parley/limit"
	"parley/transport"
)

// Authenticator tells who is calling. A refusal is an *parley.Error.
type Authenticator interface {
	Caller(r *http.Request) (access.Caller, error)
}

// Config of an API. Auth, Tickets and Origins are required.
type Config struct {
	Auth     Authenticator
	Origins  func(origin string) bool        // pages that may use parley from a browser
	Hosts    func(host string) bool          // Host headers that are served; nil: all
	Secret   func() (string, error)          // makes a secret for parley serve, if there is none, and returns its file, which refusals of Hosts name; nil: none
	Ready    func(ctx context.Context) error // what /readyz asks; nil: nothing
	Damaged  func() []string                 // files of the store of which a part can't be read, which /readyz names; nil: none are known
	Tickets  *auth.Tickets                   // those that Auth takes
	Client   func(*http.Request) netip.Addr  // where a caller is, as limits count it; nil: nothing is limited by it
	Answers  *limit.Answers                  // of what is on its way to clients; nil: any
	Patience time.Duration                   // for which a client of HTTP/2 may take nothing of its answer; 0: any
	Limits   *limit.Limiter                  // of what is opened and of bad credentials; nil: none
	Refused  func(Refusal)                   // is told of what was refused; nil: nobody
	Did      func(Deed)                      // is told of what was administered; nil: nobody
	HSTS     bool                            // browsers are to come over TLS only (RFC 6797)
	Pages    http.Handler                    // what is at /, /examples/, /chat.js, /parley.js and /parley-extras.js
	Logger   *slog.Logger                    // slog.Default()
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
	route := func(path string, m methods) { mux.Handle(path, a.account(false, a.serve(m.atOnce))) }
	waits := func(path string, m methods) { mux.Handle(path, a.serve(m.serve)) } // as long as its client is there

	route("/api/messages", methods{"GET": a.poll, "POST": a.post})
	route("/api/messages/batch", methods{"POST": a.postBatch})
	mux.Handle("/api/messages/poll", a.account(true, a.serve(methods{"GET": a.longPoll}.serve)))
	route("/api/messages/{channel}/{id}", methods{"GET": a.message, "PATCH": a.edit, "DELETE": a.remove})
	route("/api/messages/{channel}/{id}/reactions/{emoji}", methods{"GET": a.reactors, "PUT": a.react, "DELETE": a.unreact})
	waits("/api/stream", methods{"GET": a.streamMany})
	waits("/api/stream/{channel...}", methods{"GET": a.stream})
	waits("/ws", methods{"GET": a.socketMany})
	waits("/ws/chat", methods{"GET": a.socketMany})
	waits("/ws/chat/{channel...}", methods{"GET": a.socket})
	route("/api/channels", methods{"GET": a.channels})
	route("/api/channels/{channel}", methods{"GET": a.channel, "PUT": a.deed(a.putChannel), "DELETE": a.deed(a.deleteChannel)})
	route("/api/channels/{channel}/events", methods{"POST": a.postEvent})
	route("/api/channels/{channel}/typing", methods{"POST": a.postTyping})
	route("/api/channels/{channel}/members", methods{"GET": a.members})
	route("/api/channels/{channel}/members/{user}", methods{"PUT": a.deed(a.putMember), "DELETE": a.deed(a.deleteMember)})
	route("/api/channels/{channel}/bans/{user}", methods{"PUT": a.deed(a.ban), "DELETE": a.deed(a.unban)})
	route("/api/channels/{channel}/read", methods{"POST": a.markRead})
	route("/api/channels/{channel}/presence", methods{"GET": a.here})
	route("/api/users/{user}/presence", methods{"GET": a.seen})
	route("/api/channels/{channel}/mute", methods{"PUT": a.mute})
	route("/api/users/{user}/revoke", methods{"POST": a.deed(a.revoke)})
	route("/api/tickets", methods{"POST": a.ticket})
	route("/openapi.json", methods{"GET": openAPI})
	for _, path := range later {
		route(path, methods{"GET": notYet, "POST": notYet, "PUT": notYet, "PATCH": notYet, "DELETE": notYet})
	}
	for path, h := range a.health() {
		mux.Handle(path, handle(cfg.Logger, methods{"GET": h}.atOnce))
	}
	route("/{$}", methods{"GET": a.page})
	route("/parley.js", methods{"GET": a.page})
	route("/parley-extras.js", methods{"GET": a.page})
	route("/chat.js", methods{"GET": a.page})
	route("/examples", methods{"GET": a.page})
	route("/examples/{$}", methods{"GET": a.page})
	route("/examples/{name}", methods{"GET": a.page})
	mux.Handle("/", a.undrained(a.handle(notFound)))
	return guard(cfg.Hosts, cfg.Secret, cfg.HSTS, a.cors(a.foreign(plain(mux))))
}

// later is what the wire describes and this version lacks. A path stands beside what
// is below it: ServeMux would redirect it there.
var later = []string{"/api/devices", "/api/devices/{rest...}", "/api/push", "/api/push/{rest...}"}

// handler is an http.Handler that returns what went wrong before it wrote anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// methods are the handlers of one path.
type methods map[string]handler

// serve picks the handler by method. HEAD is GET without a body; OPTIONS is told
// the methods.
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

// answerTime is how long a request that is answered at once may take.
const answerTime = 30 * time.Second

// atOnce is serve for requests that wait for the store alone. A client that has closed its
// side of the connection still reads the answer, while net/http takes it for gone.
func (m methods) atOnce(w http.ResponseWriter, r *http.Request) error {
	fresh(w, r)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerTime)
	defer cancel()
	return m.serve(w, r.WithContext(ctx))
}

// fresh forbids caches to keep the answer to a GET, unless its handler says otherwise: what it
// shows depends on the caller's rights and may be deleted a moment later. An answer to any
// other method is not kept anyway (RFC 9110, section 9.2.3).
func fresh(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		w.Header()["Cache-Control"] = noStore
	}
}

var noStore = []string{"no-store"} // shared: a handler that wants another value sets another slice

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

// serve is a path's handler, for requests whose query can be read and while the
// server is not draining.
func (a *API) serve(h handler) http.Handler {
	return a.undrained(a.handle(func(w http.ResponseWriter, r *http.Request) error {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return bad("the query can't be read: %v", err)
		}
		r.Form = values // parsed once; the forms of bodies are read by who wants them
		return h(w, r)
	}))
}

func (a *API) page(w http.ResponseWriter, r *http.Request) error {
	a.cfg.Pages.ServeHTTP(w, r)
	return nil
}

func notYet(http.ResponseWriter, *http.Request) error {
	return chat.NotYet("push")
}
