package httpapi

import (
	"bytes"
	"fmt"
	"net/http"

	"parley"
	"parley/chat"
	"parley/wire"
)

type memberView struct {
	User   parley.UserID    `json:"user"`
	Role   parley.Role      `json:"role"`
	ReadID int64            `json:"read_id"`
	Joined parley.Timestamp `json:"joined"`
}

// members lists them in the order of their names.
func (a *API) members(w http.ResponseWriter, r *http.Request) error {
	caller, channel, err := a.callerAndChannel(r)
	if err != nil {
		return err
	}
	p := query(r)
	limit, err := p.limit()
	if err != nil {
		return err
	}
	var next parley.UserID
	if name := p.get("next"); name != "" {
		if next, err = parley.ParseUser(name); err != nil {
			return err
		}
	}
	ms, next, err := a.chat.Members(r.Context(), caller, channel, next, limit)
	if err != nil {
		return err
	}
	list := struct {
		Members []memberView  `json:"members"`
		Next    parley.UserID `json:"next,omitempty"`
	}{make([]memberView, len(ms)), next}
	for i, m := range ms {
		list.Members[i] = memberView{m.User, m.Role, m.ReadID, m.Joined}
	}
	return writeJSON(w, http.StatusOK, list)
}

// place is the channel and the user in the address, and who asks, given the user that the
// body names.
func (a *API) place(r *http.Request, named string) (c chat.Caller, channel parley.ChannelID, user parley.UserID, err error) {
	if c, channel, err = a.speakerAndChannel(r, named); err != nil {
		return c, channel, user, err
	}
	if user, err = parley.ParseUser(r.PathValue("user")); err == nil && user == parley.Guest {
		err = bad("guest is nobody, and can't be a member")
	}
	return c, channel, user, err
}

func (a *API) putMember(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Role parley.Role `json:"role"`
		User string      `json:"user"`
	}
	if err := readOptional(w, r, &in); err != nil {
		return err
	}
	caller, channel, user, err := a.place(r, in.User)
	if err != nil {
		return err
	}
	switch in.Role {
	case "", parley.Owner, parley.Admin, parley.Regular, parley.Reader:
	default:
		return &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf("there is no role %.40q", in.Role), Hint: "owner, admin, member or reader"}
	}
	_, err = a.chat.PutMember(r.Context(), caller, channel, user, in.Role)
	return noContent(w, err)
}

func (a *API) deleteMember(w http.ResponseWriter, r *http.Request) error {
	by, err := named(w, r)
	if err != nil {
		return err
	}
	caller, channel, user, err := a.place(r, by)
	if err != nil {
		return err
	}
	return noContent(w, a.chat.RemoveMember(r.Context(), caller, channel, user))
}

func (a *API) ban(w http.ResponseWriter, r *http.Request) error { return a.setBan(w, r, true) }

func (a *API) unban(w http.ResponseWriter, r *http.Request) error { return a.setBan(w, r, false) }

func (a *API) setBan(w http.ResponseWriter, r *http.Request, banned bool) error {
	by, err := named(w, r)
	if err != nil {
		return err
	}
	caller, channel, user, err := a.place(r, by)
	if err != nil {
		return err
	}
	return noContent(w, a.chat.SetBan(r.Context(), caller, channel, user, banned))
}

// markRead moves the caller's read pointer forward.
func (a *API) markRead(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ID   wire.Number `json:"id"`
		User string      `json:"user"`
	}
	caller, channel, err := a.member(w, r, &in, &in.User)
	if err != nil {
		return err
	}
	id, err := in.ID.Get()
	if err != nil {
		return err
	}
	if id == nil {
		return bad("id is missing: the last message that was read")
	}
	st, err := a.chat.MarkRead(r.Context(), caller, channel, *id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		ReadID int64 `json:"read_id"`
		Unread int64 `json:"unread"`
	}{st.Member.ReadID, st.Unread})
}

func (a *API) mute(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Muted *bool  `json:"muted"`
		User  string `json:"user"`
	}
	caller, channel, err := a.member(w, r, &in, &in.User)
	if err != nil {
		return err
	}
	if in.Muted == nil {
		return bad("muted is missing: true or false")
	}
	_, err = a.chat.Mute(r.Context(), caller, channel, *in.Muted)
	return noContent(w, err)
}

// member reads a body, and who asks for which channel; user is where the body names one.
func (a *API) member(w http.ResponseWriter, r *http.Request, in any, user *string) (c chat.Caller, channel parley.ChannelID, err error) {
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return c, "", err
	}
	if err := wire.Unmarshal(body, in); err != nil {
		return c, "", err
	}
	if c, err = a.speaker(r, *user); err != nil {
		return c, "", err
	}
	channel, err = pathChannel(r)
	return c, channel, err
}

// readOptional reads a JSON body if there is one.
func readOptional(w http.ResponseWriter, r *http.Request, in any) error {
	body, err := readBody(w, r, maxBody)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	return wire.Unmarshal(body, in)
}

func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
