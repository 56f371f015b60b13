package transport

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"parley"
	"parley/engine"
	"parley/hub"
	"parley/wire"
)

// parks reports whether a request's connection can wait in the engine and come back.
func (t *Transports) parks(r *http.Request) bool {
	if !consumed(r) {
		return false
	}
	if _, stays := r.Context().Value(connKey{}).(stays); stays {
		return false
	}
	return t.cfg.Door != nil && t.engine.Parks() && r.TLS == nil && r.ProtoMajor == 1 && r.ProtoMinor == 1 && !r.Close
}

// parkPoll answers at once, or lets the connection wait without the handler. After
// the answer it goes back to net/http, which reads the next request from it.
func (t *Transports) parkPoll(w http.ResponseWriter, r *http.Request, req *Request, orders uint64) error {
	p := &pollPeer{t: t}
	p.who = t.keep(req.Caller)
	t.chat.Hub().Open(&p.session, wire.FormJSON, &p.conn)
	if err := p.begin(r, req, &t.epochs); err != nil {
		return err
	}
	if err := t.come(p.who.caller(), p.session.Len()); err != nil {
		p.session.Close()
		return err
	}
	t.chat.Hold(p.who.caller(), p.channels()...)
	err := p.collect()
	for err == hub.ErrBehind {
		if err = p.loadNow(r.Context(), &t.epochs); err == nil {
			err = p.collect()
		}
	}
	if err != nil || p.done || req.Timeout == 0 {
		defer t.end(&p.poll, err == nil)
		if err != nil {
			return err
		}
		body := p.answer()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
		return nil
	}
	p.head = t.heads.intern(w.Header())
	nc, err := t.detach(w, r)
	if err != nil {
		t.end(&p.poll, true)
		return err
	}
	if len(nc.early) > 0 {
		p.has().early = nc.early
	}
	t.engine.Park(&p.conn, nc.Conn, nil, p, false, min(req.Timeout, p.who.left(t.engine.Now())))
	t.settled(&p.conn, orders)
	return nil
}

// pollPeer is a long poll that waits in the engine.
type pollPeer struct {
	poll
	t    *Transports
	conn engine.Conn
	head *answerHead // shared by all polls of its kind

	due      bool // its time is over
	sent     bool // the answer was given to be written
	leave    bool // the connection ends with the answer
	doubtful bool // its rights are to be asked for again before it is answered
}

var (
	_ engine.Peer     = (*pollPeer)(nil)
	_ engine.Returner = (*pollPeer)(nil)
)

func (p *pollPeer) Receive([]byte) (func(), bool) { return nil, false }

func (p *pollPeer) Output() ([]byte, error) {
	if p.sent {
		if p.got == nil || p.got.rest == nil {
			return nil, engine.ErrReturn
		}
		rest := p.got.rest
		p.got.rest = nil
		return rest, nil
	}
	if p.doubtful {
		return nil, engine.ErrLoad
	}
	if p.got != nil && p.got.refused != nil {
		p.sent = true
		return p.problem(p.got.refused), nil
	}
	if err := p.collect(); err == hub.ErrBehind {
		return nil, engine.ErrLoad
	}
	if !p.done && !p.due {
		return nil, nil
	}
	p.sent = true
	if p.leave && !p.done {
		return p.problem(p.t.Draining()), nil
	}
	body := p.answer()
	if e := p.t.cfg.Policy.Charge(p.who.caller(), len(body)); e != nil {
		return p.problem(e), nil
	}
	p.has().charged = len(body)
	return p.head.before(body, p.leave), nil
}

// problem is the answer to a poll that can't be served any more.
func (p *pollPeer) problem(e *parley.Error) []byte {
	h := p.head.header.Clone()
	if p.leave {
		h.Set("Connection", "close")
	}
	status := wire.Status(e)
	body := wire.Problem(h, status, e)
	return wire.AppendAnswer(nil, status, h, body)
}

func (p *pollPeer) Unsent(b []byte, n int) { p.has().rest = b[n:] }

func (p *pollPeer) Load(ctx context.Context) error {
	if p.doubtful {
		return p.reconsider(ctx)
	}
	return p.load(ctx, &p.t.epochs)
}

func (p *pollPeer) Tick(now time.Time, s engine.Sending) time.Duration {
	if p.due && s.Blocked && !s.Progress {
		return engine.Dead
	}
	if p.due = true; p.who.left(now) <= 0 {
		p.has().refused = errExpired
	}
	p.conn.Ring()
	return p.t.cfg.HeartbeatTimeout
}

func (p *pollPeer) Drain(time.Duration) { p.due, p.leave = true, true }

func (p *pollPeer) Gone() {
	if p.got != nil && p.got.charged > 0 {
		p.t.cfg.Policy.Discharge(p.who.caller(), p.got.charged)
	}
	p.t.end(&p.poll, p.got == nil || p.got.refused == nil)
}

func (p *pollPeer) Return(nc net.Conn) {
	if p.leave {
		nc.Close()
		return
	}
	p.t.cfg.Door.GiveBack(nc, p.has().early)
}

// answerHead is what answers of one kind begin with, but for the lines that differ.
type answerHead struct {
	header http.Header
	lines  []byte
}

// before returns the whole answer.
func (a *answerHead) before(body []byte, leave bool) []byte {
	lines := a.lines
	if leave {
		lines = append(bytes.Clone(lines), "Connection: close\r\n"...)
	}
	return wire.AppendAnswerOf(make([]byte, 0, len(lines)+len(body)+128), http.StatusOK, lines, body)
}

// heads are those of the answers that wait: few kinds, shared by many.
type heads struct {
	mu    sync.Mutex
	last  *answerHead // most are like the one before
	kinds map[string]*answerHead
}

const maxHeads = 1024

func (k *heads) intern(h http.Header) *answerHead {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last != nil && maps.EqualFunc(k.last.header, h, slices.Equal) {
		return k.last
	}
	var text headBuffer
	_ = h.Write(&text) // sorted
	if k.last = k.kinds[string(text)]; k.last == nil {
		if len(k.kinds) >= maxHeads || k.kinds == nil {
			k.kinds = map[string]*answerHead{}
		}
		k.last = &answerHead{h.Clone(), wire.AppendHeader(nil, h)}
		k.kinds[string(text)] = k.last
	}
	return k.last
}

type headBuffer []byte

func (b *headBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
