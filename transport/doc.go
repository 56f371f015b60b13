// Package transport serves the requests that wait: a held poll waits for the next message,
// an event stream and a WebSocket for every message. It turns requests into sessions and
// frames into use cases, and stores nothing.
package transport

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley"
	"parley/access"
	"parley/chat"
	"parley/engine"
	"parley/hub"
	"parley/wire"
)

// Config of Transports. The zero value works.
type Config struct {
	HeartbeatInterval time.Duration // a silent client is asked for a sign of life; 30 s
	HeartbeatTimeout  time.Duration // and taken for dead; 90 s
	MaxFrame          int           // a WebSocket message in bytes; 128 KiB
	Comment           time.Duration // a quiet event stream gets a comment; 20 s

	MaxSubscriptions int         // channels of one WebSocket; 10,000
	Door             Door        // nil: nothing is refused, and held polls stay in their handlers
	Credentials      Credentials // nil: nothing is asked for, as in development
	Policy           Policy      // nil: AllowAll
	// OnRefused is called with a frame that was refused; nil: nobody is.
	OnRefused   func(c access.Caller, frame string, e *parley.Error)
	Compression bool // permessage-deflate for WebSocket clients that offer it; off, since it costs CPU at both ends
}

// Transports serves all of them.
type Transports struct {
	chat    *chat.Service
	engine  *engine.Engine
	cfg     Config
	started time.Time // milliseconds count from here
	heads   heads

	callers  shared[access.Caller] // but for their users; see keep
	epochs   shared[string]
	held     atomic.Int64   // polls that wait in their handlers
	requests sync.WaitGroup // under way; nothing is added once draining
	orders   atomic.Uint64  // how many times rights have become fewer

	mu         sync.Mutex
	leave      chan struct{} // closed when draining begins; held polls wait for it
	draining   bool
	reconsider chan struct{}        // closed, and made anew, with each order
	retry      func() time.Duration // set when draining begins
}

// New makes the transports.
func New(c *chat.Service, e *engine.Engine, cfg Config) *Transports {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.HeartbeatInterval, 30*time.Second)
	def(&cfg.HeartbeatTimeout, 90*time.Second)
	def(&cfg.Comment, min(20*time.Second, cfg.HeartbeatTimeout/3)) // with it a stalled stream is noticed
	if cfg.MaxSubscriptions == 0 {
		cfg.MaxSubscriptions = 10_000
	}
	if cfg.Policy == nil {
		cfg.Policy = AllowAll{}
	}
	if cfg.OnRefused == nil {
		cfg.OnRefused = func(access.Caller, string, *parley.Error) {}
	}
	if cfg.MaxFrame == 0 {
		cfg.MaxFrame = 128 << 10
	}
	t := &Transports{chat: c, engine: e, cfg: cfg, started: e.Now(), leave: make(chan struct{}), reconsider: make(chan struct{})}
	c.OnRights(t.order)
	e.OnPause(t.resume)
	return t
}

// Streams is how many WebSockets, event streams and held polls there are.
func (t *Transports) Streams() int { return t.engine.Len() + int(t.held.Load()) }

// Drain ends the held polls; the streams are the engine's to end. retry gives each
// client the time after which to come back.
func (t *Transports) Drain(retry func() time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.draining {
		t.draining, t.retry = true, retry
		close(t.leave)
	}
}

// Begin counts a request until End, or refuses it because the server is draining.
func (t *Transports) Begin(ctx context.Context) *parley.Error {
	t.engine.Await(ctx) // after a pause: nothing is served before it is known what was missed
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return t.refusalLocked()
	}
	t.requests.Add(1)
	return nil
}

// End ends a request that was begun.
func (t *Transports) End() { t.requests.Done() }

// Pause waits, but not for a drain.
func (t *Transports) Pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.leave:
	case <-ctx.Done():
	}
}

// Finish waits until the requests that had begun before Drain have ended, or ctx has.
func (t *Transports) Finish(ctx context.Context) {
	done := make(chan struct{})
	go func() { t.requests.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Draining is the refusal for new requests, nil if there is none.
func (t *Transports) Draining() *parley.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.draining {
		return nil
	}
	return t.refusalLocked()
}

func (t *Transports) refusalLocked() *parley.Error {
	return goingDown(t.retry())
}

func goingDown(retry time.Duration) *parley.Error {
	return &parley.Error{Code: parley.CodeDraining, RetryAfter: retry, Detail: "the server is going down", Hint: "come back after the time it gives"}
}

// Follow is a channel in a request, with the cursor to go on from; nil for the head.
type Follow struct {
	Channel parley.ChannelID
	After   *parley.Cursor
}

// Request is what a stream or poll asks for, read and checked.
type Request struct {
	Caller  access.Caller
	Follows []Follow
	Many    bool          // cursors name their channels, though there may be one
	Limit   int           // entries in the answer of a poll
	Timeout time.Duration // of a long poll
	Pings   bool          // a WebSocket client that can't see ping frames
	Watch   []parley.UserID
}

type hijacked struct {
	net.Conn
	early []byte
}

type connKey struct{}

// ConnContext is for a http.Server whose connections may be Leavers.
func ConnContext(ctx context.Context, nc net.Conn) context.Context {
	switch c := nc.(type) {
	case *engine.Leaver:
		return context.WithValue(ctx, connKey{}, c)
	case interface{ Raw() net.Conn }: // go-proxyproto's, which may hold bytes of its own
		return context.WithValue(ctx, connKey{}, stays{})
	default:
		return ctx
	}
}

// stays marks a connection that can't be given back to net/http.
type stays struct{}

// ConnState is for the same server.
func ConnState(nc net.Conn, state http.ConnState) {
	if l, ok := nc.(*engine.Leaver); ok && state == http.StateIdle {
		l.Idle()
	}
}

// consumed reports whether nothing of a request is left to be read, and its answer has a
// body. Only then may its connection leave net/http: what is left would be taken for the
// next request, or for frames, of a client that is not its author (request smuggling).
func consumed(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ContentLength == 0 && len(r.TransferEncoding) == 0
}

// detach takes the connection out of net/http, with the bytes that it has read ahead.
// The request must be consumed. The handler must not write any more.
func (t *Transports) detach(w http.ResponseWriter, r *http.Request) (hijacked, error) {
	if !consumed(r) {
		return hijacked{}, fmt.Errorf("take the connection of a %s out of net/http: its request is not consumed", r.Method)
	}
	if l, ok := r.Context().Value(connKey{}).(*engine.Leaver); ok && t.engine.Parks() {
		if nc, ok := l.Leave(); ok {
			clear(w.Header()) // net/http makes an answer of it for nobody
			return hijacked{Conn: nc}, nil
		}
	}
	return hijack(w)
}

func hijack(w http.ResponseWriter) (c hijacked, err error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return c, err
	}
	_ = nc.SetDeadline(time.Time{})
	c.Conn = nc
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		c.early = append(c.early, early...)
	}
	return c, nil
}

// authorize asks whether the server can take one stream more, and whether the caller
// may read all channels of the request. blind are those where the caller is not told who
// is there.
func (t *Transports) authorize(r *http.Request, req *Request) (blind []parley.ChannelID, err error) {
	if t.cfg.Door != nil {
		if e := t.cfg.Door.Refusal(t.Streams()); e != nil {
			return nil, e
		}
	}
	t.chat.AskAbout(req.Caller, len(req.Follows))
	for _, f := range req.Follows {
		sees, err := t.chat.Admit(r.Context(), req.Caller, f.Channel)
		if err != nil {
			return nil, err
		}
		if !sees {
			blind = append(blind, f.Channel)
		}
	}
	return blind, nil
}

// followAs is how a session follows a channel in which it sees who is there, or not.
func followAs(s *hub.Session, sees bool) func(context.Context, parley.ChannelID, *parley.Cursor) (hub.Start, error) {
	if sees {
		return s.Follow
	}
	return s.FollowBlind
}

// follow lets the session follow the request's channels; in those of blind it is not told who
// is there.
func follow(r *http.Request, s *hub.Session, req *Request, blind []parley.ChannelID) ([]hub.Start, error) {
	starts := make([]hub.Start, len(req.Follows))
	for i, f := range req.Follows {
		start, err := followAs(s, !slices.Contains(blind, f.Channel))(r.Context(), f.Channel, f.After)
		if err != nil {
			s.Close()
			return nil, err
		}
		starts[i] = start
	}
	return starts, nil
}

// begin lets a stream follow the request's channels and tells it where it begins. The
// others hear of the caller before it follows, so that where there is nobody else
// nothing is kept.
func (t *Transports) begin(r *http.Request, s *hub.Session, form wire.Form, via parley.Transport, req *Request) error {
	blind, err := t.authorize(r, req)
	if err != nil {
		return err
	}
	if err := t.come(req.Caller, len(req.Follows)); err != nil {
		return err
	}
	t.chat.Come(req.Caller, via)
	for _, f := range req.Follows {
		t.chat.Enter(f.Channel, req.Caller, via)
	}
	starts, err := follow(r, s, req, blind)
	if err != nil {
		for _, f := range req.Follows {
			t.chat.Leave(f.Channel, req.Caller, via)
		}
		t.chat.Go(req.Caller, via)
		t.gone(req.Caller, len(req.Follows))
		return err
	}
	for i := range starts {
		welcome(s, form, starts[i], "")
	}
	if len(req.Watch) > 0 {
		if err := t.chat.Watch(r.Context(), req.Caller, s, req.Watch); err != nil {
			t.leaveAll(s, req.Caller, via)
			return err
		}
	}
	return nil
}

// welcome tells a session where it stands in one channel.
func welcome(s *hub.Session, form wire.Form, start hub.Start, key string) {
	obj := wire.Welcome(nil, start.Bounds, start.Cursor, start.Resumed, key)
	s.Send(form.AppendControl(nil, s.CursorText(), "welcome", obj))
	if start.Reset != nil {
		s.SendReset(start.Bounds.Channel, start.Reset)
	}
	if start.More {
		s.Send(form.AppendControl(nil, "", "more", wire.More(nil, start.Bounds.Channel, start.Bounds.Last)))
	}
}

// Spread returns retry times between one and at most limit seconds.
func Spread(limit time.Duration) func() time.Duration {
	return func() time.Duration {
		return time.Second + time.Duration(rand.Int64N(int64(max(limit-time.Second, 1))))
	}
}
