package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// Error is the server's error: from application/problem+json (RFC 9457), from a
// WebSocket error frame, or from a close code.
type Error struct {
	Status     int           // HTTP status, or the close code of a WebSocket; 0 for an error frame
	Code       string        // stable: "forbidden", "rate_limited", …; see api.md
	Detail     string        // what happened
	Hint       string        // what to do
	Key        string        // of the frame that an error frame answers
	RetryAfter time.Duration // the delay that the server requests before the next try; 0: none
	Reset      *Reset        // for cursor_gone
}

func (e *Error) Error() string {
	s := e.Detail
	if s == "" {
		s = http.StatusText(e.Status)
	}
	if e.Code != "" {
		s = e.Code + ": " + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Terminal reports whether the same request would be refused again.
func (e *Error) Terminal() bool {
	switch e.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	case 4429:
		return false
	}
	return e.Status >= 400 && e.Status < 500 || e.Status >= 4400 && e.Status < 4500
}

// terminal reports whether err ends a subscription or a publish for good.
func terminal(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Terminal()
}

// retryAfter returns the delay that the server requested, or 0.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// protocolError is an answer that no parley server sends.
type protocolError struct{ what string }

func (e *protocolError) Error() string { return e.what }

// problem is the body of an HTTP error, of an error frame and of a draining event.
type problem struct {
	Title        string `json:"title"`
	Code         string `json:"code"`
	Detail       string `json:"detail"`
	Hint         string `json:"hint"`
	Key          string `json:"key"`
	Reason       string `json:"reason"`
	First        int64  `json:"first_id"`
	Last         int64  `json:"last_id"`
	RetryAfterMS int64  `json:"retry_after_ms"`
}

func (p *problem) error(status int) *Error {
	e := &Error{Status: status, Code: p.Code, Detail: p.Detail, Hint: p.Hint, Key: p.Key,
		RetryAfter: time.Duration(p.RetryAfterMS) * time.Millisecond}
	if e.Detail == "" {
		e.Detail = p.Title
	}
	if p.Code == "cursor_gone" {
		e.Reset = &Reset{Reason: p.Reason, First: p.First, Last: p.Last}
	}
	return e
}

// errorOf reads an unexpected answer.
func errorOf(resp *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p problem
	if json.Unmarshal(body, &p) != nil {
		p = problem{Detail: "the server answered " + resp.Status}
	}
	e := p.error(resp.StatusCode)
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		e.RetryAfter = time.Duration(n) * time.Second
	}
	if e.Reset != nil {
		e.Reset.Epoch = resp.Header.Get("Parley-Epoch")
	}
	return e
}

// gone returns the error if it means that a cursor cannot be served.
func gone(err error) (*Error, bool) {
	e, ok := errors.AsType[*Error](err)
	return e, ok && e.Reset != nil
}

// closeError converts the end of a WebSocket to an *Error if the server sent a close
// code, and keeps the detail of a frame that announced it.
func closeError(err error, last *Error) error {
	ce, ok := errors.AsType[websocket.CloseError](err)
	if !ok {
		return err
	}
	e := &Error{Status: int(ce.Code), Code: closeCodes[int(ce.Code)], Detail: ce.Reason}
	if last != nil {
		*e = *last
		e.Status = int(ce.Code)
	}
	if e.Detail == "" {
		e.Detail = fmt.Sprintf("the server closed the socket with %d", ce.Code)
	}
	return e
}

// closeUnauthorized is the close code of a socket whose token has expired or was revoked.
const closeUnauthorized = 4401

// closeCodes are the meanings of the server's close codes if no frame gave details.
var closeCodes = map[int]string{4400: "bad_request", closeUnauthorized: "unauthorized", 4403: "forbidden", 4404: "not_found",
	4429: "rate_limited"}
