package transport

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"parley"
	"parley/hub"
	"parley/wire"
)

// answerBytes bounds the answer of one long poll.
const answerBytes = 1 << 20

// LongPoll answers at once if there is anything after the cursors, else with the
// next message, else with nothing when the request's time is over. A poll that waits
// on a plain HTTP/1.1 connection is parked in the engine. An error is returned before
// anything was written.
func (t *Transports) LongPoll(w http.ResponseWriter, r *http.Request, req *Request) error {
	orders := t.orders.Load()
	if _, err := t.authorize(r, req); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead { // an answer without a body is not worth waiting for
		return nil
	}
	if t.parks(r) {
		return t.parkPoll(w, r, req, orders)
	}
	bell := make(channelBell, 1)
	p := &poll{who: t.keep(req.Caller)}
	t.chat.Hub().Open(&p.session, wire.FormJSON, bell)
	if err := p.begin(r, req, &t.epochs); err != nil {
		return err
	}
	if err := t.come(p.who.caller(), p.session.Len()); err != nil {
		p.session.Close()
		return err
	}
	t.chat.Hold(p.who.caller(), p.channels()...)
	t.held.Add(1)
	defer t.held.Add(-1)
	err := t.wait(r.Context(), p, bell, req.Timeout, orders)
	defer t.end(p, err == nil)
	if err != nil {
		return err
	}
	if r.Context().Err() != nil {
		return nil
	}
	if !p.done && t.isLeaving() {
		return t.Draining()
	}
	body := p.answer()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
	return nil
}

// isLeaving tells whether held polls are to end.
func (t *Transports) isLeaving() bool {
	select {
	case <-t.leave:
		return true
	default:
		return false
	}
}

// channelBell is the bell of one who waits in a select.
type channelBell chan struct{}

func (b channelBell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// poll collects the answer to one long poll.
type poll struct {
	session hub.Session
	who     who
	epoch   *string // of its cursors; shared
	left    int32   // entries that still fit
	many    bool
	done    bool // there is something to answer with, and nothing more now
	got     *got // nil for nothing
}

// got is what a poll has that it did not begin with.
type got struct {
	messages, resets []byte        // to answer with
	refused          *parley.Error // a right was lost, or the credentials, which is the answer
	early            []byte        // what was read of the client's next request
	rest             []byte        // what a short write left of the answer
	charged          int           // bytes of the answer, on its way
}

func (p *poll) has() *got {
	if p.got == nil {
		p.got = new(got)
	}
	return p.got
}

// channels are those that it waits for.
func (p *poll) channels() (all []parley.ChannelID) {
	p.session.Channels(func(channel parley.ChannelID, _ int64) { all = append(all, channel) })
	return all
}

// end ends a poll that was begun. asked: its caller may read the channels, and counts as
// being there for a while.
func (t *Transports) end(p *poll, asked bool) {
	t.chat.Release(p.who.caller(), asked, p.channels()...)
	t.gone(p.who.caller(), p.session.Len())
	p.session.Close()
}

// begin follows the request's channels. Resets are something to answer with.
func (p *poll) begin(r *http.Request, req *Request, epochs *shared[string]) error {
	starts, err := follow(r, &p.session, req, nil)
	if err != nil {
		return err
	}
	p.many, p.left, p.epoch = req.Many, int32(req.Limit), epochs.share(starts[0].Bounds.Epoch)
	for _, start := range starts {
		if start.Reset != nil {
			p.session.SendReset(start.Bounds.Channel, start.Reset)
		}
	}
	return nil
}

// collect takes what there is. The error is hub.ErrBehind: load, and collect again.
//
// An answer names one epoch, and all in it is of that one: if another began meanwhile, load drops
// what was collected and begins again in that.
func (p *poll) collect() error {
	err := p.take()
	if p.session.Epoch() != *p.epoch {
		p.done = false
		return hub.ErrBehind
	}
	return err
}

func (p *poll) take() error {
	for !p.done {
		own := p.session.TakeOwn()
		before := p.session.Sum()
		b, err := p.session.Next("", answerBytes, int(p.left))
		if len(own)+len(b) > 0 {
			g := p.has()
			g.resets, g.messages = append(g.resets, own...), append(g.messages, b...)
		}
		if err != nil {
			return err
		}
		p.left -= int32(p.session.Sum() - before)
		switch {
		case p.left <= 0, p.got != nil && len(p.got.messages) >= answerBytes:
			p.done = true
		case len(b) == 0:
			p.done = p.got != nil && len(p.got.messages)+len(p.got.resets) > 0
			return nil
		}
	}
	return nil
}

// load does what collect asked for. It may block. The error is the store's, or ErrEpoch: later it
// can be done.
func (p *poll) load(ctx context.Context, epochs *shared[string]) error {
	if p.session.Epoch() == *p.epoch {
		return p.session.Load(ctx)
	}
	epoch, err := p.session.Restart(ctx)
	if err != nil {
		return err
	}
	p.epoch = epochs.share(epoch)
	if g := p.got; g != nil {
		g.messages, g.resets = nil, nil
	}
	return nil
}

// loadNow is load for one who has nowhere to wait for later.
func (p *poll) loadNow(ctx context.Context, epochs *shared[string]) error {
	for {
		err := p.load(ctx, epochs)
		if !errors.Is(err, parley.ErrEpoch) {
			return err
		}
		select { // until the node has followed the store into its epoch
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refused asks again for the right to read, and for the credentials, of a poll that is
// held. The error is the store's.
func (t *Transports) refused(ctx context.Context, p *poll) (refused *parley.Error, err error) {
	if refused, err = t.valid(ctx, p.who.caller()); err != nil || refused != nil {
		return refused, err
	}
	lost, err := t.lost(ctx, &p.session, p.who.caller())
	if len(lost) > 0 {
		refused = lostRight(lost[0])
	}
	return refused, err
}

// wait collects until there is something, or time or patience ends. orders is how many
// there had been when the right to read was asked for. The error is the store's, or that
// the right was lost.
func (t *Transports) wait(ctx context.Context, p *poll, bell <-chan struct{}, limit time.Duration, orders uint64) error {
	left := p.who.left(t.engine.Now())
	timer := time.NewTimer(min(limit, left))
	defer timer.Stop()
	for {
		reconsider := t.nextOrder()
		if n := t.orders.Load(); n != orders {
			orders = n
			refused, err := t.refused(ctx, p)
			if err != nil {
				return err
			}
			if refused != nil {
				return refused
			}
		}
		switch err := p.collect(); {
		case err == hub.ErrBehind:
			if err := p.loadNow(ctx, &t.epochs); err != nil {
				return err
			}
			continue
		case p.done:
			return nil
		}
		select {
		case <-bell:
		case <-reconsider:
		case <-timer.C:
			if left < limit {
				return errExpired
			}
			return nil
		case <-t.leave:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// answer is the body, one JSON object.
func (p *poll) answer() []byte {
	var g got
	if p.got != nil {
		g = *p.got
	}
	body := append(make([]byte, 0, len(g.messages)+256), `{"messages":[`...)
	body = append(append(body, bytes.TrimSuffix(g.messages, []byte(","))...), ']')
	if p.many {
		body = append(body, `,"cursor":`...)
		body = wire.AppendString(body, p.session.Positions())
	} else {
		body = strconv.AppendInt(append(body, `,"last_id":`...), p.session.Sum(), 10)
	}
	body = append(body, `,"epoch":`...)
	body = wire.AppendString(body, *p.epoch)
	switch resets := bytes.TrimSuffix(g.resets, []byte(",")); {
	case len(resets) > 0 && p.many:
		body = append(append(append(body, `,"reset":[`...), resets...), ']')
	case len(resets) > 0:
		body = append(append(body, `,"reset":`...), resets...)
	}
	return append(body, '}', '\n')
}

var _ hub.Bell = channelBell(nil)
