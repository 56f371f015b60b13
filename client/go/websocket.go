package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/coder/websocket"
)

// maxFrame is the longest frame accepted from the server: a page of history.
const maxFrame = 256 << 20

// Socket is one WebSocket on one channel, for both directions. Send may be called
// concurrently, Receive from one goroutine at a time. It never reconnects.
type Socket struct {
	c     *Client
	conn  *websocket.Conn
	idle  *idleTimer
	token string // the token that the server knows; owned by renew
	said  *Error // owned by Receive: the content of an error or draining frame, for the close that follows
}

// Dial opens GET /ws/chat/{channel}. ctx bounds the handshake only. A refused
// handshake is an *Error.
func (c *Client) Dial(ctx context.Context, channel string, from Position) (*Socket, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TryTimeout)
	defer cancel()
	s := &Socket{c: c}
	address := c.url("/ws/chat/"+url.PathEscape(channel), from.query(url.Values{}))
	if err := c.credentials.authorized(ctx, func(token string) error { return s.dial(ctx, address, token) }); err != nil {
		return nil, err
	}
	s.conn.SetReadLimit(maxFrame)
	s.idle = newIdleTimer(c.cfg.IdleTimeout, func() { _ = s.conn.CloseNow() })
	return s, nil
}

func (s *Socket) dial(ctx context.Context, address, token string) error {
	opts := &websocket.DialOptions{HTTPClient: s.c.cfg.HTTPClient, HTTPHeader: http.Header{},
		OnPingReceived: func(context.Context, []byte) bool { s.idle.life(); return true }}
	sign(opts.HTTPHeader, token)
	conn, resp, err := websocket.Dial(ctx, address, opts)
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols && resp.Body != nil {
			return errorOf(resp)
		}
		return err
	}
	s.conn, s.token = conn, token
	return nil
}

// Send writes one frame, encoded as JSON. It does not wait for an answer. If ctx ends
// in mid-frame, the socket ends.
func (s *Socket) Send(ctx context.Context, frame any) error {
	b, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	return s.SendRaw(ctx, b)
}

// SendRaw writes one text frame unchanged.
func (s *Socket) SendRaw(ctx context.Context, frame []byte) error {
	if err := s.conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return fmt.Errorf("write to the socket: %w", err)
	}
	return nil
}

// SendDraft sends a message and returns its key, which is generated if the draft has
// none. An event of type "ack" (or "error") with that key follows when it is durable
// (or refused); many may be in flight at a time, and are stored in the order in which
// they were sent.
func (s *Socket) SendDraft(ctx context.Context, d Draft) (key string, err error) {
	b := s.c.body("", d)
	b.Type = "message"
	return b.Key, s.Send(ctx, b)
}

// Receive blocks until the next frame. Any error ends the socket, including the end of
// ctx; a close by the server is an *Error with the close code as its Status.
func (s *Socket) Receive(ctx context.Context) (Event, error) {
	s.idle.start()
	defer s.idle.stop()
	kind, b, err := s.conn.Read(ctx)
	switch {
	case ctx.Err() != nil:
		return Event{}, ctx.Err()
	case s.idle.fired():
		return Event{}, errSilent
	case err != nil:
		return Event{}, closeError(err, s.said)
	case kind != websocket.MessageText:
		return Event{}, &protocolError{"a binary frame that was not asked for"}
	}
	e, err := parseEvent(b, "")
	s.said = e.Err
	return e, err
}

// Close sends a close frame, and waits for the answer for no longer than the library's
// few seconds.
func (s *Socket) Close() error {
	err := s.conn.Close(websocket.StatusNormalClosure, "")
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// CloseNow closes the connection without a close frame.
func (s *Socket) CloseNow() error { return s.conn.CloseNow() }

// renew sends the server a token that is newer than the one it knows.
func (s *Socket) renew(ctx context.Context) error {
	token, err := s.c.credentials.token(ctx, s.token, 0)
	if err != nil {
		return err
	}
	s.token = token
	return s.Send(ctx, map[string]string{"type": "auth", "token": token})
}

// socketStream reads a Socket. Answers to a sender are not events of the channel.
type socketStream struct{ s *Socket }

func (w *socketStream) Next(ctx context.Context) (Event, error) {
	for {
		e, err := w.s.Receive(ctx)
		if err != nil {
			return Event{}, err
		}
		switch e.Type {
		case "ack", "error", "draining", "ping", "pong":
		default:
			return e, nil
		}
	}
}

func (w *socketStream) Close() error {
	_ = w.s.Close() // the server may already be gone, which is fine
	return nil
}

func (w *socketStream) renew(ctx context.Context) error { return w.s.renew(ctx) }
