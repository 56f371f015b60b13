package httpapi

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/wire"
)

// actor is the part of a body that names the user for whom a request acts.
type actor struct {
	User string    `json:"user"`
	Name wire.Name `json:"name"` // display name, in development
}

func (a *actor) named() (user string, name wire.Name) { return a.User, a.Name }

// speaker returns the user for whom a request acts, and reads the body, if there is one,
// into in. It authenticates first: nothing is read from strangers.
func (a *API) speaker(w http.ResponseWriter, r *http.Request, in interface{ named() (string, wire.Name) }) (access.Caller, error) {
	c, err := a.caller(r)
	if err != nil {
		return c, err
	}
	body, err := a.body(w, r, c, maxBody)
	if err != nil {
		return c, err
	}
	switch text := bytes.TrimSpace(body); {
	case len(text) == 0:
	case string(text) == "null":
		return c, bad("the body is null")
	default:
		if err := wire.Unmarshal(body, in); err != nil {
			return c, a.wasted(c, len(body), err)
		}
	}
	user, name := in.named()
	return speakAs(c, user, name)
}

// speakerAndChannel is speaker, and returns also the channel in the address.
func (a *API) speakerAndChannel(w http.ResponseWriter, r *http.Request, in interface{ named() (string, wire.Name) }) (
	access.Caller, parley.ChannelID, error) {
	c, err := a.speaker(w, r, in)
	if err != nil {
		return c, "", err
	}
	channel, err := pathChannel(r)
	return c, channel, err
}

// callerAndChannel is for requests without a body.
func (a *API) callerAndChannel(r *http.Request) (access.Caller, parley.ChannelID, error) {
	c, err := a.caller(r)
	if err != nil {
		return c, "", err
	}
	channel, err := pathChannel(r)
	return c, channel, err
}

// speakAs returns the user for whom a caller acts, given the user and the display name in a body.
func speakAs(c access.Caller, named string, name wire.Name) (access.Caller, error) {
	user, err := userOr(named, c.User)
	switch {
	case err != nil:
		return c, err
	case user == c.User:
		return c.Called(string(name))
	case !c.Any():
		return c, &parley.Error{Code: parley.CodeNotYou,
			Detail: fmt.Sprintf("the request speaks for %s, the credentials are %s's", user, c.User), Hint: "leave user out"}
	}
	return access.Caller{User: user, As: c.As, Address: c.Address}.Called(string(name))
}

func userOr(s string, otherwise parley.UserID) (parley.UserID, error) {
	if wire.Absent(s) {
		return otherwise, nil
	}
	return parley.ParseUser(s)
}
