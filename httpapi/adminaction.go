package httpapi

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Refusal is a request that was refused.
type Refusal struct {
	Error   *parley.Error
	Request string     // method and path, without the query
	Address netip.Addr // the client's address; zero if no limit applies to it
}

func (a *API) refused(r *http.Request, e *parley.Error) {
	a.cfg.OnRefused(Refusal{e, r.Method + " " + r.URL.Path, a.client(r)})
}

// AdminAction is an administrative action.
type AdminAction struct {
	Caller  access.Caller
	Request string // method and path
	Address netip.Addr
}

type adminActionKey struct{}

// adminAction reports a request that was served, with the caller that the handler noted.
func (a *API) adminAction(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		did := AdminAction{Request: r.Method + " " + r.URL.Path, Address: a.client(r)}
		err := h(w, r.WithContext(context.WithValue(r.Context(), adminActionKey{}, &did)))
		if err == nil {
			a.cfg.OnAdminAction(did)
		}
		return err
	}
}
