package transport

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"parley"
	"parley/access"
	"parley/engine"
	"parley/hub"
	"parley/wire"
)

// WebSocket upgrades a request (RFC 6455, section 4.2) and serves it: one channel,
// or with req.Many any number. An error is returned before anything was written.
func (t *Transports) WebSocket(w http.ResponseWriter, r *http.Request, req *Request) error {
	accept, err := handshake(w, r)
	if err != nil {
		return err
	}
	form := t.negotiate(r.Header, w.Header())
	p := t.newPeer(req.Caller, form, switching(w.Header(), accept))
	p.pings, p.many = req.Pings, req.Many
	orders := t.orders.Load()
	if err := t.begin(r, &p.session, form, parley.WebSocket, req); err != nil {
		return err
	}
	nc, err := t.detach(w, r)
	if err != nil {
		p.Gone()
		return err
	}
	t.engine.Park(&p.conn, nc.Conn, nc.early, p, true, min(t.cfg.HeartbeatInterval, p.who.untilLook(t.engine.Now())))
	t.settled(&p.conn, orders)
	return nil
}

// newPeer makes the peer of a connection whose first bytes are head.
func (t *Transports) newPeer(c access.Caller, form wire.Form, head []byte) *wsPeer {
	now := t.millis(t.engine.Now())
	p := &wsPeer{t: t, who: t.keep(c), lastHeard: now, lastPing: now - uint32(t.cfg.HeartbeatInterval.Milliseconds())}
	t.chat.Hub().Open(&p.session, form, &p.conn)
	p.session.Send(head)
	return p
}

// RefuseWebSocket accepts a browser's handshake only to tell it why it is refused,
// since a page can't see the status of a handshake.
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
	p.close(code, string(e.Code))
	t.engine.Park(&p.conn, nc.Conn, nil, p, true, t.cfg.HeartbeatInterval)
	return nil
}

// handshake checks a client's opening handshake and returns what to accept it with.
func handshake(w http.ResponseWriter, r *http.Request) (accept string, err error) {
	bad := func(detail, hint string) error {
		return &parley.Error{Code: parley.CodeBadRequest, Detail: detail, Hint: hint}
	}
	switch key := r.Header.Get("Sec-WebSocket-Key"); {
	case !consumed(r):
		return "", bad("a WebSocket handshake is a GET without a body", "use a WebSocket client")
	case r.ProtoMajor != 1 || !r.ProtoAtLeast(1, 1):
		return "", bad("a WebSocket needs HTTP/1.1", "connect without HTTP/2")
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		w.Header().Set("Upgrade", "websocket")
		return "", bad("this is an address for WebSocket clients", "open it as ws://, or read the channel at /api/stream/ or /api/messages")
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		w.Header().Set("Sec-WebSocket-Version", "13")
		return "", wire.ErrVersion
	default:
		if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 {
			return "", bad("Sec-WebSocket-Key is not 16 bytes in base64", "use a WebSocket client")
		}
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		return base64.StdEncoding.EncodeToString(sum[:]), nil
	}
}

func switching(h http.Header, accept string) []byte {
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Accept", accept)
	return wire.AppendHead(make([]byte, 0, 512), http.StatusSwitchingProtocols, h)
}

// hasToken looks for a token in a list header, whatever its case.
func hasToken(h http.Header, name, token string) bool {
	for _, v := range h.Values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

const (
	maxUndurable = 64        // messages of one connection that are not yet stored
	maxAtOnce    = 64        // frames of one connection before others have their turn
	maxAnswers   = 64 << 10  // bytes of its own answers that are not yet written
	historyBytes = 256 << 10 // of one history frame, which waits until its client takes it
	frameUnit    = 16 << 10  // bytes of a client that cost as much as one thing that it asks for
	eventsPerSec = 20
)

// wsPeer is a WebSocket connection.
//
//	state: open ──close(code)──▶ closing ──its frame was written──▶ closed
//
// Most connections are quiet most of the time, and then have nothing but this.
type wsPeer struct {
	// fixed after construction
	t     *Transports
	pings bool // pings are messages
	many  bool // it follows any number of channels; frames name theirs

	// owned by the engine's calls
	spoke     bool // a guest has sent events, which it is not to get back
	doubtful  bool // its rights are to be asked for again before anything more is given
	undurable atomic.Int32
	who       who
	conn      engine.Conn
	session   hub.Session
	dealings  *dealings // nil for none
	lastHeard uint32    // when the client gave a sign of life, and
	lastPing  uint32    // when it was asked for one
}

// dealings are what a connection has once its client did more than listen.
type dealings struct {
	frames  wire.FrameReader
	read    int         // bytes that are not charged yet, fewer than frameUnit
	closing []byte      // the close frame; set: nothing more is read
	closed  bool        // it was given to be written
	warned  bool        // it was told that its token expires
	work    func()      // what the last frame asks for and may block
	paused  atomic.Bool // it was refused too often, and is not read from for a time
	events  *pace       // nil for none
}

// pace lets so many events of a client pass in any second.
type pace struct {
	at   [eventsPerSec]uint32 // when the last ones did
	next uint8                // the oldest of them
	full bool                 // there are so many
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

func (p *wsPeer) closing() bool { return p.dealings != nil && p.dealings.closing != nil }

// millis is a moment in milliseconds, which no jump of the clock moves; two less than 24
// days apart can be compared by their difference.
func (t *Transports) millis(at time.Time) uint32 { return uint32(at.Sub(t.started).Milliseconds()) }

// since is what has passed from then to now. Nothing has if then is later: a tick that
// waited for its connection has the older moment.
func since(now, then uint32) time.Duration {
	return time.Duration(max(int32(now-then), 0)) * time.Millisecond
}

var _ engine.Peer = (*wsPeer)(nil)

func (p *wsPeer) Receive(b []byte) (work func(), full bool) { return p.receive(b, p.frame) }

func (p *wsPeer) receive(b []byte, frame func(wire.Op, []byte) error) (work func(), full bool) {
	if p.closing() {
		return nil, false
	}
	if p.full() {
		return nil, true // it is asked only when it was full before: b is nil
	}
	if len(b) > 0 {
		p.lastHeard = p.t.millis(p.t.engine.Now())
	}
	var frames wire.FrameReader
	if p.dealings != nil || len(b) > 1<<10 { // who only answers pings needs none
		d := p.deal()
		frames = d.frames
		d.read += len(b)
		p.charge(d.read / frameUnit)
		d.read %= frameUnit
	}
	n := 0
	err := frames.Read(b, wire.Rules{Most: p.t.cfg.MaxFrame, Deflate: p.session.Form() == wire.FormWSDeflate}, func(op wire.Op, payload []byte) error {
		if err := frame(op, payload); err != nil {
			return err
		}
		if n++; n == maxAtOnce {
			p.conn.Ring() // to go on
			return wire.ErrPause
		}
		return nil
	})
	if p.dealings != nil || frames != (wire.FrameReader{}) {
		p.deal().frames = frames
	}
	if ce, ok := err.(*wire.CloseError); ok && !p.closing() {
		p.close(ce.Code, ce.Reason)
	}
	if p.dealings != nil {
		work, p.dealings.work = p.dealings.work, nil
	}
	return work, err == wire.ErrPause && !p.closing()
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
		p.close(code, "")
	}
	if p.closing() || p.dealings != nil && p.dealings.work != nil || p.full() {
		return wire.ErrPause
	}
	return nil
}

var misplaced = map[wire.Op]string{
	wire.OpText:   "text frames are not understood beside parley.msgpack",
	wire.OpBinary: "binary frames are not understood without the sub-protocol parley.msgpack",
}

// full tells whether too much of what the client asked for is still under way.
func (p *wsPeer) full() bool {
	return !p.closing() && (p.undurable.Load() >= maxUndurable || p.session.Waiting() > maxAnswers || p.dealings != nil && p.dealings.paused.Load())
}

// close ends the connection after its own answers and a close frame.
func (p *wsPeer) close(code int, reason string) {
	if !p.closing() {
		p.deal().closing = wire.AppendClose(nil, code, reason)
		p.conn.Ring()
	}
}

func (p *wsPeer) Output() ([]byte, error) {
	switch {
	case !p.closing() && p.doubtful:
		return nil, engine.ErrLoad
	case !p.closing():
		return take(&p.session, p.identity(p.who.caller()), false)
	}
	if own := p.session.TakeOwn(); own != nil {
		return own, nil
	}
	if p.dealings.closed {
		return nil, io.EOF
	}
	p.dealings.closed = true
	return p.dealings.closing, nil
}

func (p *wsPeer) Unsent(b []byte, n int) {
	p.session.Unsent(b, n)
}

func (p *wsPeer) Load(ctx context.Context) error {
	if p.doubtful {
		return p.reconsider(ctx)
	}
	return p.session.Load(ctx)
}

func (p *wsPeer) Tick(now time.Time, s engine.Sending) time.Duration {
	next := p.beat(now, s)
	if next == engine.Dead || p.closing() {
		return next
	}
	return min(next, p.expire(now))
}

// beat looks after signs of life.
func (p *wsPeer) beat(now time.Time, s engine.Sending) time.Duration {
	interval, timeout := p.t.cfg.HeartbeatInterval, p.t.cfg.HeartbeatTimeout
	ms := p.t.millis(now)
	if s.Pending && s.Progress {
		p.lastHeard = ms
	}
	silence, asked := since(ms, p.lastHeard), since(ms, p.lastPing)
	switch {
	case p.closing(), silence >= timeout && s.Blocked:
		return engine.Dead
	case silence >= timeout:
		p.close(1001, "Heartbeat timeout")
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
	if p.pings {
		return p.session.Form().AppendControl(nil, "", "", wire.Simple(nil, "ping", ""))
	}
	return pingFrame
}

var pingFrame = wire.AppendFrameHeader(nil, wire.OpPing, 0)

func (p *wsPeer) Drain(retry time.Duration) {
	p.send(wire.Draining(nil, retry))
	p.close(1012, "Server draining")
}

func (p *wsPeer) Gone() { p.t.leaveAll(&p.session, p.who.caller(), parley.WebSocket) }

// only is the one channel of a connection that is not for many.
func (p *wsPeer) only() parley.ChannelID {
	if p.many {
		return ""
	}
	return p.session.First()
}

// send answers with one JSON object.
func (p *wsPeer) send(obj []byte) {
	p.session.Send(p.session.Form().AppendControl(nil, "", "", obj))
}
