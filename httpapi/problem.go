package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley"
	"parley/transport"
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

var statuses = map[parley.Code]int{
	parley.CodeBadRequest: 400, parley.CodeBadChannel: 400, parley.CodeBadCursor: 400, parley.CodeBadJSON: 400,
	parley.CodeUnauthorized: 401, parley.CodeForbidden: 403, parley.CodeNotYou: 403, parley.CodeNotFound: 404,
	parley.CodeMethodNotAllowed: 405, parley.CodeConflict: 409, parley.CodeCursorGone: 410, parley.CodeTooLarge: 413,
	parley.CodeUnsupportedMedia: 415, parley.CodeRateLimited: 429, parley.CodeOverloaded: 503, parley.CodeDraining: 503,
	parley.CodeUnavailable: 503,
}

// handle writes the error that a handler returned. A browser's handshake is told in
// a frame.
func (a *API) handle(h handler) http.Handler {
	return handle(a.cfg.Logger, func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err == nil {
			return nil
		}
		e := parley.AsError(err)
		a.refused(r, e)
		if e.Code == parley.CodeRateLimited {
			a.ways.Pause(r.Context(), a.cfg.Limits.Refused(a.client(r)))
		}
		switch {
		case r.URL.Path == "/ws" || strings.HasPrefix(r.URL.Path, "/ws/"):
			return a.refuseSocket(w, r, err)
		case statuses[e.Code] >= http.StatusTooManyRequests && r.Method != http.MethodHead && acceptsStream(r):
			writeDraining(w, e)
			return nil
		}
		return err
	})
}

func handle(log *slog.Logger, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		e := parley.AsError(err)
		if e.Err != nil && !errors.Is(e.Err, r.Context().Err()) {
			log.Warn("request failed", "method", r.Method, "path", r.URL.Path, "code", e.Code, slog.Any("error", e.Err))
		}
		writeProblem(w, e)
	})
}

func writeProblem(w http.ResponseWriter, e *parley.Error) {
	status, body := Problem(w.Header(), e)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Problem renders an error as application/problem+json: it sets the header and returns
// the status and the body.
func Problem(h http.Header, e *parley.Error) (status int, body []byte) {
	status = statuses[e.Code]
	if e == transport.ErrVersion {
		status = http.StatusUpgradeRequired
	}
	return status, render(h, status, e)
}

func render(h http.Header, status int, e *parley.Error) []byte {
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Detail, Code: string(e.Code), Hint: e.Hint, Channel: e.Channel}
	if e.Reset != nil {
		p.Reason, p.FirstID, p.LastID = e.Reset.Reason, &e.Reset.First, &e.Reset.Last
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter(e.RetryAfter))
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110, section 15.5.2
	}
	body, _ := json.Marshal(p) // of strings and numbers
	return append(body, '\n')
}

// malformed is how net/http answers what it can't read as a request, after the status line.
var malformed = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// Malformed renders such an answer as a problem; nil if it is another.
func Malformed(answer []byte) []byte {
	const protocol = "HTTP/1.1 "
	line, text, found := bytes.Cut(answer[:min(len(answer), 512)], malformed)
	if !found || !bytes.HasPrefix(line, []byte(protocol)) || bytes.IndexByte(line, '\n') >= 0 {
		return nil
	}
	status, err := strconv.Atoi(string(line[len(protocol):min(len(protocol)+3, len(line))]))
	if err != nil {
		return nil
	}
	e := parley.Error{Code: parley.CodeBadRequest, Detail: "the request can't be read", Hint: "see RFC 9112, or use an HTTP client"}
	if _, why, ok := bytes.Cut(text, []byte(": ")); ok {
		e.Detail += ": " + string(why)
	}
	if status == http.StatusRequestHeaderFieldsTooLarge {
		e = parley.Error{Code: parley.CodeTooLarge, Detail: "the request's headers are too large", Hint: "send less in the address and the headers"}
	}
	h := http.Header{"Connection": {"close"}, "X-Content-Type-Options": {"nosniff"}}
	body := render(h, status, &e)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	out := bytes.NewBuffer(append(bytes.Clone(line), "\r\n"...))
	_ = h.Write(out) // a buffer has no errors
	return append(append(out.Bytes(), "\r\n"...), body...)
}

// retryAfter is whole seconds, at least one.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}

func notFound(http.ResponseWriter, *http.Request) error {
	return &parley.Error{Code: parley.CodeNotFound, Detail: "there is nothing at this address", Hint: "see docs/api.md"}
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeBody(w, status, append(b, '\n'))
}

// writeBody answers with JSON that is already bytes.
func writeBody(w http.ResponseWriter, status int, b []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
	return nil
}
