package transport

import (
	"context"
	"io"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/hub"
)

// stream waits for messages on a connection, whatever its transport: a WebSocket, an
// event stream or a held poll. A peer embeds it and adds what its transport needs. The engine
// owns it from Park or Hold to Gone and calls its peer one method at a time.
//
//		admit ──▶ served ──rights change──▶ stale ──Load: recheckRights──▶ served
//	             └──────────────end(reason)──────────────┘──▶ farewell ──▶ Gone: release
//
// A server has many, most of them quiet, so each byte counts (size_test.go).
type stream struct {
	t       *Transports
	conn    engine.Conn
	session hub.Session
	who     who
	via     parley.Transport
	ended   reason
	flags   flags
	quiet   uint32 // since when the client was silent, in milliseconds
}

type flags uint16

const (
	stale  flags = 1 << iota // rights may have shrunk: nothing more is delivered before recheckRights
	warned                   // the client was warned that its token expires
	many                     // cursors and frames name their channels
	pings                    // of a WebSocket: pings are messages
	spoke                    // of a WebSocket: its guest has sent events, which it does not receive itself
	hides                    // of a WebSocket: its client is hidden
	waits                    // of an event stream: bytes wait to be acknowledged
	due                      // of a poll: its time has passed
	given                    // of a poll: the response was passed to the engine
)

func (s *stream) is(f flags) bool { return s.flags&f != 0 }
func (s *stream) set(f flags)     { s.flags |= f }
func (s *stream) clear(f flags)   { s.flags &^= f }

// peer is a stream with its transport.
type peer interface {
	engine.Peer
	base() *stream
	// lost notifies the client of channels that it may no longer read, and ends the stream if
	// no channel is left.
	lost(channels []parley.ChannelID)
	// farewell sends the client its last bytes, after end; e may be nil.
	farewell(e *parley.Error)
}

func (s *stream) base() *stream { return s }

// reason is why a stream ended.
type reason uint8

// What each reason does on each transport. Held polls respond with a problem of the status, event
// streams send the event before they end; a WebSocket closes with the code and the text.
//
//	reason        WebSocket                       event stream     held poll
//	clientClosed  1000 or the client's code       –                –
//	protocol      1002, 1003, 1007, 1009          –                –
//	refused       error, 4000 + status            –                –
//	rightsLost    4403 if it has one channel      forbidden        403
//	expired       error, 4401                     ends             401
//	revoked       error, 4401                     ends             401
//	drained       draining, 1012                  draining         503
//	silent        1001, or nothing if blocked     nothing          nothing
//	failed        –                               –                the error; only in a handler
const (
	open         reason = iota
	clientClosed        // the client's close frame
	protocol            // the client broke the WebSocket protocol
	refused             // a browser's handshake is accepted only to report why it is refused
	rightsLost          // no channel is left that it may read
	expired             // its token has expired
	revoked             // its credentials were withdrawn
	drained             // the server shuts down
	silent              // the client is silent, or does not read
	failed              // the store did not respond
)

// endings are the parts of the table that do not depend on the case.
var endings = [...]struct {
	dropped string // as parley.Events.Dropped counts it; "" if the server did not end it
	denied  bool   // the caller may not read: polling does not keep it present
	code    int    // of a WebSocket
	text    string
}{
	open:         {},
	clientClosed: {},
	protocol:     {dropped: "protocol"},
	refused:      {denied: true},
	rightsLost:   {dropped: "forbidden", denied: true, code: 4403, text: "forbidden"},
	expired:      {dropped: "expired", denied: true, code: 4401, text: string(parley.CodeUnauthorized)},
	revoked:      {dropped: "unauthorized", denied: true, code: 4401, text: string(parley.CodeUnauthorized)},
	drained:      {dropped: "draining", code: 1012, text: "Server draining"},
	silent:       {dropped: "heartbeat", code: 1001, text: "Heartbeat timeout"},
	failed:       {dropped: "unavailable", denied: true},
}

// end ends a stream, once. Its own bytes are still written, then its farewell.
func end(p peer, why reason, e *parley.Error) {
	s := p.base()
	if s.ended != open {
		return
	}
	s.ended = why
	if name := endings[why].dropped; name != "" {
		s.t.cfg.Events.Dropped(name)
	}
	p.farewell(e)
	s.conn.Ring()
}

// output returns what a WebSocket or event stream writes next: its own bytes, then shared ones;
// after its end only its own, then io.EOF. It skips the events of the identity self.
func (s *stream) output(self string) ([]byte, error) {
	switch {
	case s.ended != open:
		if own := s.session.TakeOwn(); own != nil {
			return own, nil
		}
		return nil, io.EOF
	case s.is(stale), s.behind():
		return nil, engine.ErrLoad
	}
	b, err := s.session.Next(self, maxWrite, maxEntries)
	if err == hub.ErrBehind {
		return nil, engine.ErrLoad
	}
	return b, err
}

const (
	maxWrite   = 64 << 10 // bytes of shared entries in one write
	maxEntries = 1 << 30
)

// load does what Output must not do: it reads the store.
func load(ctx context.Context, p peer) error {
	switch s := p.base(); {
	case s.behind():
		return parley.ErrUnavailable
	case !s.is(stale):
		return s.session.Load(ctx)
	}
	return recheckRights(ctx, p)
}

// tell sends the client one JSON object; name is that of the event on an event stream.
func (s *stream) tell(name string, obj []byte) {
	s.session.Send(s.session.Form().AppendControl(nil, "", name, obj))
}

// Unsent implements engine.Peer.
func (s *stream) Unsent(b []byte, n int) { s.session.Unsent(b, n) }

// Gone implements engine.Peer.
func (s *stream) Gone() { s.release() }

// millis returns a time in milliseconds, which no jump of the clock affects; two that are less
// than 24 days apart can be compared by their difference.
func (t *Transports) millis(at time.Time) uint32 { return uint32(at.Sub(t.started).Milliseconds()) }

// since returns the time from then to now: 0 if then is later, because a tick that waited for
// its connection has an earlier now.
func since(now, then uint32) time.Duration {
	return time.Duration(max(int32(now-then), 0)) * time.Millisecond
}
