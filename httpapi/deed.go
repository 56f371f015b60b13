package httpapi

import (
	"context"
	"net/http"
	"net/netip"

	"parley"
	"parley/access"
)

// Refusal is a request that was refused.
type Refusal struct {
	Error   *parley.Error
	Request string     // method and path, without the query
	Address netip.Addr // where it came from; the zero one if nothing is limited by it
}

func (a *API) refused(r *http.Request, e *parley.Error) {
	if a.cfg.Refused != nil {
		a.cfg.Refused(Refusal{e, r.Method + " " + r.URL.Path, a.client(r)})
	}
}

// Deed is something that was administered.
type Deed struct {
	Caller  access.Caller
	Request string // method and path
	Address netip.Addr
}

type doerKey struct{}

// deed tells of a request that was served, and whose it was: caller remembers that.
func (a *API) deed(h handler) handler {
	if a.cfg.Did == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		d := Deed{Request: r.Method + " " + r.URL.Path, Address: a.client(r)}
		err := h(w, r.WithContext(context.WithValue(r.Context(), doerKey{}, &d)))
		if err == nil {
			a.cfg.Did(d)
		}
		return err
	}
}
