package httpapi

import (
	"net/http"
	"net/url"

	"github.com/parley-server/parley"
)

// kind is how the requests of a route are served.
type kind int

const (
	atOnce      kind = iota // answered as soon as the store has answered
	heldPoll                // waits for a message, then responds
	eventStream             // server-sent events
	socket                  // a WebSocket
	page                    // pages for people, including scripts
	health                  // answered also while the server drains
)

// route is a path, how it is served, and by what.
type route struct {
	path    string
	kind    kind
	methods methods
}

// routes are all that the public listener serves.
func (a *API) routes() []route {
	return []route{
		{"/api/messages", atOnce, methods{"GET": a.poll, "POST": a.post}},
		{"/api/messages/batch", atOnce, methods{"POST": a.postBatch}},
		{"/api/messages/poll", heldPoll, methods{"GET": a.longPoll}},
		{"/api/messages/{channel}/{id}", atOnce, methods{"GET": a.message, "PATCH": a.edit, "DELETE": a.remove}},
		{"/api/messages/{channel}/{id}/reactions/{emoji}", atOnce, methods{"GET": a.reactors, "PUT": a.react, "DELETE": a.unreact}},
		{"/api/stream", eventStream, methods{"GET": a.streamMany}},
		{"/api/stream/{channel...}", eventStream, methods{"GET": a.stream}},
		{"/ws", socket, methods{"GET": a.socketMany}},
		{"/ws/chat", socket, methods{"GET": a.socketMany}},
		{"/ws/chat/{channel...}", socket, methods{"GET": a.socket}},
		{"/ws/", socket, nil}, // a browser's handshake is refused there like any other
		{"/api/channels", atOnce, methods{"GET": a.channels}},
		{"/api/channels/{channel}", atOnce, methods{"GET": a.channel,
			"PUT": a.adminAction(a.putChannel), "DELETE": a.adminAction(a.deleteChannel)}},
		{"/api/channels/{channel}/events", atOnce, methods{"POST": a.postEvent}},
		{"/api/channels/{channel}/typing", atOnce, methods{"POST": a.postTyping}},
		{"/api/channels/{channel}/members", atOnce, methods{"GET": a.members}},
		{"/api/channels/{channel}/members/{user}", atOnce, methods{
			"PUT": a.adminAction(a.putMember), "DELETE": a.adminAction(a.deleteMember)}},
		{"/api/channels/{channel}/bans/{user}", atOnce, methods{
			"PUT": a.adminAction(a.ban), "DELETE": a.adminAction(a.unban)}},
		{"/api/channels/{channel}/read", atOnce, methods{"POST": a.markRead}},
		{"/api/channels/{channel}/presence", atOnce, methods{"GET": a.here}},
		{"/api/users/{user}/presence", atOnce, methods{"GET": a.seen}},
		{"/api/channels/{channel}/mute", atOnce, methods{"PUT": a.mute}},
		{"/api/users/{user}/revoke", atOnce, methods{"POST": a.adminAction(a.revoke)}},
		{"/api/tickets", atOnce, methods{"POST": a.ticket}},
		{"/openapi.json", atOnce, methods{"GET": openAPI}},
		{"/api/devices", atOnce, methods{"GET": a.devices}},
		{"/api/devices/{id}", atOnce, methods{"PUT": a.putDevice, "DELETE": a.deleteDevice}},
		{"/api/push/public-key", atOnce, methods{"GET": a.pushKey}},
		{"/healthz", health, methods{"GET": healthz}},
		{"/readyz", health, methods{"GET": a.readyz}},
		{"/{$}", page, methods{"GET": a.page}},
		{"/parley.js", page, methods{"GET": a.page}},
		{"/parley-extras.js", page, methods{"GET": a.page}},
		{"/chat.js", page, methods{"GET": a.page}},
		{"/emoji.js", page, methods{"GET": a.page}},
		{"/code.js", page, methods{"GET": a.page}},
		{"/sw.js", page, methods{"GET": a.page}},
		{"/examples", page, methods{"GET": a.page}},
		{"/examples/{$}", page, methods{"GET": a.page}},
		{"/examples/{name}", page, methods{"GET": a.page}},
		{"/", atOnce, nil},
	}
}

// route is the handler of a route.
func (a *API) route(r route) http.Handler {
	if r.methods == nil { // there is nothing, whatever the method
		return a.undrained(r.kind, a.handle(r.kind, notFound))
	}
	switch r.kind {
	case health:
		return handle(a.cfg.Logger, r.methods.atOnce)
	case heldPoll:
		return a.account(true, a.serve(r.kind, r.methods.serve))
	case eventStream, socket: // as long as its client is there
		return a.serve(r.kind, r.methods.serve)
	default:
		return a.account(false, a.serve(r.kind, r.methods.atOnce))
	}
}

// serve is a handler for requests whose query can be read, while the server is not draining.
func (a *API) serve(k kind, h handler) http.Handler {
	return a.undrained(k, a.handle(k, func(w http.ResponseWriter, r *http.Request) error {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return bad("the query can't be read: %v", err)
		}
		r.Form = values // parsed once; the forms of bodies are read by their handlers
		return h(w, r)
	}))
}

// OpensStream reports whether a request opens a WebSocket or an event stream if it is served.
func (a *API) OpensStream(r *http.Request) bool {
	_, pattern := a.mux.Handler(r)
	switch a.kinds[pattern] {
	case eventStream:
		return true
	case socket:
		return r.Header.Get("Upgrade") != ""
	}
	return false
}

// refuseAs answers a refused request in the way of its kind, if that has one.
func (a *API) refuseAs(k kind, w http.ResponseWriter, r *http.Request, e *parley.Error) (answered bool) {
	switch k {
	case socket:
		return a.refuseSocket(w, r, e)
	case eventStream:
		return refuseStream(w, r, e)
	}
	return false
}
