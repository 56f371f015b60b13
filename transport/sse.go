package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/wire"
)

// retryField is how long a browser waits before it reconnects, in milliseconds. It is never in
// a block of its own.
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
	p := &ssePeer{}
	t.newStream(&p.stream, parley.TransportSSE, req.Caller, form)
	first := min(t.cfg.Comment, p.who.untilLook(t.engine.Now()))
	if r.ProtoMajor == 1 && consumed(r) {
		h.Set("Connection", "keep-alive")
		p.session.Send(append(wire.AppendHead(make([]byte, 0, 512), http.StatusOK, h), retryField...))
		changes := t.rightsChanges.Load()
		if err := t.open(r, &p.stream, req); err != nil {
			h.Del("Connection")
			return err
		}
		return t.park(w, r, p, first, changes)
	}

	// The connection carries other streams too, or the request has a body, which is never read:
	// the stream stays in the handler.
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close")
	}
	p.session.Send([]byte(retryField))
	p.set(stale) // it rechecks when the engine knows it, so that it misses no change
	if err := t.open(r, &p.stream, req); err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	w.WriteHeader(http.StatusOK)
	t.engine.Hold(r.Context(), &p.conn, &flusher{w, http.NewResponseController(w)}, p, first)
	return nil
}

// flusher writes through an http.ResponseWriter and flushes each write.
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

// Close interrupts a write that waits for the client, and resets the stream.
func (f *flusher) Close() error { return f.rc.SetWriteDeadline(time.Unix(1, 0)) }

// ssePeer is an event stream, whose client sends nothing.
type ssePeer struct {
	stream // quiet: since when no bytes were acknowledged, while some wait
}

var _ peer = (*ssePeer)(nil)

func (p *ssePeer) Receive([]byte) (func(), bool) { return nil, false }

func (p *ssePeer) Output() ([]byte, error) { return p.output(p.who.caller().Identity()) }

func (p *ssePeer) Load(ctx context.Context) error { return load(ctx, p) }

func (p *ssePeer) Tick(now time.Time, s engine.Sending) time.Duration {
	switch {
	case !s.Pending:
		p.clear(waits)
		p.session.Send(comment)
	case s.Progress || !p.is(waits):
		p.set(waits)
		p.quiet = p.t.millis(now)
	case since(p.t.millis(now), p.quiet) >= p.t.cfg.HeartbeatTimeout:
		end(p, silent, nil)
		return engine.Dead
	}
	return min(p.t.cfg.Comment, expire(p, now))
}

var comment = []byte(":\n\n")

func (p *ssePeer) Drain(retry time.Duration) { end(p, drained, goingDown(retry)) }

func (p *ssePeer) lost(channels []parley.ChannelID) {
	if p.drop(channels); p.session.Len() == 0 {
		end(p, rightsLost, nil)
	}
}

// farewell reports only a drain: a client whose credentials are refused learns that when it
// reconnects.
func (p *ssePeer) farewell(e *parley.Error) {
	if p.ended == drained {
		p.session.Send(Refusal(e))
	}
}

// Refusal tells an event stream's client to reconnect later: it is the last block of a stream
// that ends, or the whole response if the request cannot be served now. It has no id: line, so
// the client's cursor stays.
func Refusal(e *parley.Error) []byte {
	later := *e
	later.RetryAfter = max(e.RetryAfter, time.Second)
	b := fmt.Appendf(nil, "retry: %d\n", later.RetryAfter.Milliseconds())
	return wire.AppendSSE(b, "", "draining", wire.Later(nil, &later))
}
