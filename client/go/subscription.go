package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"
)

// ErrClosed is what Next returns after Close.
var ErrClosed = errors.New("the subscription is closed")

// Options of a subscription. The zero value reads from now on over WebSocket.
type Options struct {
	From      Position
	Transport Transport // default WebSocket
	// OnTrouble is called by Next before each wait for a new connection. Default: the
	// client's.
	OnTrouble func(Trouble)
}

// Trouble is a failed connection or publish, and what follows.
type Trouble struct {
	Transport Transport // empty for a publish
	Err       error
	Wait      time.Duration // until the next try
}

// Subscription reads one channel, each entry once and in order, over any number of connections. Next may be called by
// one goroutine at a time; the other methods by any.
//
//	Next ──► open ──► read ──► event ──► cursor moves ──► caller
//	          ▲         │
//	   pause  └─ error ─┘      Hop interrupts open and read, Close also the pause
//
// The cursor moves only with an event that is returned to the caller, so whatever a broken or abandoned connection
// still held is requested again.
type Subscription struct {
	// fixed after construction
	c         *Client
	channel   string
	onTrouble func(Trouble)

	// owned by Next
	retry    backoff
	resumeAt time.Time // no connection before this time
	welcomed string    // the epoch in the connection's welcome

	// guarded by mu
	mu        sync.Mutex
	transport Transport
	position  Position
	stream    Stream             // nil: not connected. Used without mu only within a turn
	hops      int                // counts Hop, so that Next can distinguish an interruption from a failure
	interrupt context.CancelFunc // of the current turn, nil if there is none
	pausing   bool               // the current turn waits before a connection: Hop need not end it
	err       error              // why the subscription ended
}

// Subscribe starts to read a channel. It does no I/O; the first Next connects. Without a position in
// Options.From the subscription begins there, and misses what is published between Subscribe and
// Next: to receive that, pass At(head.Last) with the head from Client.Head.
func (c *Client) Subscribe(channel string, o Options) *Subscription {
	if o.Transport == "" {
		o.Transport = WebSocket
	}
	if o.OnTrouble == nil {
		o.OnTrouble = c.cfg.OnTrouble
	}
	return &Subscription{c: c, channel: channel, onTrouble: o.OnTrouble, transport: o.Transport,
		position: o.From,
		retry:    backoff{first: c.cfg.FirstWait, max: c.cfg.MaxWait}}
}

// Next blocks until there is an event: entries, each once and in order; "reset" before
// entries that do not follow the last one; "welcome" at each connection; and all other
// events of the channel. Errors: a terminal *Error and ErrClosed, which end the
// subscription; ctx's, after which the next call continues.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		e, err := s.turn(ctx)
		switch {
		case errors.Is(err, errAgain):
		case err != nil:
			return Event{}, err
		case s.accept(e):
			return e, nil
		}
	}
}

// errAgain ends a turn without an event.
var errAgain = errors.New("again")

// turn waits and connects if necessary, and reads one event.
func (s *Subscription) turn(ctx context.Context) (Event, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	pause := time.Until(s.resumeAt)
	if err := s.begin(cancel, pause > 0); err != nil {
		return Event{}, err
	}
	if pause > 0 {
		_ = wait(inner, pause) // if inner ends, that is noticed below
	}
	stream, t, from, hops := s.connection()
	var e Event
	err := inner.Err()
	if err == nil && stream == nil {
		stream, err = s.c.Open(inner, t, s.channel, from)
	}
	if err == nil {
		e, err = stream.Next(inner)
	}
	if err == nil && e.Type == "token-expiring" {
		err = s.renew(inner, stream)
	}
	interrupted, over := s.finish(stream, hops, err)
	switch {
	case over != nil:
		return Event{}, over
	case err == nil && !interrupted:
		return e, nil
	case ctx.Err() != nil:
		return Event{}, ctx.Err()
	case interrupted:
		return Event{}, errAgain
	case errors.Is(err, errOutdated):
		return Event{}, errAgain
	case terminal(err) && !s.renewable(err):
		return Event{}, s.end(fmt.Errorf("read %s over %s: %w", s.channel, t, err))
	}
	d := s.retry.next(retryAfter(err))
	s.resumeAt = time.Now().Add(d)
	s.c.cfg.Logger.Info("connection lost", "channel", s.channel, "transport", t, "err", err, "wait", d)
	s.onTrouble(Trouble{Transport: t, Err: err, Wait: d})
	return Event{}, errAgain
}

// renewable reports whether err is the expiry of a token that may have a successor,
// which the next connection uses.
func (s *Subscription) renewable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == closeUnauthorized && s.c.credentials.renews()
}

// renew gives a stream a new token. If there is none, the stream is read until the
// server ends it.
func (s *Subscription) renew(ctx context.Context, stream Stream) error {
	r, ok := stream.(renewable)
	if !ok || !s.c.credentials.renews() {
		return nil
	}
	err := r.renew(ctx)
	if err != nil && !errors.Is(err, errOutdated) {
		s.c.cfg.Logger.Info("no new token", "channel", s.channel, "err", err)
		return nil
	}
	return err
}

// begin allows Hop and Close to interrupt the turn.
func (s *Subscription) begin(cancel context.CancelFunc, pausing bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.interrupt, s.pausing = cancel, pausing
	}
	return s.err
}

// connection ends the turn's pause and returns what the turn works with.
func (s *Subscription) connection() (Stream, Transport, Position, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pausing = false
	return s.stream, s.transport, s.position, s.hops
}

// finish keeps the stream for the next turn, or closes it if it failed or is no
// longer wanted.
func (s *Subscription) finish(stream Stream, hops int, err error) (interrupted bool, over error) {
	s.mu.Lock()
	s.interrupt = nil
	interrupted, over = s.hops != hops, s.err
	keep := err == nil && !interrupted && over == nil
	if s.stream = nil; keep {
		s.stream = stream
	}
	s.mu.Unlock()
	if !keep && stream != nil {
		_ = stream.Close() // it has already reported its error
	}
	return interrupted, over
}

// accept moves the cursor. It refuses an entry that was delivered before.
func (s *Subscription) accept(e Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Welcome != nil:
		s.retry.reset()
		s.welcomed = e.Welcome.Epoch
		if s.position.After == nil {
			s.position = Position{After: &e.Welcome.Cursor, Epoch: e.Welcome.Epoch}
		} else if s.position.Epoch == "" {
			s.position.Epoch = e.Welcome.Epoch
		}
	case e.Reset != nil:
		at := e.Reset.After()
		s.position = Position{After: &at, Epoch: s.epochAfterLocked(e.Reset)}
	case e.ID > 0:
		if s.position.After != nil && e.ID <= *s.position.After {
			return false
		}
		id := e.ID
		s.position.After = &id
	}
	return true
}

// epochAfterLocked returns the epoch of a cursor that a reset contained. It must be
// adopted with the reset, not before: a cursor of the old epoch with the name of the
// new one would resume silently.
func (s *Subscription) epochAfterLocked(r *Reset) string {
	switch {
	case r.Epoch != "":
		return r.Epoch
	case s.welcomed != s.position.Epoch: // the reset belongs to the welcome before it
		return s.welcomed
	case r.Reason == "epoch": // in mid-stream: the next welcome will name it
		return ""
	}
	return s.position.Epoch
}

// Hop continues over another transport, from the same cursor.
func (s *Subscription) Hop(t Transport) {
	s.mu.Lock()
	s.transport = t
	s.hops++
	s.dropLocked(!s.pausing)
}

// Close ends the subscription. A Next in progress returns ErrClosed.
func (s *Subscription) Close() error {
	_ = s.end(ErrClosed)
	return nil
}

// end makes err the result of every later Next, unless there is one already.
func (s *Subscription) end(err error) error {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	err = s.err
	s.dropLocked(true)
	return err
}

// dropLocked interrupts the current turn, which then closes its stream, or closes the
// stream itself. It unlocks mu.
func (s *Subscription) dropLocked(interrupt bool) {
	if s.interrupt != nil {
		if interrupt {
			s.interrupt()
		}
		s.mu.Unlock()
		return
	}
	stream := s.stream
	s.stream = nil
	s.mu.Unlock()
	if stream != nil {
		_ = stream.Close()
	}
}

// Position is the subscription's position: after the last entry that Next returned.
// Pass it as Options.From to resume there, in this process or another one.
func (s *Subscription) Position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

// Transport returns the one in use, or the next one.
func (s *Subscription) Transport() Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transport
}

// Messages yields the messages that Next returns, and omits all other events. The last
// pair may be an error, as Next returns it; after the end of ctx the subscription can
// still be read.
func (s *Subscription) Messages(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for {
			e, err := s.Next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if e.Type == "message" && !yield(e.Message, nil) {
				return
			}
		}
	}
}
