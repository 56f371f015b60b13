package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"unicode"
	"unicode/utf8"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/wire"
)

// edit changes text or data of a message, or both, and returns its new state.
func (a *API) edit(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		actor
		Text *string         `json:"text"`
		Data json.RawMessage `json:"data"`
	}
	caller, err := a.speaker(w, r, &in)
	if err != nil {
		return err
	}
	c := parley.Change{Kind: parley.ChangeEdit, Text: in.Text}
	if in.Data != nil {
		data, err := wire.Object(in.Data)
		if err != nil {
			return err
		}
		c.Data = &data
	}
	switch {
	case c.Text == nil && c.Data == nil:
		return bad("the body has neither text nor data")
	case c.Text != nil && len(*c.Text) > parley.MaxText:
		return &parley.Error{Code: parley.CodeTooLarge, Detail: "text has more than 16 KiB", Hint: "send less, or a link to it"}
	case c.Data != nil && len(*c.Data) > parley.MaxData:
		return &parley.Error{Code: parley.CodeTooLarge, Detail: "data has more than 64 KiB", Hint: "send less, or a link to it"}
	}
	m, _, err := a.change(r, caller, c)
	if err != nil || m == nil {
		return noContent(w, err)
	}
	return writeBody(w, http.StatusOK, append(wire.AppendMessage(nil, m), '\n'))
}

func (a *API) remove(w http.ResponseWriter, r *http.Request) error {
	return a.done(w, r, parley.Change{Kind: parley.ChangeDelete})
}

func (a *API) react(w http.ResponseWriter, r *http.Request) error {
	return a.reaction(w, r, false)
}

func (a *API) unreact(w http.ResponseWriter, r *http.Request) error {
	return a.reaction(w, r, true)
}

func (a *API) reaction(w http.ResponseWriter, r *http.Request, remove bool) error {
	emoji, err := pathEmoji(r)
	if err != nil {
		return err
	}
	return a.done(w, r, parley.Change{Kind: parley.ChangeReact, Emoji: emoji, Remove: remove})
}

// reactors lists the users who reacted with an emoji.
func (a *API) reactors(w http.ResponseWriter, r *http.Request) error {
	caller, channel, err := a.callerAndChannel(r)
	if err != nil {
		return err
	}
	id, err := wire.ParseID("id", r.PathValue("id"))
	if err != nil {
		return err
	}
	emoji, err := pathEmoji(r)
	if err != nil {
		return err
	}
	p := query(r)
	limit, err := p.limit()
	if err != nil {
		return err
	}
	var after parley.UserID
	if name := p.get("next"); name != "" {
		if after, err = parley.ParseUser(name); err != nil {
			return err
		}
	}
	rs, err := a.chat.Reactors(r.Context(), caller, channel, id, emoji, after, limit)
	if err != nil {
		return err
	}
	list := struct {
		Count int64           `json:"count"`
		Mine  bool            `json:"mine"`
		Users []parley.UserID `json:"users"`
		Next  parley.UserID   `json:"next,omitempty"`
	}{rs.Count, rs.Mine, append([]parley.UserID{}, rs.Users...), ""}
	if rs.More {
		list.Next = rs.Users[len(rs.Users)-1]
	}
	return writeJSON(w, http.StatusOK, list)
}

// pathEmoji is the emoji in the address.
func pathEmoji(r *http.Request) (string, error) {
	emoji := r.PathValue("emoji")
	if len(emoji) > parley.MaxEmoji || !utf8.ValidString(emoji) || !printable(emoji) || parley.PlainEmoji(emoji) == "" {
		return "", &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf("%.80q can't be a reaction", emoji),
			Hint: "use 1–64 bytes of UTF-8 without control characters"}
	}
	return emoji, nil
}

func printable(s string) bool {
	for _, c := range s {
		if unicode.IsControl(c) {
			return false
		}
	}
	return s != ""
}

// done answers a change with an empty response or, if it has changed nothing, with the message,
// unless the caller may not read it.
func (a *API) done(w http.ResponseWriter, r *http.Request, c parley.Change) error {
	caller, err := a.speaker(w, r, &actor{})
	if err != nil {
		return err
	}
	m, changed, err := a.change(r, caller, c)
	if err == nil && !changed && m != nil {
		return writeBody(w, http.StatusOK, append(wire.AppendMessage(nil, m), '\n'))
	}
	return noContent(w, err)
}

// change applies a change to the message in the address.
func (a *API) change(r *http.Request, caller access.Caller, c parley.Change) (m *parley.Message, changed bool, err error) {
	channel, err := pathChannel(r)
	if err != nil {
		return nil, false, err
	}
	if c.Of, err = wire.ParseID("id", r.PathValue("id")); err != nil {
		return nil, false, err
	}
	return a.chat.Change(r.Context(), caller, channel, c)
}
