package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/exactjson"
)

// Frame is a client's message on a WebSocket: one JSON object (api.md, "WebSocket").
type Frame struct {
	Type    string          `json:"type"`
	Channel string          `json:"channel"`
	User    string          `json:"user"`
	Name    Name            `json:"name"`
	Key     string          `json:"key"`
	Text    string          `json:"text"`
	Data    json.RawMessage `json:"data"`
	Thread  Number          `json:"thread"`
	ID      Number          `json:"id"`
	Users   []string        `json:"users"`
	Event   string          `json:"event"`
	After   Number          `json:"after"`
	Before  Number          `json:"before"`
	Limit   Number          `json:"limit"`
	Epoch   string          `json:"epoch"`
	Token   string          `json:"token"`
	State   string          `json:"state"`

	marked bool // Data is compact, and its bytes are marked
}

// UnmarshalFrame decodes the payload of one frame from a client.
func (f Form) UnmarshalFrame(b []byte, frame *Frame) error {
	if f == FormMsgpack {
		obj, err := fromMsgpack(b)
		if err != nil {
			addressMsgpack(b, frame)
			return err
		}
		b, frame.marked = obj, true
	}
	err := Unmarshal(b, frame)
	for unused := frame.unused(err); unused != ""; unused = frame.unused(err) {
		b = exactjson.Without(b, unused)
		*frame = Frame{marked: frame.marked}
		err = Unmarshal(b, frame)
	}
	if err != nil { // the error includes the frame's key and channel, if they can be read
		_ = exactjson.Unmarshal(b, &struct{ Key, Channel *string }{&frame.Key, &frame.Channel})
	}
	return err
}

// reads lists the fields of each type of frame in addition to type, channel, user and key. All
// others are ignored, whatever they contain.
var reads = map[string]string{
	"": "text data thread", "message": "text data thread", "event": "event data", "read": "id",
	"history": "before after limit epoch", "subscribe": "after epoch", "watch": "users", "visibility": "state", "auth": "token",
	"typing": "", "ping": "", "pong": "", "unsubscribe": "",
}

// unused returns the field whose wrong type made a frame unreadable, if frames of its type do not
// have that field; otherwise "".
func (f *Frame) unused(err error) string {
	wrong := new(json.UnmarshalTypeError)
	if !errors.As(err, &wrong) {
		return ""
	}
	field, _, _ := strings.Cut(wrong.Field, ".")
	fields, ok := reads[f.Type]
	if !ok || field == "" || slices.Contains([]string{"type", "channel", "user", "key"}, field) ||
		slices.Contains(strings.Fields(fields), field) {
		return ""
	}
	return field
}

// object returns the frame's data, checked; nil if there is none.
func (f *Frame) object() (json.RawMessage, error) {
	if f.marked && len(f.Data) > 2 && f.Data[0] == '{' {
		return f.Data, nil
	}
	return Object(f.Data)
}

// Post is the body of a POST: one message to store (api.md, "Sending over HTTP").
type Post struct {
	Channel string          `json:"channel_id"`
	User    string          `json:"user"`
	Name    Name            `json:"name"`
	Text    string          `json:"text"`
	Body    string          `json:"body"`
	Data    json.RawMessage `json:"data"`
	Thread  Number          `json:"thread"`
	Key     string          `json:"key"`
}

// Name is a user's display name, in development. Anything but a string is ignored, because production ignores the whole field.
type Name string

// UnmarshalJSON implements json.Unmarshaler.
func (n *Name) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*n = Name(s)
	}
	return nil
}

// Draft converts a frame to a draft. It does not set the user. With an error it returns a draft with only
// the key, because the key may have been used before. The draft is empty if the key itself is invalid.
func (f *Frame) Draft() (parley.Draft, error) {
	data, err := f.object()
	return draft(f.Text, data, err, f.Thread, f.Key)
}

// Draft converts a POST to a draft, like Frame.Draft; text takes precedence over its alias
// body.
func (p *Post) Draft() (parley.Draft, error) {
	text := p.Text
	if text == "" {
		text = p.Body
	}
	data, err := Object(p.Data)
	return draft(text, data, err, p.Thread, p.Key)
}

// draft checks its arguments; noData is the error if data is missing but required.
func draft(text string, data json.RawMessage, noData error, thread Number, key string) (parley.Draft, error) {
	switch {
	case len(key) > parley.MaxKey:
		return parley.Draft{}, tooLarge("key", len(key), parley.MaxKey)
	case !utf8.ValidString(key):
		return parley.Draft{}, &parley.Error{Code: parley.CodeBadRequest, Detail: "the key is not UTF-8", Hint: "send UTF-8"}
	}
	only := parley.Draft{Key: key}
	if noData != nil {
		return only, noData
	}
	reply, err := thread.Get()
	if err != nil || reply != nil && *reply == 0 {
		return only, &parley.Error{
			Code:   parley.CodeBadRequest,
			Detail: "thread is not the id of a message",
			Hint:   "send the id that is replied to, or leave thread out",
		}
	}
	if reply == nil {
		reply = new(int64)
	}
	switch {
	case text == "" && data == nil:
		return only, &parley.Error{
			Code:   parley.CodeBadRequest,
			Detail: "the message has neither text nor data",
			Hint:   `send "text":"…" or "data":{…}`,
		}
	case len(text) > parley.MaxText:
		return only, tooLarge("text", len(text), parley.MaxText)
	case len(data) > parley.MaxData:
		return only, tooLarge("data", len(data), parley.MaxData)
	case !utf8.ValidString(text):
		return only, &parley.Error{Code: parley.CodeBadRequest, Detail: "the text is not UTF-8", Hint: "send UTF-8"}
	}
	return parley.Draft{Text: text, Data: data, Thread: *reply, Key: key}, nil
}

func tooLarge(what string, n, limit int) error {
	return &parley.Error{
		Code:   parley.CodeTooLarge,
		Detail: fmt.Sprintf("%s has %d bytes, the limit is %d", what, n, limit),
		Hint:   "send less, or a link to it",
	}
}

// serverEvents are the names of the server's own frames and events; an application
// may not use them for its own.
var serverEvents = map[string]bool{
	"welcome": true, "message": true, "message-changed": true, "ack": true, "error": true, "ping": true, "pong": true,
	"reset": true, "history": true, "user-joined": true, "user-left": true, "presence": true, "typing": true, "read": true,
	"event": true, "system": true, "more": true, "token-expiring": true, "draining": true, "forbidden": true, "unread": true,
	"member-added": true, "member-removed": true, "open": true, "close": true,
}

// ParseEvent checks the name of the application's event in a frame (1–64 bytes of
// a-z 0-9 . _ -, none of the server's own) and returns its data, which may be absent.
func (f *Frame) ParseEvent() (json.RawMessage, error) {
	name := f.Event
	ok := name != "" && len(name) <= 64 && !serverEvents[name]
	for i := 0; i < len(name) && ok; i++ {
		c := name[i]
		ok = 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
	}
	if !ok {
		return nil, &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf("the event name %.70q can't be used", name),
			Hint: "use 1–64 of a-z 0-9 . _ -, and none of the server's own names"}
	}
	data, err := f.object()
	if err == nil && data == nil && len(f.Data) > 0 && f.Data[0] == '{' { // it is sent as it is
		data = json.RawMessage("{}")
	}
	if err == nil && len(data) > parley.MaxData {
		err = tooLarge("data", len(data), parley.MaxData)
	}
	return data, err
}
