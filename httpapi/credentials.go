package httpapi

import (
	"net/http"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/auth"
)

// ticket creates a ticket for the caller, valid for one connection.
func (a *API) ticket(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Authorization") == "" && query(r).Get("ticket") != "" { // it could renew itself indefinitely
		return &parley.Error{Code: parley.CodeForbidden, Detail: "a ticket cannot make another ticket",
			Hint: "send the token that the ticket was made with"}
	}
	caller, err := a.speaker(w, r, &actor{})
	if err == nil {
		err = a.chat.Ask(caller, 1)
	}
	if err != nil {
		return err
	}
	ticket, err := a.cfg.Tickets.Make(caller)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, struct {
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"`
	}{ticket, int(auth.TicketLife.Seconds())})
}

// revoke voids a user's tokens and ends the user's streams.
func (a *API) revoke(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	user, err := parley.ParseUser(r.PathValue("user"))
	if err != nil {
		return err
	}
	return noContent(w, a.chat.Revoke(r.Context(), caller, user))
}
