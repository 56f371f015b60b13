package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"parley"
	"parley/engine"
	"parley/hub"
	"parley/wire"
)

// retryField is how long a browser waits before it comes back, in milliseconds. It
// never stands in a block alone.
const retryField = "retry: 2000\n"

// SSE serves a stream of server-sent events (WHATWG HTML, section 9.2). An error is
// returned before anything was written.
func (t *Transports) SSE(w http.ResponseWriter, r *http.Request, req *Request) error {
	form := wire.FormSSE
	if req.Many {
		form = wire.FormSSEMulti
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead { // what the stream would be answered with
		_, err := t.authorize(r, req)
		return err
	}
	p := &ssePeer{t: t, who: t.keep(req.Caller)}
	s := &p.session
	t.chat.Hub().Open(s, form, &p.conn)

	if r.ProtoMajor == 1 && consumed(r) {
		h.Set("Connection", "keep-alive")
		head := wire.AppendHead(make([]byte, 0, 512), http.StatusOK, h)
		s.Send(append(head, retryField...))
		orders := t.orders.Load()
		if err := t.begin(r, s, form, parley.SSE, req); err != nil {
			h.Del("Connection")
			return err
		}
		nc, err := t.detach(w, r)
		if err != nil {
			p.Gone()
			return err
		}
		t.engine.Park(&p.conn, nc.Conn, nil, p, false, min(t.cfg.Comment, p.who.untilLook(t.engine.Now())))
		t.settled(&p.conn, orders)
		return nil
	}

	// One stream among others of a connection, or the request has a body, which nobody
	// reads: it stays in the handler.
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close")
	}
	s.Send([]byte(retryField))
	p.doubtful = true // it asks once more when the engine knows it: no order passes between
	if err := t.begin(r, s, form, parley.SSE, req); err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	w.WriteHeader(http.StatusOK)
	t.engine.Hold(r.Context(), &p.conn, &flusher{w, http.NewResponseController(w)}, p, min(t.cfg.Comment, p.who.untilLook(t.engine.Now())))
	return nil
}

// flusher writes through an http.ResponseWriter and lets each write go at once.
type flusher struct {
	w  io.Writer
	rc *http.ResponseController
}

func (f *flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = f.rc.Flush()
	}
	return n, err
}

// Close breaks off what waits for the client, and resets the stream.
func (f *flusher) Close() error { return f.rc.SetWriteDeadline(time.Unix(1, 0)) }

// ssePeer is an event stream: what the client sends is nothing.
type ssePeer struct {
	t       *Transports
	conn    engine.Conn
	session hub.Session
	who     who

	ended    bool   // nothing follows what waits
	doubtful bool   // its rights are to be asked for again before anything more is given
	warned   bool   // it was told that its token expires
	waits    bool   // bytes wait to be acknowledged, and
	silent   uint32 // since when none were
}

var _ engine.Peer = (*ssePeer)(nil)

func (p *ssePeer) Receive([]byte) (func(), bool) { return nil, false }

func (p *ssePeer) Unsent(b []byte, n int) { p.session.Unsent(b, n) }

func (p *ssePeer) Output() ([]byte, error) {
	if p.doubtful && !p.ended {
		return nil, engine.ErrLoad
	}
	return take(&p.session, p.who.caller().Identity(), p.ended)
}

// take is the Output of a session: what it has, then what is shared; once it ended
// only its own, then the end.
func take(s *hub.Session, self string, ended bool) ([]byte, error) {
	if ended {
		if own := s.TakeOwn(); own != nil {
			return own, nil
		}
		return nil, io.EOF
	}
	b, err := s.Next(self, maxWrite, maxEntries)
	if err == hub.ErrBehind {
		return nil, engine.ErrLoad
	}
	return b, err
}

const (
	maxWrite   = 64 << 10 // bytes of shared entries in one write
	maxEntries = 1 << 30
)

var comment = []byte(":\n\n")

func (p *ssePeer) Load(ctx context.Context) error {
	if p.doubtful {
		return p.reconsider(ctx)
	}
	return p.session.Load(ctx)
}

func (p *ssePeer) Tick(now time.Time, s engine.Sending) time.Duration {
	switch {
	case !s.Pending:
		p.waits = false
		p.session.Send(comment)
	case s.Progress || !p.waits:
		p.waits, p.silent = true, p.t.millis(now)
	case since(p.t.millis(now), p.silent) >= p.t.cfg.HeartbeatTimeout:
		return engine.Dead
	}
	return min(p.t.cfg.Comment, p.expire(now))
}

func (p *ssePeer) Drain(retry time.Duration) {
	p.session.Send(Refusal(goingDown(retry)))
	p.ended = true
}

func (p *ssePeer) Gone() { p.t.leaveAll(&p.session, p.who.caller(), parley.SSE) }

// Refusal tells an event stream to come back later: the last block of one that ends,
// or the whole answer if it can't be served now. It has no id: line, so that the
// client's cursor stays.
func Refusal(e *parley.Error) []byte {
	later := *e
	later.RetryAfter = max(e.RetryAfter, time.Second)
	b := fmt.Appendf(nil, "retry: %d\n", later.RetryAfter.Milliseconds())
	return wire.AppendSSE(b, "", "draining", wire.Later(nil, &later))
}
