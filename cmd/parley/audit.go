package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/httpapi"
	"github.com/parley-server/parley/limit"
)

// refusalsAudited is how many refusals per second are logged, in bursts of up to three
// times that: refused clients must not be able to fill the disk.
const refusalsAudited = 50

// trail counts refusals, and logs administrative actions and refusals of credentials or
// rights. It contains no secret, body or query.
type trail struct {
	refusal func(reason string) // counts one refusal
	log     *slog.Logger        // nil: nothing is logged
	written *limit.Limiter
}

// newTrail creates a trail that writes lines of JSON to a sink; nil: none. refusal counts one.
func newTrail(sink io.Writer, refusal func(reason string)) *trail {
	t := &trail{refusal: refusal, written: limit.New(limit.Config{Handshakes: refusalsAudited})}
	if sink != nil {
		t.log = slog.New(slog.NewJSONHandler(sink, nil))
	}
	return t
}

// openAudit opens an audit log file; "" for none.
func openAudit(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, refuse(fmt.Sprintf("--audit-log: %v.", err), "Give it a file that this user may write.")
	}
	return f, nil
}

// refused counts a refusal, and logs it if it concerns credentials or rights.
func (t *trail) refused(what string, user parley.UserID, ip netip.Addr, e *parley.Error) {
	reason := e.Reason
	if reason == "" {
		reason = string(e.Code)
	}
	t.refusal(reason)
	switch e.Code {
	case parley.CodeUnauthorized, parley.CodeForbidden, parley.CodeNotYou:
	default:
		return
	}
	if t.log == nil || t.written.AllowHandshake(netip.Addr{}) != nil {
		return
	}
	t.log.Warn("refused", append(whence(what, user, ip), "code", e.Code, "detail", e.Detail)...)
}

// did logs an administrative action.
func (t *trail) did(what string, user parley.UserID, service bool, ip netip.Addr) {
	if t.log != nil {
		t.log.Info("administered", append(whence(what, user, ip), "api_key", service)...)
	}
}

func whence(what string, user parley.UserID, ip netip.Addr) []any {
	all := []any{"what", fmt.Sprintf("%.300s", what)}
	if user != "" {
		all = append(all, "user", string(user))
	}
	switch {
	case ip.Is6(): // only the network is known, see limit.Group
		all = append(all, "address", netip.PrefixFrom(ip, 64).String())
	case ip.IsValid():
		all = append(all, "address", ip.String())
	}
	return all
}

func (t *trail) request(r httpapi.Refusal) { t.refused(r.Request, "", r.Address, r.Error) }

func (t *trail) frame(c access.Caller, kind string, e *parley.Error) {
	t.refused("frame "+kind, c.User, c.Address, e)
}

func (t *trail) adminAction(d httpapi.AdminAction) {
	t.did(d.Request, d.Caller.User, d.Caller.As != nil && d.Caller.As.Service, d.Address)
}
