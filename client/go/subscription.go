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
	// OnTrouble is called, from within Next, before each wait for a new connection.
	// Default: the client's.
	OnTrouble func(Trouble)
}

// Trouble is a connection or a publish that failed, and what follows.
type Trouble struct {
	Transport Transport // empty for a publish
	Err       error
	Wait      time.Duration // until the next try
}

// Subscription reads one channel, each entry once and in order, over any number
// of connections. Next is called by one goroutine at a time; the rest by any.
//
//	Next ──► open ──► read ──► event ──► cursor moves ──► caller
//	          ▲         │
//	   pause  └─ error ─┘      Hop interrupts open and read, Close also the pause
//
// The cursor moves only with an event that is given to the caller, so whatever a
// broken or abandoned connection still held is asked for again.
type Subscription struct {
	// fixed after construction
	c         *Client
	channel   string
	onTrouble func(Trouble)

	// owned by Next
	retry    backoff
	resumeAt time.Time // no connection before
	welcomed string    // the epoch that the connection's welcome named

	// guarded by mu
	mu        sync.Mutex
	transport Transport
	position  Position
	stream    Stream             // nil: not connected. Used outside mu only within a turn
	hops      int                // counts Hop, so that Next can tell an interruption from a failure
	interrupt context.CancelFunc // of the turn under way, nil if there is none
	pausing   bool               // that turn waits before a connection: Hop need not end it
	err       error              // why it is over
}

// Subscribe begins to read a channel. It does no I/O; the first Next connects. Without a position in
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

// Next blocks until there is an event: entries, each once and in order; "reset"
// before entries that do not follow from the last; "welcome" at each connection;
// and whatever else the channel carries. Errors: a terminal *Error and ErrClosed,
// which end the subscription; ctx's, after which the next call goes on.
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

// errAgain ends a turn that brought nothing.
var errAgain = errors.New("again")

// turn waits if it must, connects if it must, and reads one event.
func (s *Subscription) turn(ctx context.Context) (Event, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	pause := time.Until(s.resumeAt)
	if err := s.begin(cancel, pause > 0); err != nil {
		return Event{}, err
	}
	if pause > 0 {
		_ = wait(inner, pause) // an end of inner shows below
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

// renewable reports whether err is the end of a token that may have a successor, which
// the next connection uses.
func (s *Subscription) renewable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == closeUnauthorized && s.c.credentials.renews()
}

// renew gives a stream a new token. If there is none the stream is read on until the
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

// begin makes the turn one that Hop and Close can interrupt.
func (s *Subscription) begin(cancel context.CancelFunc, pausing bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.interrupt, s.pausing = cancel, pausing
	}
	return s.err
}

// connection ends the turn's pause and returns what it works with.
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
		_ = stream.Close() // it has told its error already
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

// epochAfterLocked is the epoch of a cursor that a reset gave. It is taken over
// no earlier than the reset itself: a cursor of the old epoch under the name of
// the new one would resume without a word.
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

// Hop goes on over another transport, from the same cursor.
func (s *Subscription) Hop(t Transport) {
	s.mu.Lock()
	s.transport = t
	s.hops++
	s.dropLocked(!s.pausing)
}

// Close ends the subscription. A Next under way returns ErrClosed.
func (s *Subscription) Close() error {
	_ = s.end(ErrClosed)
	return nil
}

// end makes err the answer of every later Next, unless there is one already.
func (s *Subscription) end(err error) error {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	err = s.err
	s.dropLocked(true)
	return err
}

// dropLocked interrupts the turn under way, which then closes its stream, or
// closes the stream itself. It unlocks mu.
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

// Position is where the subscription stands: after the last entry that Next returned.
// Options.From takes it up again, in this process or another one.
func (s *Subscription) Position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

// Transport is the one in use, or the next one.
func (s *Subscription) Transport() Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transport
}

// Messages yields the messages that Next returns, and leaves out everything else. The
// last pair may be an error, as Next returns it; after ctx's end the subscription can
// be read on.
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
