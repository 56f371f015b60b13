package wire

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-server/parley"
)

// problem is an error as application/problem+json (RFC 9457).
type problem struct {
	Type    string           `json:"type"`
	Title   string           `json:"title"`
	Status  int              `json:"status"`
	Detail  string           `json:"detail"`
	Code    string           `json:"code"`
	Hint    string           `json:"hint,omitempty"`
	Channel parley.ChannelID `json:"channel,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	FirstID *int64           `json:"first_id,omitempty"`
	LastID  *int64           `json:"last_id,omitempty"`
}

// Statuses are the HTTP statuses of errors; they must not be changed.
var Statuses = map[parley.Code]int{
	parley.CodeBadRequest: 400, parley.CodeBadChannel: 400, parley.CodeBadCursor: 400, parley.CodeBadJSON: 400,
	parley.CodeUnauthorized: 401, parley.CodeForbidden: 403, parley.CodeNotYou: 403, parley.CodeNotFound: 404,
	parley.CodeMethodNotAllowed: 405, parley.CodeConflict: 409, parley.CodeCursorGone: 410, parley.CodeTooLarge: 413,
	parley.CodeUnsupportedMedia: 415, parley.CodeRateLimited: 429, parley.CodeOverloaded: 503, parley.CodeDraining: 503,
	parley.CodeUnavailable: 503,
}

// ErrVersion refuses a WebSocket handshake with another version of the protocol: 426.
var ErrVersion = &parley.Error{Code: parley.CodeBadRequest, Detail: "the WebSocket version is not 13",
	Hint: "use version 13 (RFC 6455)"}

// Status returns the HTTP status of an error.
func Status(e *parley.Error) int {
	if e == ErrVersion {
		return http.StatusUpgradeRequired
	}
	return Statuses[e.Code]
}

// Problem renders an error for an HTTP response with a status: it sets the header and returns the
// body.
func Problem(h http.Header, status int, e *parley.Error) []byte {
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Detail, Code: string(e.Code),
		Hint: e.Hint, Channel: e.Channel}
	if e.Reset != nil {
		p.Reason, p.FirstID, p.LastID = e.Reset.Reason, &e.Reset.First, &e.Reset.Last
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || e.RetryAfter > 0 {
		h.Set("Retry-After", RetryAfter(e.RetryAfter))
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110, section 15.5.2
	}
	body, _ := json.Marshal(p) // cannot fail: only strings and numbers
	return append(body, '\n')
}

// WriteProblem answers a request with an error.
func WriteProblem(w http.ResponseWriter, e *parley.Error) {
	status := Status(e)
	body := Problem(w.Header(), status, e)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// AppendProblem appends an error response, after which the connection ends, for connections without
// an http.ResponseWriter.
func AppendProblem(b []byte, status int, e *parley.Error) []byte {
	h := http.Header{"Connection": {"close"}, "X-Content-Type-Options": {"nosniff"}}
	body := Problem(h, status, e)
	return AppendAnswer(b, status, h, body)
}

// RetryAfter returns the value of the header field: whole seconds, at least one.
func RetryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}
