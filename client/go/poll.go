package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// pollLimit is the page size that polls request. The server's own limit is 1000.
const pollLimit = 500

// pollStream repeats GET /api/messages?after=.
type pollStream struct {
	c       *Client
	channel string
	from    Position
	queue   []Event // received and not yet returned
	etag    string  // of the last answer to the same request
	idle    bool    // the last answer was empty: wait before the next poll
	met     bool    // the welcome was returned
}

func (c *Client) openPoll(channel string, from Position) *pollStream {
	return &pollStream{c: c, channel: channel, from: from}
}

func (s *pollStream) Next(ctx context.Context) (Event, error) {
	for len(s.queue) == 0 {
		if s.idle {
			if err := wait(ctx, s.c.cfg.PollInterval); err != nil {
				return Event{}, err
			}
		}
		if err := s.poll(ctx); err != nil {
			return Event{}, err
		}
	}
	e := s.queue[0]
	s.queue = s.queue[1:]
	return e, nil
}

func (s *pollStream) Close() error { return nil }

// poll requests once. Without a cursor it requests only the head, and starts there.
func (s *pollStream) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.c.cfg.TryTimeout)
	defer cancel()
	q := url.Values{"channel_id": {s.channel}, "limit": {"1"}}
	h := http.Header{}
	if s.from.After != nil {
		q = s.from.query(q)
		q.Set("limit", strconv.Itoa(pollLimit))
		if s.etag != "" {
			h.Set("If-None-Match", s.etag)
		}
	}
	resp, err := s.c.get(ctx, "/api/messages", q, h)
	if e, ok := gone(err); ok {
		s.reset(e.Reset)
		return nil
	}
	if err != nil {
		return err
	}
	defer discard(resp.Body)
	if resp.StatusCode == http.StatusNotModified {
		s.idle = true
		return nil
	}
	head, err := boundsOf(resp.Header)
	if err != nil {
		return err
	}
	if s.from.After == nil {
		s.welcome(head, head.Last, false)
		return nil
	}
	var page []json.RawMessage
	if err := decode(resp.Body, &page); err != nil {
		return fmt.Errorf("read the poll's answer: %w", err)
	}
	if !s.met {
		s.welcome(head, *s.from.After, true)
	}
	events, err := entries(page)
	if err != nil {
		return err
	}
	s.queue = append(s.queue, events...)
	s.idle, s.etag = len(page) == 0, resp.Header.Get("ETag")
	if s.from.Epoch == "" {
		s.from.Epoch = head.Epoch
	}
	if len(events) > 0 {
		s.from.After, s.etag = &events[len(events)-1].ID, ""
	}
	return nil
}

// welcome creates the event with which a stream begins, and adopts the epoch.
func (s *pollStream) welcome(head Bounds, at int64, resumed bool) {
	s.met = true
	s.from = Position{After: &at, Epoch: head.Epoch}
	s.queue = append(s.queue, Event{Type: "welcome", Welcome: &Welcome{Last: head.Last, Cursor: at,
		Epoch: head.Epoch, Resumed: resumed}})
}

// reset adopts the cursor that the server offers, in whatever epoch it is.
func (s *pollStream) reset(r *Reset) {
	if !s.met {
		s.welcome(Bounds{Last: r.Last, Epoch: r.Epoch}, r.After(), false)
	}
	at := r.After()
	s.from, s.etag, s.idle = Position{After: &at, Epoch: r.Epoch}, "", false
	s.queue = append(s.queue, Event{Type: "reset", Reset: r})
}

// query adds after= and epoch=.
func (p Position) query(q url.Values) url.Values {
	if p.After != nil {
		q.Set("after", strconv.FormatInt(*p.After, 10))
	}
	if p.Epoch != "" {
		q.Set("epoch", p.Epoch)
	}
	return q
}

// entries reads the entries of a page.
func entries(page []json.RawMessage) ([]Event, error) {
	out := make([]Event, len(page))
	for i, raw := range page {
		e, err := parseEvent(raw, "message")
		if err != nil {
			return nil, err
		}
		if e.ID == 0 {
			return nil, &protocolError{"an entry of a page has no id"}
		}
		out[i] = e
	}
	return out, nil
}

// decode decodes a JSON answer of limited size.
func decode(body io.Reader, v any) error {
	return json.NewDecoder(io.LimitReader(body, 256<<20)).Decode(v)
}
