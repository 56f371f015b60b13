package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/wire"
)

// channelView is a channel as the API shows it.
type channelView struct {
	Channel   parley.ChannelID   `json:"channel"`
	Title     string             `json:"title,omitempty"`
	Topic     string             `json:"topic,omitempty"`
	Kind      parley.ChannelKind `json:"kind"`
	Data      json.RawMessage    `json:"data,omitempty"`
	Retention *parley.Retention  `json:"retention,omitempty"`
	FirstID   int64              `json:"first_id"`
	LastID    int64              `json:"last_id"`
}

// channels lists the caller's channels, newest first, or with all=true the public ones,
// ordered by name.
func (a *API) channels(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	p := query(r)
	limit, err := p.limit()
	if err != nil {
		return err
	}
	if p.get("all") == "true" {
		return a.publicChannels(w, r, caller, p.get("next"), limit)
	}
	in, err := a.chat.Inbox(r.Context(), caller, p.get("next"), limit)
	if err != nil {
		return err
	}
	out := []byte(`{"channels":[`)
	for i := range in.Channels {
		if i > 0 {
			out = append(out, ',')
		}
		out = wire.AppendInboxEntry(out, &in.Channels[i])
	}
	out = append(out, ']')
	if in.Next != "" {
		out = wire.AppendString(append(out, `,"next":`...), in.Next)
	}
	return writeBody(w, http.StatusOK, append(out, '}', '\n'))
}

func (a *API) publicChannels(w http.ResponseWriter, r *http.Request, caller access.Caller, after string, limit int) (err error) {
	var next parley.ChannelID
	if after != "" {
		if next, err = parley.ParseChannel(after); err != nil {
			return err
		}
	}
	names, next, err := a.chat.Public(r.Context(), caller, next, limit)
	if err != nil {
		return err
	}
	a.chat.AskAbout(caller, len(names))
	out := []byte(`{"channels":[`)
	for i, name := range names {
		v, err := a.view(r, caller, name, true)
		if err != nil {
			return err
		}
		line, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if len(out)+len(line)+2*parley.MaxName > maxAnswer && i > 0 {
			next = names[i-1]
			break
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, line...)
	}
	out = append(out, ']')
	if next != "" {
		out = wire.AppendString(append(out, `,"next":`...), string(next))
	}
	a.chat.OweAnswer(caller, len(out))
	return writeBody(w, http.StatusOK, append(out, '}', '\n'))
}

// maxAnswer is the largest size of a response, in bytes.
const maxAnswer = 8 << 20

// view returns a caller's view of a channel; listed: as an item of a list of public ones, which
// need not be readable for a caller to join them.
func (a *API) view(r *http.Request, c access.Caller, channel parley.ChannelID, listed bool) (*channelView, error) {
	set, b, err := a.chat.Look(r.Context(), c, channel, listed)
	if err != nil {
		return nil, err
	}
	return &channelView{Channel: channel, Title: set.Title, Topic: set.Topic, Kind: set.Kind, Data: set.Data,
		Retention: set.Retention, FirstID: b.First, LastID: b.Last}, nil
}

// channel returns a channel; one that does not exist yet is empty.
func (a *API) channel(w http.ResponseWriter, r *http.Request) error {
	caller, channel, err := a.callerAndChannel(r)
	if err != nil {
		return err
	}
	v, err := a.view(r, caller, channel, false)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, v)
}

// putChannel changes the settings that the body names. null is as absent, but for
// data and retention, which it clears.
func (a *API) putChannel(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		actor
		Title, Topic    *string
		Kind            *parley.ChannelKind
		Data, Retention json.RawMessage
	}
	caller, channel, err := a.speakerAndChannel(w, r, &in)
	if err != nil {
		return err
	}
	data, err := wire.Object(in.Data)
	if err != nil {
		return err
	}
	var keep *parley.Retention
	if in.Retention != nil {
		if err := wire.Unmarshal(in.Retention, &keep); err != nil {
			return err
		}
	}
	switch {
	case len(data) > parley.MaxData:
		return &parley.Error{Code: parley.CodeTooLarge, Detail: "data has more than 64 KiB", Hint: "send less"}
	case in.Kind != nil && *in.Kind != parley.KindPublic && *in.Kind != parley.KindMembers:
		return &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf("a channel can't be of the kind %.40q", *in.Kind),
			Hint: "public or members"}
	case keep != nil && (keep.Messages < 0 || keep.Seconds < 0):
		return bad("retention must not be negative")
	case in.Title != nil && len(*in.Title) > 1024 || in.Topic != nil && len(*in.Topic) > 4096:
		return &parley.Error{Code: parley.CodeTooLarge, Detail: "the title or the topic is too long", Hint: "at most 1 KiB and 4 KiB"}
	}
	if err := a.chat.Configure(r.Context(), caller, channel, func(s *parley.Settings) {
		if in.Kind != nil {
			s.Kind = *in.Kind
		}
		if in.Title != nil {
			s.Title = *in.Title
		}
		if in.Topic != nil {
			s.Topic = *in.Topic
		}
		if in.Data != nil {
			s.Data = data
		}
		if in.Retention != nil {
			s.Retention = keep
		}
	}); err != nil {
		return err
	}
	v, err := a.view(r, caller, channel, false)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, v)
}

// deleteChannel removes messages and settings; ids continue.
func (a *API) deleteChannel(w http.ResponseWriter, r *http.Request) error {
	caller, channel, err := a.speakerAndChannel(w, r, &actor{})
	if err != nil {
		return err
	}
	if err := a.chat.Remove(r.Context(), caller, channel); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
