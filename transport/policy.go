package transport

import (
	"context"
	"net"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Door is where connections come from. Its methods may be called concurrently.
type Door interface {
	// Refusal is why no stream beyond these is accepted now, or nil. It does not block.
	Refusal(streams int) *parley.Error
	// GiveBack takes a connection whose long poll was answered, and the bytes that were read
	// of its next request. It may block.
	GiveBack(nc net.Conn, early []byte)
}

// Credentials are what callers show. Its methods may block and be called concurrently. They
// refuse with CodeUnauthorized; another error means that the answer is not known.
type Credentials interface {
	// Bearer is the caller whose token a client sends on its open connection.
	Bearer(ctx context.Context, token string) (access.Caller, error)
	// Valid refuses a caller whose credentials have expired or were revoked.
	Valid(ctx context.Context, c access.Caller) error
}

// Policy is what a caller may use of a node. Its methods do not block and may be called
// concurrently.
type Policy interface {
	// Acquire counts streams or held polls of a caller, and the channels that they follow,
	// until Release, or refuses all of them.
	Acquire(c access.Caller, streams, channels int) *parley.Error
	Release(c access.Caller, streams, channels int)
	// Patience is for how long nothing is read from a client that was refused as
	// CodeRateLimited.
	Patience(c access.Caller) time.Duration
	// Charge counts the bytes of an answer on its way until Discharge, or refuses them.
	Charge(c access.Caller, bytes int) *parley.Error
	Discharge(c access.Caller, bytes int)
}

// AllowAll is the Policy without limits.
type AllowAll struct{}

var _ Policy = AllowAll{}

func (AllowAll) Acquire(access.Caller, int, int) *parley.Error { return nil }
func (AllowAll) Release(access.Caller, int, int)               {}
func (AllowAll) Patience(access.Caller) time.Duration          { return 0 }
func (AllowAll) Charge(access.Caller, int) *parley.Error       { return nil }
func (AllowAll) Discharge(access.Caller, int)                  {}

// valid asks whether credentials are still good; the refusal is CodeUnauthorized.
func (t *Transports) valid(ctx context.Context, c access.Caller) (refused *parley.Error, err error) {
	if t.cfg.Credentials == nil {
		return nil, nil
	}
	err = t.cfg.Credentials.Valid(ctx, c)
	if err == nil {
		return nil, nil
	}
	if e := parley.AsError(err); e.Code == parley.CodeUnauthorized {
		return e, nil
	}
	return nil, err
}
