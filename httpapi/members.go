package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/wire"
)

type memberView struct {
	User   parley.UserID    `json:"user"`
	Role   parley.Role      `json:"role"`
	ReadID int64            `json:"read_id"`
	Joined parley.Timestamp `json:"joined"`
}

// members lists a channel's members in the order of their names.
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

// memberParams returns the caller, and decodes the body into in, and the channel and user of the
// address.
func (a *API) memberParams(w http.ResponseWriter, r *http.Request, in interface{ named() (string, wire.Name) }) (
	c access.Caller, channel parley.ChannelID, user parley.UserID, err error) {
	if c, channel, err = a.speakerAndChannel(w, r, in); err != nil {
		return c, channel, user, err
	}
	if user, err = parley.ParseUser(r.PathValue("user")); err == nil && user == parley.Guest {
		err = bad("guest is nobody, and can't be a member")
	}
	return c, channel, user, err
}

func (a *API) putMember(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		actor
		Role parley.Role `json:"role"`
	}
	caller, channel, user, err := a.memberParams(w, r, &in)
	if err != nil {
		return err
	}
	switch in.Role {
	case "", parley.RoleOwner, parley.RoleAdmin, parley.RoleMember, parley.RoleReader:
	default:
		return &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf("there is no role %.40q", in.Role),
			Hint: "owner, admin, member or reader"}
	}
	_, err = a.chat.PutMember(r.Context(), caller, channel, user, in.Role)
	return noContent(w, err)
}

func (a *API) deleteMember(w http.ResponseWriter, r *http.Request) error {
	caller, channel, user, err := a.memberParams(w, r, &actor{})
	if err != nil {
		return err
	}
	return noContent(w, a.chat.RemoveMember(r.Context(), caller, channel, user))
}

func (a *API) ban(w http.ResponseWriter, r *http.Request) error { return a.setBan(w, r, true) }

func (a *API) unban(w http.ResponseWriter, r *http.Request) error { return a.setBan(w, r, false) }

func (a *API) setBan(w http.ResponseWriter, r *http.Request, banned bool) error {
	caller, channel, user, err := a.memberParams(w, r, &actor{})
	if err != nil {
		return err
	}
	return noContent(w, a.chat.SetBan(r.Context(), caller, channel, user, banned))
}

// markRead moves the caller's read pointer forward.
func (a *API) markRead(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		actor
		ID wire.Number `json:"id"`
	}
	caller, channel, err := a.speakerAndChannel(w, r, &in)
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
	at, unread, err := a.chat.MarkRead(r.Context(), caller, channel, *id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		ReadID int64 `json:"read_id"`
		Unread int64 `json:"unread"`
	}{at, unread})
}

func (a *API) mute(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		actor
		Muted json.RawMessage `json:"muted"`
	}
	caller, channel, err := a.speakerAndChannel(w, r, &in)
	if err != nil {
		return err
	}
	mute, ok := wire.ParseMute(in.Muted)
	if !ok {
		return bad(`muted is missing, or not one of true, false and "mentions"`)
	}
	return noContent(w, a.chat.Mute(r.Context(), caller, channel, mute))
}

func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
