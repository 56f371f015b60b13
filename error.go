package parley

import (
	"errors"
	"time"
)

// Errors of a Log. Adapters wrap them; callers use errors.Is.
var (
	ErrUnknown     = errors.New("the outcome is unknown")
	ErrUnavailable = errors.New("the store does not take messages now")
	ErrClosed      = errors.New("the store is closed")
	ErrTrimmed     = errors.New("messages after the cursor are no longer kept")
	ErrEpoch       = errors.New("the cursor is from another epoch")
	ErrGap         = errors.New("entries are missing before those that were given")

	// Of a condition: nothing was changed.
	ErrChanged = errors.New("what was to be changed has changed meanwhile")

	// Of a reply.
	ErrNoThread = errors.New("there is no such message to reply to")

	// Of a change.
	ErrNoMessage = errors.New("there is no such message")
	ErrDeleted   = errors.New("the message is deleted")
	ErrEmpty     = errors.New("a message needs text or data")
	ErrFull      = errors.New("the message has too many kinds of reactions")
)

// Code is the stable name of an error on the wire.
type Code string

// The codes that clients see (api.md, "Errors").
const (
	CodeBadRequest       Code = "bad_request"
	CodeBadChannel       Code = "bad_channel"
	CodeBadCursor        Code = "bad_cursor"
	CodeBadJSON          Code = "bad_json"
	CodeUnauthorized     Code = "unauthorized"
	CodeForbidden        Code = "forbidden"
	CodeNotYou           Code = "not_you"
	CodeNotFound         Code = "not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"
	CodeConflict         Code = "conflict"
	CodeCursorGone       Code = "cursor_gone"
	CodeTooLarge         Code = "too_large"
	CodeUnsupportedMedia Code = "unsupported_media_type"
	CodeRateLimited      Code = "rate_limited"
	CodeOverloaded       Code = "overloaded"
	CodeDraining         Code = "draining"
	CodeUnavailable      Code = "unavailable"
)

// Error is an error that a client is meant to read.
type Error struct {
	Code       Code
	Detail     string        // what was tried and what happened
	Hint       string        // what to do
	RetryAfter time.Duration // for CodeRateLimited, CodeOverloaded, CodeDraining, CodeUnavailable
	Reset      *Reset        // for CodeCursorGone
	Channel    ChannelID     // the channel that caused the refusal of a request that may name several; it may not be a valid name
	Reason     string        // which limit refused, for metrics; "": the code says it
	Err        error         // the cause, for logs; never shown to clients
}

func (e *Error) Error() string {
	if e.Err != nil {
		return string(e.Code) + ": " + e.Detail + ": " + e.Err.Error()
	}
	return string(e.Code) + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.Err }

// AsError converts any error into one for clients. An error that is not an *Error comes from
// the store: the caller may retry, safely if the message had a key.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e := changeError(err); e != nil {
		return e
	}
	e := &Error{Code: CodeUnavailable, RetryAfter: time.Second, Err: err,
		Detail: "the store did not respond", Hint: "try again; with the same key that is safe"}
	switch {
	case errors.Is(err, ErrUnknown):
		e.Detail = "the store did not confirm in time; the message may have been stored"
	case errors.Is(err, ErrUnavailable):
		e.Detail = "the store does not take messages now; the message was not stored"
		e.RetryAfter = 2 * time.Second
	}
	return e
}

// changeError is what a client reads of a change that was refused, nil for other errors.
func changeError(err error) *Error {
	switch {
	case errors.Is(err, ErrNoMessage):
		return &Error{
			Code:   CodeNotFound,
			Detail: "the channel holds no message of this id",
			Hint:   "it may have been removed by retention; a change can't be changed",
		}
	case errors.Is(err, ErrNoThread):
		return &Error{Code: CodeBadRequest, Detail: "thread is not the id of a message of the channel",
			Hint: "send the id that is replied to, or leave thread out"}
	case errors.Is(err, ErrDeleted):
		return &Error{Code: CodeConflict, Detail: "the message is deleted", Hint: "a deleted message can't be changed any more"}
	case errors.Is(err, ErrEmpty):
		return &Error{Code: CodeBadRequest, Detail: "the message would have neither text nor data", Hint: "delete it instead"}
	case errors.Is(err, ErrFull):
		return &Error{Code: CodeTooLarge, Detail: "the message has 50 kinds of reactions already", Hint: "use one of those"}
	default:
		return nil
	}
}

// Reset says that a reader's cursor cannot be served, and where the reader continues.
type Reset struct {
	Reason string // "expired", "ahead" or "epoch"
	First  int64  // the first id that is kept
	Last   int64  // the head
}

// After is the cursor from which a reset reader continues: before the first kept message if the
// history has expired, else at the head.
func (r *Reset) After() int64 {
	if r.Reason == "expired" {
		return r.First - 1
	}
	return r.Last
}

// CheckCursor compares a cursor with a channel's bounds. It returns nil if every
// message after it can still be read.
func CheckCursor(c Cursor, b Bounds) *Reset {
	reason := ""
	switch {
	case c.Epoch != "" && c.Epoch != b.Epoch:
		reason = "epoch"
	case c.ID > b.Last:
		reason = "ahead"
	case c.ID > 0 && c.ID < b.First-1:
		reason = "expired"
	default:
		return nil
	}
	return &Reset{Reason: reason, First: b.First, Last: b.Last}
}
