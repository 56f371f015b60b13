package httpapi

import (
	"net/http"
	"strings"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/transport"
	"github.com/parley-server/parley/wire"
)

// poll answers a short poll.
func (a *API) poll(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	p := query(r)
	channels, err := p.channels()
	if err != nil {
		return err
	}
	if p.get("thread") != "" {
		return a.thread(w, r, caller, channels)
	}
	each, err := p.query(channels)
	if err != nil {
		return err
	}
	named := channels
	if len(named) == 0 {
		if channels, err = a.visible(r, caller); err != nil {
			return err
		}
	}
	return a.answerPoll(w, r, caller, channels, named, each)
}

// answerPoll responds with an array of messages, ascending. Several channels are merged by
// timestamp. The caller counts as present in the requested channels, unless the request reads
// backward.
func (a *API) answerPoll(w http.ResponseWriter, r *http.Request, c access.Caller, channels, named []parley.ChannelID,
	each func(parley.ChannelID) chat.Query) error {
	var ms []parley.Message
	backwards := false
	if len(named) != 1 {
		epoch, err := a.chat.Epoch(r.Context())
		if err != nil {
			return err
		}
		a.chat.AskAbout(c, len(channels))
		if ms, err = a.chat.Merged(r.Context(), c, channels, each); err != nil {
			return err
		}
		w.Header().Set("Parley-Epoch", epoch)
	} else {
		q := each(channels[0])
		page, err := a.chat.History(r.Context(), c, channels[0], q)
		if err != nil {
			return err
		}
		ms = page.Messages
		setBounds(w.Header(), page.Bounds)
		backwards = q.Before != nil
	}
	if !backwards {
		a.chat.Asked(c, parley.TransportPoll, named...)
	}
	return writeTagged(w, r, append(wire.AppendMessages(nil, ms), '\n'))
}

// query reads since, after, before and limit, of which the first three exclude each other, and
// returns the query for each channel.
func (p params) query(channels []parley.ChannelID) (func(parley.ChannelID) chat.Query, error) {
	if err := p.oneStart(); err != nil {
		return nil, err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, err
	}
	q := chat.Query{Limit: limit}
	if q.Since, err = p.since(); err != nil {
		return nil, err
	}
	if s := p.get("before"); s != "" {
		if len(channels) != 1 {
			return nil, bad("before needs one channel_id")
		}
		id, err := wire.ParseID("before", s)
		if err != nil {
			return nil, err
		}
		q.Before = &id
	}
	after := p.get("after")
	if after == "" {
		return func(parley.ChannelID) chat.Query { return q }, nil
	}
	follows, err := p.follows(channels, "after", after)
	if err != nil {
		return nil, err
	}
	if len(channels) == 0 {
		return nil, bad("after needs a channel_id")
	}
	return func(channel parley.ChannelID) chat.Query {
		q := q
		for _, f := range follows {
			if f.Channel == channel {
				q.After = f.After
			}
		}
		if q.After == nil { // a channel that the cursor does not name starts at its head
			q.Before, q.Limit = new(int64), 1
		}
		return q
	}, nil
}

// visible returns the channels of a request that names none: those of a member, and in
// development, without a user, all public ones.
func (a *API) visible(r *http.Request, c access.Caller) (all []parley.ChannelID, err error) {
	if c.Named() || !c.Any() {
		return a.chat.MineToRead(r.Context(), c)
	}
	for next := parley.ChannelID(""); len(all) < mostMerged; {
		var cs []parley.ChannelID
		if cs, next, err = a.chat.Public(r.Context(), c, next, 1000); err != nil {
			return nil, err
		}
		if all = append(all, cs...); next == "" {
			break
		}
	}
	return all, nil
}

// mostMerged is how many channels are read for a request that names neither channels nor a
// user.
const mostMerged = 10_000

// thread responds with a message and a run of its replies.
func (a *API) thread(w http.ResponseWriter, r *http.Request, c access.Caller, channels []parley.ChannelID) error {
	p := query(r)
	if len(channels) != 1 || p.get("since") != "" {
		return bad("thread needs one channel_id, and goes with after, before and limit only")
	}
	if err := p.oneStart(); err != nil {
		return err
	}
	root, err := wire.ParseID("thread", p.get("thread"))
	if err != nil {
		return err
	}
	var q parley.ThreadQuery
	if q.Limit, err = p.limit(); err != nil {
		return err
	}
	for name, id := range map[string]**int64{"after": &q.After, "before": &q.Before} {
		if s := p.get(name); s != "" {
			n, err := wire.ParseID(name, s)
			if err != nil {
				return err
			}
			*id = &n
		}
	}
	page, replies, err := a.chat.Thread(r.Context(), c, channels[0], root, q)
	if err != nil {
		return err
	}
	setBounds(w.Header(), page.Bounds)
	return writeTagged(w, r, append(wire.AppendThread(nil, page.Messages, replies), '\n'))
}

// message responds with one message.
func (a *API) message(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	channel, err := pathChannel(r)
	if err != nil {
		return err
	}
	id, err := wire.ParseID("id", r.PathValue("id"))
	if err != nil {
		return err
	}
	before := id + 1
	page, err := a.chat.History(r.Context(), caller, channel, chat.Query{Before: &before, Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Messages) == 0 || page.Messages[0].ID != id {
		return &parley.Error{Code: parley.CodeNotFound, Detail: "the channel holds no message of this id",
			Hint: "it holds those from first_id to last_id"}
	}
	return writeBody(w, http.StatusOK, append(wire.AppendMessage(nil, &page.Messages[0]), '\n'))
}

// longPoll holds a request until there is something to return.
func (a *API) longPoll(w http.ResponseWriter, r *http.Request) error {
	channels, err := query(r).channels()
	if err != nil {
		return err
	}
	if len(channels) == 0 {
		return bad("channel_id is missing")
	}
	after := query(r).get("after")
	req, err := a.request(r, channels, len(channels) > 1 || strings.Contains(after, ":"), "after", after)
	if err != nil {
		return err
	}
	if req.Watch != nil {
		return &parley.Error{Code: parley.CodeBadRequest, Detail: "a poll can't tell of users",
			Hint: "watch on a stream, or ask /api/users/{user}/presence"}
	}
	return a.ways.LongPoll(w, r, req)
}

// stream serves one channel as server-sent events.
func (a *API) stream(w http.ResponseWriter, r *http.Request) error {
	channel, err := pathChannel(r)
	if err != nil {
		return err
	}
	return a.sse(w, r, []parley.ChannelID{channel})
}

// streamMany serves several channels as server-sent events.
func (a *API) streamMany(w http.ResponseWriter, r *http.Request) error {
	channels, err := query(r).channels()
	if err != nil {
		return err
	}
	if len(channels) == 0 {
		return bad("channel_id is missing")
	}
	return a.sse(w, r, channels)
}

func (a *API) sse(w http.ResponseWriter, r *http.Request, channels []parley.ChannelID) error {
	if err := a.opening(r); err != nil {
		return err
	}
	name, cursor := streamCursor(r)
	req, err := a.request(r, channels, len(channels) > 1, name, cursor)
	if err != nil {
		return err
	}
	return a.ways.SSE(w, r, req)
}

// refuseStream tells an EventSource by an event that it must reconnect later, since an
// EventSource gives up after an error status.
func refuseStream(w http.ResponseWriter, r *http.Request, e *parley.Error) (answered bool) {
	if wire.Status(e) < http.StatusTooManyRequests || r.Method == http.MethodHead {
		return false
	}
	accept := r.Header.Get("Accept")
	if accept != "" && !strings.Contains(accept, "text/event-stream") && !strings.Contains(accept, "*/*") &&
		!strings.Contains(accept, "text/*") {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("Retry-After", wire.RetryAfter(e.RetryAfter))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(transport.Refusal(e))
	return true
}

// socket serves one channel over a WebSocket.
func (a *API) socket(w http.ResponseWriter, r *http.Request) error {
	if err := a.opening(r); err != nil {
		return err
	}
	channel, err := pathChannel(r)
	if err != nil {
		return err
	}
	req, err := a.request(r, []parley.ChannelID{channel}, false, "after", query(r).get("after"))
	if err != nil {
		return err
	}
	return a.ways.WebSocket(w, r, req)
}

// socketMany serves any number of channels over a WebSocket.
func (a *API) socketMany(w http.ResponseWriter, r *http.Request) error {
	if err := a.opening(r); err != nil {
		return err
	}
	req, err := a.request(r, nil, true, "after", "")
	if err != nil {
		return err
	}
	return a.ways.WebSocket(w, r, req)
}

// refuseSocket tells a browser in a frame what its page could not see as a status.
func (a *API) refuseSocket(w http.ResponseWriter, r *http.Request, e *parley.Error) (answered bool) {
	if r.Header.Get("Origin") == "" || r.Header.Get("Upgrade") == "" {
		return false
	}
	switch status := wire.Status(e); status {
	case 400, 401, 403, 404, 429:
		return a.ways.RefuseWebSocket(w, r, e, 4000+status) == nil
	}
	return false
}
