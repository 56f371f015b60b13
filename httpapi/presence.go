package httpapi

import (
	"net/http"
	"strings"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/watch"
)

// maxListed is how many users of a channel are named.
const maxListed = 1000

type stayView struct {
	User       parley.UserID    `json:"user"`
	Since      parley.Timestamp `json:"since"`
	Transports []string         `json:"transports"`
}

type hereView struct {
	Count     int        `json:"count"`
	Users     []stayView `json:"users"`
	Truncated bool       `json:"truncated"` // more users than listed
}

type seenView struct {
	Online   bool              `json:"online"`
	LastSeen *parley.Timestamp `json:"last_seen,omitempty"`
}

// here lists the users in a channel.
func (a *API) here(w http.ResponseWriter, r *http.Request) error {
	caller, channel, err := a.callerAndChannel(r)
	if err != nil {
		return err
	}
	here, err := a.chat.Here(r.Context(), caller, channel, maxListed)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, viewHere(here))
}

func viewHere(here parley.Occupancy) hereView {
	v := hereView{Count: here.Count, Users: make([]stayView, len(here.Users)), Truncated: here.Count > len(here.Users)}
	for i, s := range here.Users {
		v.Users[i] = stayView{s.User, s.Since, s.Transports.Names()}
	}
	return v
}

// seen reports whether a user is online, and when the user was last seen.
func (a *API) seen(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	user, err := parley.ParseUser(r.PathValue("user"))
	if err != nil {
		return err
	}
	s, err := a.chat.Seen(r.Context(), caller, user)
	if err != nil {
		return err
	}
	v := seenView{Online: s.Online}
	if s.Seen != 0 {
		v.LastSeen = &s.Seen
	}
	return writeJSON(w, http.StatusOK, v)
}

// watch returns the users whom a stream watches: names separated by commas; the parameter may
// be repeated.
func (p params) watch() (users []parley.UserID, err error) {
	seen := map[parley.UserID]bool{}
	for _, list := range p.Values["watch"] {
		for name := range strings.SplitSeq(list, ",") {
			if name == "" {
				continue
			}
			user, err := parley.ParseUser(name)
			if err != nil {
				return nil, err
			}
			if !seen[user] {
				seen[user] = true
				users = append(users, user)
			}
		}
	}
	if len(users) > watch.Most {
		return nil, watch.TooMany()
	}
	return users, nil
}
