package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// sseStream reads GET /api/stream/{channel}.
type sseStream struct {
	body   io.ReadCloser
	cancel context.CancelFunc // ends the request, and thereby a blocked read
	events *eventStream
	idle   *idleTimer
	c      *Client
	token  string // the token of the request
}

// openSSE requests the stream. The request outlives ctx: cancel ends it.
func (c *Client) openSSE(ctx context.Context, channel string, from Position) (*sseStream, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	opening, stopOpening := context.WithTimeout(ctx, c.cfg.TryTimeout)
	defer stopOpening()
	stop := context.AfterFunc(opening, cancel)
	defer stop()

	resp, err := c.get(life, "/api/stream/"+url.PathEscape(channel), from.query(url.Values{}),
		http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		cancel()
		if opening.Err() != nil && errors.Is(err, context.Canceled) {
			err = opening.Err()
		}
		return nil, err
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		cancel()
		_ = resp.Body.Close()
		return nil, &protocolError{fmt.Sprintf("a stream of type %q; is this a parley server?", kind)}
	}
	token := strings.TrimPrefix(resp.Request.Header.Get("Authorization"), "Bearer ")
	s := &sseStream{c: c, token: token, body: resp.Body, cancel: cancel, idle: newIdleTimer(c.cfg.IdleTimeout, cancel)}
	s.events = newEventStream(resp.Body, s.idle.life)
	return s, nil
}

func (s *sseStream) Next(ctx context.Context) (Event, error) {
	stop := context.AfterFunc(ctx, s.cancel)
	defer stop()
	s.idle.start()
	defer s.idle.stop()
	b, err := s.events.Next()
	switch {
	case ctx.Err() != nil:
		return Event{}, ctx.Err()
	case s.idle.fired():
		return Event{}, errSilent
	case errors.Is(err, io.EOF):
		return Event{}, errEnded
	case err != nil:
		return Event{}, fmt.Errorf("read the event stream: %w", err)
	}
	e, err := parseEvent(b.Data, b.Name)
	if err == nil && e.Type == "draining" {
		if e.Err.RetryAfter == 0 {
			e.Err.RetryAfter = s.events.retry
		}
		return Event{}, e.Err
	}
	return e, err
}

func (s *sseStream) Close() error {
	s.cancel()
	return s.body.Close()
}

// renew obtains a newer token. An open stream cannot use it.
func (s *sseStream) renew(ctx context.Context) error {
	if _, err := s.c.credentials.token(ctx, s.token, 0); err != nil {
		return err
	}
	return errOutdated
}
