package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/transport"
	"github.com/parley-server/parley/wire"
)

const (
	maxChannels     = 200
	maxChannelNames = 2 << 10 // bytes, together
)

// params are a request's query parameters, without those that count as absent.
type params struct{ url.Values }

// query returns a request's params; they must not be changed.
func query(r *http.Request) params {
	if r.Form != nil {
		return params{r.Form}
	}
	return params{r.URL.Query()}
}

func (p params) get(name string) string {
	if v := p.Get(name); !wire.Absent(v) {
		return v
	}
	return ""
}

func bad(format string, args ...any) error {
	return &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf(format, args...), Hint: "see docs/api.md"}
}

// number parses a parameter that is clamped to its range.
func (p params) number(name string, otherwise, least, most float64) (float64, error) {
	s := p.get(name)
	if s == "" {
		return otherwise, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if (err != nil && !math.IsInf(v, 0)) || math.IsNaN(v) || strings.ContainsAny(s, "xX_") {
		return 0, bad("%s=%.40q is not a number", name, s)
	}
	return min(max(v, least), most), nil
}

// oneStart refuses more than one of since, after and before, and what is none, also where it is not used.
func (p params) oneStart() error {
	given := 0
	for _, name := range []string{"since", "after", "before", "last_event_id"} {
		s := p.get(name)
		if s == "" {
			continue
		}
		var err error
		switch {
		case name == "since":
			_, err = p.since()
		case strings.Contains(s, ":") && name != "before":
			_, err = wire.ParseCursor(s)
		default:
			_, err = wire.ParseID(name, s)
		}
		if err != nil {
			return err
		}
		if name != "last_event_id" {
			given++
		}
	}
	if given > 1 {
		return bad("more than one of since, after and before")
	}
	return nil
}

// since returns the time in since, nil if there is none.
func (p params) since() (*parley.Timestamp, error) {
	s := p.get("since")
	if s == "" {
		return nil, nil
	}
	t, err := parley.ParseTimestamp(s)
	if err != nil {
		return nil, &parley.Error{Code: parley.CodeBadCursor, Detail: "since=" + err.Error(), Hint: "send a message's timestamp"}
	}
	return &t, nil
}

func (p params) limit() (int, error) {
	v, err := p.number("limit", 100, 1, 1000)
	return int(v), err
}

// channels returns the values of channel_id, each once.
func (p params) channels() ([]parley.ChannelID, error) {
	var cs []parley.ChannelID
	seen := map[string]bool{}
	size := 0
	for _, name := range p.Values["channel_id"] {
		if seen[name] {
			continue
		}
		seen[name] = true
		c, err := parley.ParseChannel(name)
		if err != nil {
			return nil, err
		}
		cs = append(cs, c)
		size += len(name)
	}
	if len(cs) > maxChannels || len(cs) > 1 && size > maxChannelNames {
		return nil, &parley.Error{Code: parley.CodeTooLarge, Reason: "channels", Detail: "too many channels for one request",
			Hint: "at most 200, their names together at most 2 KiB; a WebSocket at /ws takes more"}
	}
	return cs, nil
}

// follows combines each channel with its cursor. Cursors: a number for one channel, A:42,B:7
// for any.
func (p params) follows(channels []parley.ChannelID, name, cursor string) ([]transport.Follow, error) {
	fs := make([]transport.Follow, len(channels))
	for i, c := range channels {
		fs[i].Channel = c
	}
	if cursor == "" {
		return fs, nil
	}
	epoch := p.get("epoch")
	if len(channels) == 1 && !strings.Contains(cursor, ":") {
		id, err := wire.ParseID(name, cursor)
		fs[0].After = &parley.Cursor{ID: id, Epoch: epoch}
		return fs, err
	}
	ps, err := wire.ParseCursor(cursor)
	if err != nil {
		return nil, err
	}
	for _, at := range ps {
		for i := range fs {
			if fs[i].Channel == at.Channel {
				fs[i].After = &parley.Cursor{ID: at.ID, Epoch: epoch}
			}
		}
	}
	return fs, nil
}

// streamCursor returns where a stream begins: Last-Event-ID, else last_event_id, else after.
func streamCursor(r *http.Request) (name, cursor string) {
	if id := r.Header.Get("Last-Event-ID"); !wire.Absent(id) {
		return "Last-Event-ID", id
	}
	p := query(r)
	if id := p.get("last_event_id"); id != "" {
		return "last_event_id", id
	}
	return "after", p.get("after")
}

// request reads the parameters that all streams and polls share.
func (a *API) request(r *http.Request, channels []parley.ChannelID, many bool, name, cursor string) (*transport.Request, error) {
	caller, err := a.caller(r)
	if err != nil {
		return nil, err
	}
	p := query(r)
	if err := p.oneStart(); err != nil {
		return nil, err
	}
	if p.get("thread") != "" {
		return nil, bad("a thread can be read at /api/messages only")
	}
	watch, err := p.watch()
	if err != nil {
		return nil, err
	}
	follows, err := p.follows(channels, name, cursor)
	if err != nil {
		return nil, err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, err
	}
	timeout, err := p.number("timeout", 30, 0, 60)
	return &transport.Request{Caller: caller, Follows: follows, Many: many, Limit: limit,
		Timeout: time.Duration(timeout * float64(time.Second)), Pings: p.get("heartbeat") == "message", Watch: watch}, err
}

// pathChannel returns the channel in the address.
func pathChannel(r *http.Request) (parley.ChannelID, error) {
	return parley.ParseChannel(r.PathValue("channel"))
}

// caller returns the caller of a request and the address. Bad credentials count as a
// handshake, to limit guessing.
func (a *API) caller(r *http.Request) (c access.Caller, err error) {
	if c, err = a.cfg.Auth.Caller(r); err != nil {
		if e := parley.AsError(err); e.Code == parley.CodeUnauthorized {
			if late := a.cfg.Limits.AllowHandshake(a.client(r)); late != nil {
				return c, late
			}
		}
		return c, err
	}
	if c.As == nil || !c.As.Service {
		c.Address = a.client(r)
	}
	if c, err = speakAs(c, query(r).get("user"), wire.Name(query(r).get("name"))); err != nil {
		return c, err
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if err := a.chat.Ask(c, 1); err != nil {
			return c, err
		}
	}
	if acc, ok := r.Context().Value(answeringKey{}).(*answering); ok {
		if err := acc.begin(r, c); err != nil {
			return c, err
		}
	}
	if d, ok := r.Context().Value(adminActionKey{}).(*AdminAction); ok {
		d.Caller = c
	}
	return c, nil
}

// client returns the client's address; the zero address if no limit uses it.
func (a *API) client(r *http.Request) (ip netip.Addr) {
	if a.cfg.Client != nil {
		ip = a.cfg.Client(r)
	}
	return ip
}

// opening counts a stream that is about to start, or refuses it.
func (a *API) opening(r *http.Request) error {
	if e := a.cfg.Limits.AllowHandshake(a.client(r)); e != nil {
		return e
	}
	return nil
}
