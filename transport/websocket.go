package transport

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/wire"
)

// WebSocket upgrades a request (RFC 6455, section 4.2) and serves it: one channel,
// or with req.Many any number. An error is returned before anything was written.
func (t *Transports) WebSocket(w http.ResponseWriter, r *http.Request, req *Request) error {
	accept, err := handshake(w, r)
	if err != nil {
		return err
	}
	p := t.newPeer(req.Caller, t.negotiate(r.Header, w.Header()), switching(w.Header(), accept))
	if req.Pings {
		p.set(pings)
	}
	if req.Many {
		p.set(many)
	}
	changes := t.rightsChanges.Load()
	if err := t.open(r, &p.stream, req); err != nil {
		return err
	}
	return t.park(w, r, p, min(t.cfg.HeartbeatInterval, p.who.untilLook(t.engine.Now())), changes)
}

// newPeer creates the peer of a connection whose first bytes are head.
func (t *Transports) newPeer(c access.Caller, form wire.Form, head []byte) *wsPeer {
	now := t.millis(t.engine.Now())
	p := &wsPeer{lastPing: now - uint32(t.cfg.HeartbeatInterval.Milliseconds())}
	p.quiet = now
	t.newStream(&p.stream, parley.TransportWebSocket, c, form)
	p.session.Send(head)
	return p
}

// RefuseWebSocket accepts a browser's handshake only to report why it is refused, since a page
// cannot see the status of a handshake.
func (t *Transports) RefuseWebSocket(w http.ResponseWriter, r *http.Request, e *parley.Error, code int) error {
	accept, err := handshake(w, r)
	if err != nil {
		return err
	}
	p := t.newPeer(access.Caller{User: parley.Guest}, t.negotiate(r.Header, w.Header()), switching(w.Header(), accept))
	nc, err := t.detach(w, r)
	if err != nil {
		return err
	}
	p.send(wire.Error(nil, e, "", ""))
	p.close(refused, code, string(e.Code))
	t.engine.Park(&p.conn, nc.Conn, nil, p, true, t.cfg.HeartbeatInterval)
	return nil
}

const (
	maxUndurable = 64        // messages of one connection that are not yet stored
	maxAtOnce    = 64        // frames of one connection before others are served
	maxAnswers   = 64 << 10  // bytes of its own answers that are not yet written
	historyBytes = 256 << 10 // of one history frame, which waits until its client reads it
	frameUnit    = 16 << 10  // bytes from a client that cost as much as one read
	eventsPerSec = 20
)

// wsPeer is a WebSocket connection.
//
//	open ──end──▶ closing ──its close frame was written──▶ closed
//
// Most connections are quiet most of the time, and then have nothing but this.
type wsPeer struct {
	stream                 // quiet: since when nothing was heard
	undurable atomic.Int32 // messages that are not yet stored
	lastPing  uint32       // when the client was pinged
	dealings  *dealings    // nil for none
}

// dealings is the state of a connection whose client has done more than listen.
type dealings struct {
	frames  wire.FrameReader
	read    int         // bytes that are not charged yet, fewer than frameUnit
	closing []byte      // the close frame
	closed  bool        // it was passed to the engine
	work    func()      // the blocking part of the last frame
	asked   []asked     // the last frames, all subscribe: their blocking part
	next    func()      // serves the frame after those
	paused  atomic.Bool // it was refused too often, and is not read from for a time
	events  *pace       // nil for none
}

// pace lets at most eventsPerSec events of a client pass in any second.
type pace struct {
	at   [eventsPerSec]uint32 // the times of the last ones
	next uint8                // the oldest of them
	full bool                 // at holds eventsPerSec times
}

func (p *pace) pass(now uint32) bool {
	if p.full && since(now, p.at[p.next]) < time.Second {
		return false
	}
	p.at[p.next] = now
	if p.next++; p.next == eventsPerSec {
		p.next, p.full = 0, true
	}
	return true
}

func (p *wsPeer) deal() *dealings {
	if p.dealings == nil {
		p.dealings = new(dealings)
	}
	return p.dealings
}

// closing reports whether the stream has ended: nothing more is read.
func (p *wsPeer) closing() bool { return p.ended != open }

var _ peer = (*wsPeer)(nil)

func (p *wsPeer) Receive(b []byte) (work func(), full bool) { return p.receive(b, p.frame) }

func (p *wsPeer) receive(b []byte, frame func(wire.Op, []byte) error) (work func(), full bool) {
	if p.closing() {
		return nil, false
	}
	if p.full() {
		return nil, true // it is called with nil only when it was full before
	}
	if d := p.dealings; d != nil && d.next != nil {
		serve := d.next
		d.next = nil
		if serve(); p.stops() {
			return p.take(), !p.closing()
		}
	}
	if len(b) > 0 {
		p.quiet = p.t.millis(p.t.engine.Now())
	}
	var frames wire.FrameReader
	if p.dealings != nil || len(b) > 1<<10 { // a client that only answers pings needs none
		d := p.deal()
		frames = d.frames
		d.read += len(b)
		p.charge(d.read / frameUnit)
		d.read %= frameUnit
	}
	n := 0
	err := frames.Read(b, wire.Rules{Most: p.t.cfg.MaxFrame, Deflate: p.session.Form() == wire.FormWSDeflate},
		func(op wire.Op, payload []byte) error {
			if err := frame(op, payload); err != nil {
				return err
			}
			if n++; n == maxAtOnce {
				p.conn.Ring() // to continue
				return wire.ErrPause
			}
			return nil
		})
	if p.dealings != nil || frames != (wire.FrameReader{}) {
		p.deal().frames = frames
	}
	if ce, ok := err.(*wire.CloseError); ok && !p.closing() {
		p.close(protocol, ce.Code, ce.Reason)
	}
	return p.take(), err == wire.ErrPause && !p.closing()
}

// frame handles one whole frame.
func (p *wsPeer) frame(op wire.Op, payload []byte) error {
	switch op {
	case wire.OpText, wire.OpBinary:
		if msgpack := p.session.Form() == wire.FormMsgpack; msgpack != (op == wire.OpBinary) {
			return &wire.CloseError{Code: 1003, Reason: misplaced[op]}
		}
		if p.session.Form() == wire.FormWSDeflate {
			p.charge(len(payload) / frameUnit)
		}
		p.object(payload)
	case wire.OpPong:
		p.charge(1)
	case wire.OpPing:
		p.charge(1)
		p.session.Send(append(wire.AppendFrameHeader(nil, wire.OpPong, len(payload)), payload...))
	case wire.OpClose:
		code, err := wire.CloseCode(payload)
		if err != nil {
			return err
		}
		if d := p.dealings; d != nil && len(d.asked) > 0 {
			d.next = func() { p.close(clientClosed, code, "") }
			break
		}
		p.close(clientClosed, code, "")
	}
	if p.stops() {
		return wire.ErrPause
	}
	return nil
}

// stops reports whether nothing more is read for now.
func (p *wsPeer) stops() bool {
	d := p.dealings
	return p.closing() || p.full() || d != nil && (d.work != nil || d.next != nil)
}

var misplaced = map[wire.Op]string{
	wire.OpText:   "text frames are not understood beside parley.msgpack",
	wire.OpBinary: "binary frames are not understood without the sub-protocol parley.msgpack",
}

// full reports whether too much of what the client requested is still in flight.
func (p *wsPeer) full() bool {
	return !p.closing() && (p.undurable.Load() >= maxUndurable || p.session.Waiting() > maxAnswers || p.dealings != nil &&
		p.dealings.paused.Load())
}

// close ends the connection with a close frame other than that of the reason.
func (p *wsPeer) close(why reason, code int, text string) {
	if !p.closing() {
		p.deal().closing = wire.AppendClose(nil, code, text)
		end(p, why, nil)
	}
}

func (p *wsPeer) farewell(e *parley.Error) {
	switch {
	case p.ended == drained:
		p.send(wire.Draining(nil, e.RetryAfter))
	case e != nil:
		p.send(wire.Error(nil, e, "", ""))
	}
	if d := p.deal(); d.closing == nil {
		d.closing = wire.AppendClose(nil, endings[p.ended].code, endings[p.ended].text)
	}
}

func (p *wsPeer) lost(channels []parley.ChannelID) {
	if p.is(many) {
		p.drop(channels)
	} else {
		end(p, rightsLost, nil)
	}
}

func (p *wsPeer) Output() ([]byte, error) {
	b, err := p.output(p.identity(p.who.caller()))
	if err == io.EOF && !p.dealings.closed {
		p.dealings.closed = true
		return p.dealings.closing, nil
	}
	return b, err
}

func (p *wsPeer) Load(ctx context.Context) error { return load(ctx, p) }

func (p *wsPeer) Tick(now time.Time, s engine.Sending) time.Duration {
	next := p.beat(now, s)
	if next == engine.Dead || p.closing() {
		return next
	}
	return min(next, expire(p, now))
}

// beat pings a silent client.
func (p *wsPeer) beat(now time.Time, s engine.Sending) time.Duration {
	interval, timeout := p.t.cfg.HeartbeatInterval, p.t.cfg.HeartbeatTimeout
	ms := p.t.millis(now)
	if s.Pending && s.Progress {
		p.quiet = ms
	}
	silence, asked := since(ms, p.quiet), since(ms, p.lastPing)
	switch {
	case p.closing():
		return engine.Dead
	case silence >= timeout:
		end(p, silent, nil)
		if s.Blocked {
			return engine.Dead
		}
		return interval
	case silence < interval:
		return min(interval, timeout) - silence
	case asked >= interval && !s.Blocked:
		p.lastPing, asked = ms, 0
		p.session.Send(p.ping())
	}
	return max(min(interval-asked, timeout-silence), 0)
}

func (p *wsPeer) ping() []byte {
	if p.is(pings) {
		return p.session.Form().AppendControl(nil, "", "", wire.Simple(nil, "ping", ""))
	}
	return pingFrame
}

var pingFrame = wire.AppendFrameHeader(nil, wire.OpPing, 0)

func (p *wsPeer) Drain(retry time.Duration) { end(p, drained, goingDown(retry)) }

// only returns the one channel of a connection that is not for many.
func (p *wsPeer) only() parley.ChannelID {
	if p.is(many) {
		return ""
	}
	return p.session.First()
}

// send answers with one JSON object.
func (p *wsPeer) send(obj []byte) {
	p.tell("", obj)
}
