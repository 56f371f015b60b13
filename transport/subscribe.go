package transport

import (
	"context"
	"fmt"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/internal/together"
	"github.com/parley-server/parley/wire"
)

// asked is a subscribe frame that was read and is not served yet. A client that reconnects sends one for each of its channels:
// those that arrive together are served together, so that the store is asked for all channels at the same time.
//
//	read ──ask──▶ asked ──the last frame was read, or one that must wait for them──▶ subscribe ──▶ answered, in their order
type asked struct {
	frame   *wire.Frame
	caller  access.Caller
	channel parley.ChannelID
}

// ask lets a subscribe frame wait for the next ones.
func (p *wsPeer) ask(f *wire.Frame, c access.Caller, channel parley.ChannelID) error {
	if !p.is(many) {
		return &parley.Error{Code: parley.CodeBadRequest, Detail: "this connection is for one channel", Hint: "connect to /ws to subscribe"}
	}
	d := p.deal()
	d.asked = append(d.asked, asked{f, c, channel})
	return nil
}

// joins reports whether a frame can be served together with those that wait.
func (d *dealings) joins(f *wire.Frame, channel parley.ChannelID) bool {
	if f.Type != "subscribe" {
		return false
	}
	for _, a := range d.asked {
		if a.channel == channel {
			return false
		}
	}
	return true
}

// take returns the blocking part of the frames that were read, nil for none.
func (p *wsPeer) take() (work func()) {
	d := p.dealings
	if d == nil || p.closing() {
		return nil
	}
	if all := d.asked; len(all) > 0 {
		d.asked = nil
		return func() { p.subscribe(context.Background(), all) } // the store limits how long it waits
	}
	work, d.work = d.work, nil
	return work
}

// subscribe serves subscribe frames of different channels.
func (p *wsPeer) subscribe(ctx context.Context, all []asked) {
	wanted, errs := make([]hub.Wanted, len(all)), make([]error, len(all))
	together.Do(len(all), func(i int) { wanted[i], errs[i] = p.wants(ctx, &all[i]) })
	follows, places := wanted[:0], make([]int, 0, len(all))
	room := p.t.cfg.MaxSubscriptions - p.session.Len()
	for i, a := range all {
		if errs[i] == nil && !p.session.Follows(a.channel) {
			if errs[i] = p.enters(a.channel, room); errs[i] == nil {
				room--
			}
		}
		if errs[i] == nil {
			follows, places = append(follows, wanted[i]), append(places, i)
		}
	}
	starts := make([]hub.Start, len(all))
	began, failed := p.session.FollowAll(ctx, follows...)
	for k, i := range places {
		if starts[i], errs[i] = began[k], failed[k]; errs[i] != nil {
			p.removeChannel(all[i].channel)
		}
	}
	for i, a := range all {
		if errs[i] != nil {
			p.refuse(errs[i], a.frame, a.channel)
		} else {
			p.welcome(starts[i], a.frame.Key)
		}
	}
}

// wants checks a subscribe frame, and the right to read its channel.
func (p *wsPeer) wants(ctx context.Context, a *asked) (w hub.Wanted, err error) {
	after, err := a.frame.After.Get()
	if err != nil {
		return w, err
	}
	sees, err := p.t.chat.Admit(ctx, a.caller, a.channel)
	w = hub.Wanted{Channel: a.channel, Blind: !sees}
	if after != nil {
		w.After = &parley.Cursor{ID: *after, Epoch: a.frame.Epoch}
	}
	return w, err
}

// enters adds a channel to the connection, which has room for some more.
func (p *wsPeer) enters(channel parley.ChannelID, room int) error {
	if room <= 0 {
		return &parley.Error{Code: parley.CodeTooLarge, Reason: "subscriptions",
			Detail: fmt.Sprintf("this connection follows %d channels already", p.t.cfg.MaxSubscriptions),
			Hint:   "unsubscribe from some, or open another connection"}
	}
	return p.addChannel(channel)
}
