package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/wire"
)

const (
	maxBody      = 1 << 20
	maxBatchBody = 8 << 20
	maxBatch     = 1000
	bodyTimeout  = 30 * time.Second
)

// post stores one message.
func (a *API) post(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	body, err := a.body(w, r, caller, maxBody)
	if err != nil {
		return err
	}
	post, err := a.parsePost(r, body)
	if err != nil {
		return a.wasted(caller, len(body), err)
	}
	it := item(caller, post)
	var res parley.Result
	if it.Err == nil {
		res, err = a.chat.Post(r.Context(), it.Caller, it.Channel, it.Draft)
	} else {
		res, err = a.chat.Repeat(r.Context(), it.Caller, it.Channel, it.Draft.Key, it.Err)
	}
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if res.Duplicate {
		status = http.StatusOK
	}
	return writeBody(w, status, append(wire.AppendMessage(nil, &res.Message), '\n'))
}

// postBatch stores up to a thousand messages; one that cannot be stored does not affect the
// others.
func (a *API) postBatch(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	body, err := a.body(w, r, caller, maxBatchBody)
	if err != nil {
		return err
	}
	raw, err := wire.UnmarshalList(body)
	if err != nil {
		return a.wasted(caller, len(body), err)
	}
	if raw == nil {
		return bad("the batch is null, not a list")
	}
	if len(raw) > maxBatch {
		return &parley.Error{Code: parley.CodeTooLarge, Detail: "the batch has more than 1000 messages", Hint: "send several batches"}
	}
	items := make([]chat.Item, len(raw))
	channel, user := query(r).get("channel_id"), query(r).get("user")
	for i := range raw {
		var post wire.Post
		if err := wire.Unmarshal(raw[i], &post); err != nil {
			items[i].Err = err
			continue
		}
		post.Channel, post.User = cmp.Or(post.Channel, channel), cmp.Or(post.User, user)
		items[i] = item(caller, &post)
	}
	out := []byte{'['}
	for i, res := range a.chat.PostAll(r.Context(), items) {
		if i > 0 {
			out = append(out, ',')
		}
		if res.Err == nil {
			if m := wire.AppendMessage(nil, &res.Message); len(out)+len(m) < maxAnswer-receipts {
				out = append(out, m...)
			} else { // many repeats of large messages
				receipt := res.Message.Receipt()
				out = wire.AppendMessage(out, &receipt)
			}
			continue
		}
		e := parley.AsError(res.Err)
		item, err := json.Marshal(map[string]string{"code": string(e.Code), "detail": e.Detail, "hint": e.Hint})
		if err != nil {
			return err
		}
		out = append(out, item...)
	}
	return writeBody(w, http.StatusOK, append(out, ']', '\n'))
}

// receipts is the space that a response reserves for receipts and refusals of a whole batch.
const receipts = maxBatch * 1536

// item checks one message of a body.
func item(c access.Caller, post *wire.Post) (it chat.Item) {
	if it.Caller, it.Err = speakAs(c, post.User, post.Name); it.Err != nil {
		return it
	}
	if it.Channel, it.Err = parley.ParseChannel(post.Channel); it.Err != nil {
		return it
	}
	it.Draft, it.Err = post.Draft()
	return it
}

// body is readBody for a known caller. It reads nothing of an unknown caller, or of one that has sent too
// much already.
func (a *API) body(w http.ResponseWriter, r *http.Request, c access.Caller, limit int64) ([]byte, error) {
	if err := a.chat.Waste(c, 0); err != nil {
		return nil, err
	}
	b, err := a.readBody(w, r, limit)
	if err != nil {
		return nil, a.wasted(c, int(limit), err)
	}
	return b, nil
}

// wasteUnit is how many bytes of an unusable body count as a message.
const wasteUnit = 128 << 10

// wasted counts an unusable body, because of err, like messages: it cost as much.
func (a *API) wasted(c access.Caller, size int, err error) error {
	if late := a.chat.Waste(c, 1+size/wasteUnit); late != nil {
		return late
	}
	return err
}

// readBody reads a whole body up to a size; guard has set its time limit. It removes the byte order
// mark that some editors write. With a cookie the body must be declared as JSON: a foreign page can
// send that only after a preflight (CORS).
func (a *API) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 12.5.3
		return nil, &parley.Error{
			Code:   parley.CodeUnsupportedMedia,
			Detail: fmt.Sprintf("a body in the coding %.40q can't be read", coding),
			Hint:   "send it as it is",
		}
	}
	limited := http.MaxBytesReader(w, r.Body, limit)
	var b []byte
	var err error
	if r.ContentLength > limit { // read the body anyway, since few clients read while they write
		_, err = io.Copy(io.Discard, limited)
	} else {
		b, err = io.ReadAll(limited)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &parley.Error{Code: parley.CodeTooLarge, Detail: "the body is too large", Hint: "at most 1 MiB; a batch 8 MiB"}
	}
	if err != nil {
		return nil, &parley.Error{
			Code:   parley.CodeBadRequest,
			Detail: "the body did not arrive whole",
			Hint:   "send it within 30 s",
			Err:    err,
		}
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); len(b) > 0 && kind != "application/json" && a.byCookie(r) {
		return nil, errCookie
	}
	return bytes.TrimPrefix(b, []byte("\ufeff")), nil
}

var errCookie = &parley.Error{Code: parley.CodeUnsupportedMedia, Detail: "with a cookie as the credential only JSON is taken",
	Hint: "send Content-Type: application/json"}

// byCookie reports whether the credentials are a cookie: never in development.
func (a *API) byCookie(r *http.Request) bool {
	_, anybody := a.cfg.Auth.(Development)
	return !anybody && auth.ByCookie(r)
}

// parsePost reads a message from a JSON body whatever its type says (curl -d says form), from a
// form, or from the query, which also supplies missing fields.
func (a *API) parsePost(r *http.Request, body []byte) (*wire.Post, error) {
	post := &wire.Post{}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	kind, opts, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if a.byCookie(r) && kind != "application/json" {
		return nil, errCookie // even without a body: the query must not post
	}
	switch {
	case len(trimmed) == 0:
	case trimmed[0] == '[':
		return nil, bad("the body is a list")
	case trimmed[0] == '{', kind == "application/json", kind == "":
		if err := wire.Unmarshal(body, post); err != nil {
			return nil, err
		}
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, bad("the form can't be read")
		}
		if err := fill(post, form); err != nil {
			return nil, err
		}
	case kind == "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(body), opts["boundary"]).ReadForm(maxBody)
		if err != nil {
			return nil, bad("the form can't be read")
		}
		if err := fill(post, form.Value); err != nil {
			return nil, err
		}
	default:
		return nil, &parley.Error{
			Code:   parley.CodeUnsupportedMedia,
			Detail: "a body of this type can't be read",
			Hint:   "send JSON or a form",
		}
	}
	if !a.byCookie(r) { // so that opening a link cannot post
		if err := fill(post, r.URL.Query()); err != nil {
			return nil, err
		}
	}
	if key := r.Header.Get("Idempotency-Key"); post.Key == "" {
		post.Key = key
	}
	return post, nil
}

// fill sets the fields that are still empty from a form or query.
func fill(post *wire.Post, form url.Values) error {
	set := func(field *string, name string) {
		if v := form.Get(name); *field == "" && !wire.Absent(v) {
			*field = v
		}
	}
	set(&post.Channel, "channel_id")
	set(&post.User, "user")
	if post.Name == "" {
		post.Name = wire.Name(form.Get("name"))
	}
	set(&post.Key, "key")
	if post.Text == "" && post.Body == "" {
		post.Text, post.Body = form.Get("text"), form.Get("body")
	}
	if v := form.Get("data"); post.Data == nil && !wire.Absent(v) {
		if err := wire.Unmarshal([]byte(v), &post.Data); err != nil {
			return err
		}
	}
	if n, err := post.Thread.Get(); n == nil && err == nil {
		quoted, _ := json.Marshal(form.Get("thread"))
		return post.Thread.UnmarshalJSON(quoted)
	}
	return nil
}

// postEvent sends an application's event to a channel's streams.
func (a *API) postEvent(w http.ResponseWriter, r *http.Request) error {
	channel, err := pathChannel(r)
	if err != nil {
		return err
	}
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	body, err := a.body(w, r, caller, maxBody)
	if err != nil {
		return err
	}
	var f wire.Frame
	if err := wire.Unmarshal(body, &f); err != nil {
		return a.wasted(caller, len(body), err)
	}
	if caller, err = speakAs(caller, f.User, f.Name); err != nil {
		return err
	}
	data, err := f.ParseEvent()
	if err != nil {
		return err
	}
	if err := a.chat.Event(r.Context(), caller, channel, f.Event, data, ""); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// postTyping notifies a channel's streams that the caller is typing.
func (a *API) postTyping(w http.ResponseWriter, r *http.Request) error {
	caller, channel, err := a.speakerAndChannel(w, r, &actor{})
	if err != nil {
		return err
	}
	if err := a.chat.Typing(r.Context(), caller, channel, caller.Identity()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
