package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/wire"
)

// answerBytes limits the size of one long poll's response.
const answerBytes = 1 << 20

// LongPoll answers at once if there are entries after the cursors, else with the next message,
// else with no message when the request's time has passed. A poll that waits on a plain
// HTTP/1.1 connection is parked in the engine; after its response the connection returns to
// net/http. Others wait in their handlers. An error is returned before anything was written.
func (t *Transports) LongPoll(w http.ResponseWriter, r *http.Request, req *Request) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead { // a response without a body is not worth waiting for
		_, err := t.authorize(r, req)
		return err
	}
	changes := t.rightsChanges.Load()
	p := &pollPeer{left: int32(req.Limit)}
	t.newStream(&p.stream, parley.TransportLongPoll, req.Caller, wire.FormJSON)
	if req.Many {
		p.set(many)
	}
	starts, err := t.admit(r, &p.stream, req)
	if err != nil {
		return err
	}
	p.begin(starts, t.epochs.share(starts[0].Bounds.Epoch))
	err = p.collect()
	for err == hub.ErrBehind {
		if err = p.loadNow(r.Context()); err == nil {
			err = p.collect()
		}
	}
	if err != nil {
		p.ended = failed
		p.Gone()
		return err
	}
	if p.done || req.Timeout == 0 {
		defer p.Gone()
		return writeBody(w, p.answer())
	}
	first := min(req.Timeout, p.who.left(t.engine.Now()))
	if t.parks(r) {
		p.head = t.heads.intern(h)
		return t.park(w, r, p, first, changes)
	}
	p.set(stale) // it rechecks when the engine knows it, so that it misses no change
	t.engine.Hold(r.Context(), &p.conn, unwritten{}, p, first)
	return p.finish(w, r)
}

// parks reports whether a request's connection can wait in the engine and return.
func (t *Transports) parks(r *http.Request) bool {
	if !consumed(r) {
		return false
	}
	if _, stays := r.Context().Value(connKey{}).(stays); stays {
		return false
	}
	return t.cfg.Door != nil && t.engine.Parks() && r.TLS == nil && r.ProtoMajor == 1 && r.ProtoMinor == 1 && !r.Close
}

// pollPeer is a held poll, which collects its answer:
//
//	waits ──done, due or ended──▶ given ──written──▶ Gone, and back to net/http
type pollPeer struct {
	stream
	left  int32       // entries that still fit
	done  bool        // there is something to respond with, and no more for now
	epoch *string     // of its cursors; shared
	got   *got        // nil for nothing
	head  *answerHead // shared by all polls of its kind; nil: its handler waits and responds
}

// got is what a poll has collected since it began.
type got struct {
	messages, resets []byte        // to answer with
	refused          *parley.Error // why it ended, which is the response
	early            []byte        // what was read of the client's next request
	rest             []byte        // what must still be written of the response
	charged          int           // bytes of the response, in flight
}

var (
	_ peer            = (*pollPeer)(nil)
	_ engine.Returner = (*pollPeer)(nil)
)

func (p *pollPeer) has() *got {
	if p.got == nil {
		p.got = new(got)
	}
	return p.got
}

// begin notes where the poll starts. A reset completes it.
func (p *pollPeer) begin(starts []hub.Start, epoch *string) {
	p.epoch = epoch
	for _, start := range starts {
		if start.Reset != nil {
			p.session.SendReset(start.Bounds.Channel, start.Reset)
		}
	}
}

// collect takes what is available. The error is hub.ErrBehind: load, and collect again.
//
// A response names one epoch, and everything in it belongs to that one: if another has begun
// since, loadPage drops what was collected and starts over in the new one.
func (p *pollPeer) collect() error {
	err := p.collectNext()
	if p.session.Epoch() != *p.epoch {
		p.done = false
		return hub.ErrBehind
	}
	return err
}

func (p *pollPeer) collectNext() error {
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

// loadPage loads what collect needs. It may block. The error is the store's, or ErrEpoch: it
// can be done later.
func (p *pollPeer) loadPage(ctx context.Context) error {
	if p.session.Epoch() == *p.epoch {
		return p.session.Load(ctx)
	}
	epoch, err := p.session.Restart(ctx)
	if err != nil {
		return err
	}
	p.epoch = p.t.epochs.share(epoch)
	if g := p.got; g != nil {
		g.messages, g.resets = nil, nil
	}
	return nil
}

// loadNow is loadPage before the engine has the poll; the engine would retry later.
func (p *pollPeer) loadNow(ctx context.Context) error {
	for {
		err := p.loadPage(ctx)
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

func (p *pollPeer) Receive([]byte) (func(), bool) { return nil, false }

func (p *pollPeer) Output() ([]byte, error) {
	if p.is(given) {
		if p.got == nil || p.got.rest == nil {
			return nil, engine.ErrReturn
		}
		rest := p.got.rest
		p.got.rest = nil
		return rest, nil
	}
	if p.ended == open {
		if p.is(stale) || p.behind() || p.collect() == hub.ErrBehind {
			return nil, engine.ErrLoad
		}
		if !p.done && !p.is(due) {
			return nil, nil
		}
	}
	p.set(given)
	if p.head == nil { // the handler does the rest
		if p.ended == open {
			p.has().rest = p.answer()
		}
		return nil, io.EOF
	}
	if p.ended != open {
		return p.problem(p.got.refused), nil
	}
	body := p.answer()
	if e := p.t.cfg.Policy.Charge(p.who.caller(), len(body)); e != nil {
		return p.problem(e), nil
	}
	p.has().charged = len(body)
	return p.head.before(body), nil
}

// problem is the response to a poll that can no longer be served.
func (p *pollPeer) problem(e *parley.Error) []byte {
	h := p.head.header.Clone()
	if p.ended == drained {
		h.Set("Connection", "close")
	}
	status := wire.Status(e)
	body := wire.Problem(h, status, e)
	return wire.AppendAnswer(nil, status, h, body)
}

func (p *pollPeer) Unsent(b []byte, n int) { p.has().rest = b[n:] }

// Load implements engine.Peer. A parked poll waits until the store responds; a handler returns
// the error to its client at once, unless it is only that the engine has been closed (finish).
func (p *pollPeer) Load(ctx context.Context) error {
	load := p.loadPage
	switch {
	case p.behind():
		load = func(context.Context) error { return parley.ErrUnavailable }
	case p.is(stale):
		load = func(ctx context.Context) error { return recheckRights(ctx, p) }
	}
	err := load(ctx)
	if err != nil && ctx.Err() == nil && p.head == nil && !errors.Is(err, parley.ErrEpoch) {
		end(p, failed, parley.AsError(err))
		return nil
	}
	return err
}

func (p *pollPeer) Tick(now time.Time, s engine.Sending) time.Duration {
	if p.is(due) && s.Blocked && !s.Progress {
		end(p, silent, nil)
		return engine.Dead
	}
	if p.set(due); p.who.left(now) <= 0 && !p.is(given) {
		end(p, expired, errExpired)
	}
	p.conn.Ring()
	return p.t.cfg.HeartbeatTimeout
}

func (p *pollPeer) Drain(retry time.Duration) {
	p.set(due)
	end(p, drained, goingDown(retry))
}

func (p *pollPeer) lost(channels []parley.ChannelID) {
	end(p, rightsLost, &parley.Error{Code: parley.CodeForbidden, Channel: channels[0], Detail: "the right to read the channel was lost",
		Hint: "poll without it"})
}

func (p *pollPeer) farewell(e *parley.Error) { p.has().refused = e }

func (p *pollPeer) Gone() {
	if p.got != nil && p.got.charged > 0 {
		p.t.cfg.Policy.Discharge(p.who.caller(), p.got.charged)
	}
	p.release()
}

// Return implements engine.Returner.
func (p *pollPeer) Return(nc net.Conn) {
	if p.ended == drained {
		nc.Close()
		return
	}
	p.t.cfg.Door.GiveBack(nc, p.has().early)
}

// finish responds in the handler of a poll that the engine held.
func (p *pollPeer) finish(w http.ResponseWriter, r *http.Request) error {
	switch {
	case r.Context().Err() != nil: // the client has gone
		return nil
	case !p.is(given): // the engine was closed
		return goingDown(time.Second)
	case p.ended != open:
		return p.got.refused
	}
	return writeBody(w, p.got.rest)
}

func writeBody(w http.ResponseWriter, body []byte) error {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
	return nil
}

// unwritten is the engine's writer for a poll whose handler responds.
type unwritten struct{}

func (unwritten) Write(p []byte) (int, error) { return len(p), nil }
func (unwritten) Close() error                { return nil }

// answer returns the body, one JSON object.
func (p *pollPeer) answer() []byte {
	var g got
	if p.got != nil {
		g = *p.got
	}
	body := append(make([]byte, 0, len(g.messages)+256), `{"messages":[`...)
	body = append(append(body, bytes.TrimSuffix(g.messages, []byte(","))...), ']')
	if p.is(many) {
		body = append(body, `,"cursor":`...)
		body = wire.AppendString(body, p.session.Positions())
	} else {
		body = strconv.AppendInt(append(body, `,"last_id":`...), p.session.Sum(), 10)
	}
	body = append(body, `,"epoch":`...)
	body = wire.AppendString(body, *p.epoch)
	switch resets := bytes.TrimSuffix(g.resets, []byte(",")); {
	case len(resets) > 0 && p.is(many):
		body = append(append(append(body, `,"reset":[`...), resets...), ']')
	case len(resets) > 0:
		body = append(append(body, `,"reset":`...), resets...)
	}
	return append(body, '}', '\n')
}
