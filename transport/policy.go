package transport

import (
	"context"
	"net"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Door is the source of connections. Its methods may be called concurrently.
type Door interface {
	// Refusal returns the reason why no further stream is accepted now, or nil. It does not
	// block.
	Refusal(streams int) *parley.Error
	// GiveBack takes back a connection whose long poll was answered, and the bytes that were
	// already read of its next request. It may block.
	GiveBack(nc net.Conn, early []byte)
}

// Credentials checks the credentials of callers. Its methods may block and be called
// concurrently. They refuse with CodeUnauthorized; any other error means that the answer is
// unknown.
type Credentials interface {
	// Bearer returns the caller of a token that a client sends on its open connection.
	Bearer(ctx context.Context, token string) (access.Caller, error)
	// Valid refuses a caller whose credentials have expired or were revoked.
	Valid(ctx context.Context, c access.Caller) error
}

// Policy limits what a caller may use of a node. Its methods do not block and may be called
// concurrently.
type Policy interface {
	// Acquire counts streams or held polls of a caller, and the channels that they follow,
	// until Release, or refuses all of them.
	Acquire(c access.Caller, streams, channels int) *parley.Error
	Release(c access.Caller, streams, channels int)
	// Patience returns for how long nothing is read from a client that was refused with
	// CodeRateLimited.
	Patience(c access.Caller) time.Duration
	// Charge counts the bytes of a response in flight until Discharge, or refuses them.
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

// valid checks whether credentials are still valid; the refusal is CodeUnauthorized.
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
