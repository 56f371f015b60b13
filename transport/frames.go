package transport

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/wire"
)

// object handles the content of one frame. Errors are answered; the connection stays open.
func (p *wsPeer) object(payload []byte) {
	f := new(wire.Frame)
	channel := p.only()
	err := p.session.Form().UnmarshalFrame(payload, f)
	named, unnamed := p.channel(f)
	if unnamed == nil {
		channel = named
	}
	if err == nil {
		err = unnamed
	}
	if err == nil && len(f.Key) > parley.MaxKey {
		err = &parley.Error{Code: parley.CodeTooLarge, Detail: "key has more than 128 bytes", Hint: "send a shorter one"}
	}
	if d := p.dealings; d != nil && len(d.asked) > 0 && (err != nil || !d.joins(f, channel)) {
		d.next = func() { p.serve(f, channel, err) }
		return
	}
	p.serve(f, channel, err)
}

// serve handles a frame, or answers it with an error.
func (p *wsPeer) serve(f *wire.Frame, channel parley.ChannelID, err error) {
	if err == nil {
		err = p.handle(f, channel)
	}
	if err != nil {
		p.refuse(err, f, channel)
	}
}

// refuse answers a frame that was not served with an error. It counts like a message, because
// it cost as much.
func (p *wsPeer) refuse(err error, f *wire.Frame, channel parley.ChannelID) {
	e := parley.AsError(err)
	if e.Code != parley.CodeRateLimited {
		if late := p.t.chat.Waste(p.who.caller(), 1); late != nil {
			e = parley.AsError(late)
		}
	}
	p.t.cfg.OnRefused(p.who.caller(), f.Type, e)
	p.send(wire.Error(nil, e, channel, f.Key))
	if e.Code == parley.CodeRateLimited {
		p.pause(p.t.cfg.Policy.Patience(p.who.caller()))
	}
}

// charge counts what reading from the client costs by itself. If its user exceeds the limit,
// nothing is read from the client until it may send again.
func (p *wsPeer) charge(units int) {
	if units == 0 {
		return
	}
	if err := p.t.chat.Ask(p.who.caller(), units); err != nil {
		p.pause(min(parley.AsError(err).RetryAfter, time.Second))
	}
}

// pause stops reading from the client for a time.
func (p *wsPeer) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	paused := &p.deal().paused
	if paused.Swap(true) {
		return
	}
	time.AfterFunc(d, func() { paused.Store(false); p.conn.Ring() })
}

// channel returns the channel of a frame. ping, pong and the like need none.
func (p *wsPeer) channel(f *wire.Frame) (parley.ChannelID, error) {
	if f.Channel == "" {
		return p.only(), nil
	}
	channel, err := parley.ParseChannel(f.Channel)
	if err != nil {
		return "", err
	}
	if only := p.only(); only != "" && channel != only {
		return only, &parley.Error{Code: parley.CodeBadChannel, Detail: fmt.Sprintf("this connection is for the channel %s", only),
			Hint: "connect to /ws for several channels"}
	}
	return channel, nil
}

func (p *wsPeer) handle(f *wire.Frame, channel parley.ChannelID) error {
	caller, err := p.speaker(f)
	if err != nil {
		return err
	}
	switch f.Type {
	case "ping", "pong", "unsubscribe", "visibility": // others have their own cost
		p.charge(1)
	}
	switch f.Type {
	case "pong":
		if f.Key != "" {
			p.send(wire.Done(nil, "", f.Key))
		}
		return nil
	case "ping":
		p.send(wire.Simple(nil, "pong", f.Key))
		return nil
	case "", "message", "event", "typing", "read", "history", "subscribe", "unsubscribe":
		if channel == "" {
			return &parley.Error{
				Code:   parley.CodeBadChannel,
				Detail: "the frame names no channel",
				Hint:   `on /ws every frame has "channel"`,
			}
		}
	case "watch":
	case "visibility":
		if f.State != "hidden" && f.State != "visible" {
			return &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf("%.40q is not a state of visibility", f.State),
				Hint: "send hidden or visible"}
		}
		p.look(caller, f.State == "hidden")
		return p.done(f, "", nil)
	case "auth":
		if err := p.t.chat.Ask(caller, 1); err != nil {
			return err
		}
		p.later(f, "", func() error { return p.auth(context.Background(), f) })
		return nil
	default:
		return &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf("unknown frame type %.40q", f.Type),
			Hint: "see docs/api.md, WebSocket"}
	}
	// A frame belongs to no request; the store limits how long it waits.
	ctx := context.Background()
	switch f.Type {
	case "history", "subscribe":
		if err := p.t.chat.Ask(caller, 1); err != nil {
			return err
		}
	}
	switch f.Type {
	case "read":
		p.later(f, channel, func() error { return p.read(ctx, f, caller, channel) })
		return nil
	case "watch":
		p.later(f, "", func() error { return p.watch(ctx, f, caller) })
		return nil
	case "history":
		p.later(f, channel, func() error { return p.history(ctx, f, caller, channel) })
		return nil
	case "subscribe":
		return p.ask(f, caller, channel)
	case "unsubscribe":
		return p.done(f, channel, p.unsubscribe(channel))
	}
	d, why := parley.Draft{}, error(nil)
	if f.Type == "" || f.Type == "message" {
		d, why = f.Draft()
	}
	if why == nil && p.t.chat.MayWrite(caller, channel) {
		return p.say(ctx, f, caller, channel, d, why)
	}
	p.sayLater(ctx, f, caller, channel, d, why) // the store must be asked for the right, or for a repeat
	return nil
}

// look notes whether the connection is visible.
func (p *wsPeer) look(c access.Caller, hidden bool) {
	if hidden == p.is(hides) {
		return
	}
	if p.t.chat.Hide(c, hidden); hidden {
		p.set(hides)
	} else {
		p.clear(hides)
	}
}

func (p *wsPeer) sayLater(ctx context.Context, f *wire.Frame, caller access.Caller, channel parley.ChannelID, d parley.Draft, why error) {
	p.later(f, channel, func() error { return p.say(ctx, f, caller, channel, d, why) })
}

// say handles frames that need the right to write. A draft that cannot be stored, because of
// why, may be a repeat.
func (p *wsPeer) say(ctx context.Context, f *wire.Frame, caller access.Caller, channel parley.ChannelID, d parley.Draft, why error) error {
	if why != nil {
		r, err := p.t.chat.Repeat(ctx, caller, channel, d.Key, why)
		if err == nil {
			p.send(wire.Ack(nil, &r, d.Key))
		}
		return err
	}
	switch f.Type {
	case "event":
		return p.done(f, channel, p.event(ctx, f, caller, channel))
	case "typing":
		p.set(spoke)
		return p.done(f, channel, p.t.chat.Typing(ctx, caller, channel, p.identity(caller)))
	default:
		return p.message(ctx, caller, channel, d)
	}
}

// done answers a frame that carried a key and was served.
func (p *wsPeer) done(f *wire.Frame, channel parley.ChannelID, err error) error {
	if err == nil && f.Key != "" {
		p.send(wire.Done(nil, channel, f.Key))
	}
	return err
}

// later passes to the engine what reads the store and so may block.
func (p *wsPeer) later(f *wire.Frame, channel parley.ChannelID, do func() error) {
	p.deal().work = func() {
		if err := do(); err != nil {
			p.refuse(err, f, channel)
		}
	}
}

// speaker returns the user that a frame acts for. A connection that was opened without a user
// adopts the first one that a frame names.
func (p *wsPeer) speaker(f *wire.Frame) (access.Caller, error) {
	caller := p.who.caller()
	if wire.Absent(f.User) || f.User == string(caller.User) {
		return caller.Called(string(f.Name))
	}
	user, err := parley.ParseUser(f.User)
	if err != nil {
		return caller, err
	}
	if !caller.Any() {
		return caller, &parley.Error{Code: parley.CodeNotYou, Detail: fmt.Sprintf("the frame speaks for %s, the connection is %s's", user,
			caller.User), Hint: "leave user out"}
	}
	as, err := access.Caller{User: user, As: caller.As, Address: caller.Address}.Called(string(f.Name))
	if err != nil {
		return caller, err
	}
	if !caller.Named() {
		p.who = p.t.keep(as)
		p.set(stale) // what a guest may read, a user may be kept out of
		p.t.chat.Come(as, parley.TransportWebSocket)
		if p.is(hides) {
			p.t.chat.Hide(as, true)
		}
		p.session.Channels(func(channel parley.ChannelID, _ int64) { p.t.chat.Enter(channel, as, parley.TransportWebSocket) })
	}
	return as, nil
}

// identity returns the identity whose sessions do not receive the caller's events: the user, or
// for a guest this connection alone. NUL separates it from names.
func (p *wsPeer) identity(c access.Caller) string {
	if c.Named() || !p.is(spoke) {
		return c.Identity()
	}
	return fmt.Sprintf("\x00%p", p)
}

func (p *wsPeer) message(ctx context.Context, caller access.Caller, channel parley.ChannelID, d parley.Draft) error {
	p.undurable.Add(1)
	key, session, conn := d.Key, &p.session, &p.conn
	err := p.t.chat.Publish(ctx, caller, channel, d, func(r parley.Result) {
		switch {
		case r.Err != nil:
			session.Send(session.Form().AppendControl(nil, "", "", wire.Error(nil, parley.AsError(r.Err), channel, key)))
		case key != "":
			session.Send(session.Form().AppendControl(nil, "", "", wire.Ack(nil, &r, key)))
		}
		if p.undurable.Add(-1) == maxUndurable-1 {
			conn.Ring()
		}
	})
	if err != nil {
		p.undurable.Add(-1)
	}
	return err
}

func (p *wsPeer) event(ctx context.Context, f *wire.Frame, caller access.Caller, channel parley.ChannelID) error {
	data, err := f.ParseEvent()
	if err != nil {
		return err
	}
	d := p.deal()
	if d.events == nil {
		d.events = new(pace)
	}
	if !d.events.pass(p.t.millis(p.t.engine.Now())) {
		return &parley.Error{
			Code:       parley.CodeRateLimited,
			Reason:     "events",
			RetryAfter: time.Second,
			Detail:     "more than 20 events in a second",
			Hint:       "send fewer; the latest is usually enough",
		}
	}
	p.set(spoke)
	return p.t.chat.Event(ctx, caller, channel, f.Event, data, p.identity(caller))
}

func (p *wsPeer) read(ctx context.Context, f *wire.Frame, caller access.Caller, channel parley.ChannelID) error {
	id, err := f.ID.Get()
	if err != nil {
		return err
	}
	if id == nil {
		return &parley.Error{
			Code:   parley.CodeBadRequest,
			Detail: "the frame has no id",
			Hint:   "send the id of the last message that was read",
		}
	}
	at, unread, err := p.t.chat.MarkRead(ctx, caller, channel, *id)
	if err == nil && f.Key != "" {
		p.send(wire.ReadDone(nil, channel, at, unread, f.Key))
	}
	return err
}

func (p *wsPeer) watch(ctx context.Context, f *wire.Frame, caller access.Caller) error {
	users := make([]parley.UserID, len(f.Users))
	for i, name := range f.Users {
		var err error
		if users[i], err = parley.ParseUser(name); err != nil {
			return err
		}
	}
	return p.done(f, "", p.t.chat.Watch(ctx, caller, &p.session, users))
}

func (p *wsPeer) history(ctx context.Context, f *wire.Frame, caller access.Caller, channel parley.ChannelID) error {
	before, err := f.Before.Get()
	if err != nil {
		return err
	}
	after, err := f.After.Get()
	if err != nil {
		return err
	}
	limit, err := f.Limit.Get()
	if err != nil {
		return err
	}
	q := chat.Query{Before: before, Limit: 50, Bytes: historyBytes} // "more" tells that there is more
	if limit != nil {
		q.Limit = int(min(max(*limit, 1), 1000))
	}
	if after != nil {
		if before != nil {
			return &parley.Error{Code: parley.CodeBadRequest, Detail: "both before and after", Hint: "send one of them"}
		}
		q.After = &parley.Cursor{ID: *after, Epoch: f.Epoch}
	}
	page, err := p.t.chat.History(ctx, caller, channel, q)
	if err != nil {
		return err
	}
	more := false
	if n := len(page.Messages); n > 0 {
		if after != nil {
			more = page.Messages[n-1].ID < page.Bounds.Last
		} else {
			more = page.Messages[0].ID > page.Bounds.First
		}
	}
	p.send(wire.History(nil, channel, page.Messages, more, f.Key))
	return nil
}

func (p *wsPeer) unsubscribe(channel parley.ChannelID) error {
	if !p.is(many) {
		return &parley.Error{Code: parley.CodeBadRequest, Detail: "this connection is for one channel", Hint: "close it"}
	}
	if p.session.Unfollow(channel) {
		p.removeChannel(channel)
	}
	return nil
}
