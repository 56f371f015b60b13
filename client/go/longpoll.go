package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// longPollStream repeats GET /api/messages/poll?after=.
type longPollStream struct {
	c       *Client
	channel string
	from    Position
	queue   []Event // received and not yet returned
	met     bool    // the welcome was returned
	head    int64   // the newest id when the stream began: an answer only says how far it reaches
}

// held is the answer to a long poll.
type held struct {
	Messages []json.RawMessage `json:"messages"`
	Last     int64             `json:"last_id"`
	Epoch    string            `json:"epoch"`
	Reset    *Reset            `json:"reset"`
}

func (c *Client) openLongPoll(channel string, from Position) *longPollStream {
	return &longPollStream{c: c, channel: channel, from: from}
}

// Next first requests the head: the welcome contains it, and a poll without a cursor
// misses what is published before it arrives. The first poll is not held, so that the
// welcome arrives at once.
func (s *longPollStream) Next(ctx context.Context) (Event, error) {
	for len(s.queue) == 0 {
		if !s.met {
			head, err := s.c.Head(ctx, s.channel)
			if err != nil {
				return Event{}, err
			}
			s.head = head.Last
			if s.from.After != nil {
				if err := s.poll(ctx, 0); err != nil {
					return Event{}, err
				}
				break
			}
			s.from = Position{After: &head.Last, Epoch: head.Epoch}
			s.welcome(head.Last, head.Epoch, false)
			break
		}
		if err := s.poll(ctx, s.c.cfg.PollHold); err != nil {
			return Event{}, err
		}
	}
	e := s.queue[0]
	s.queue = s.queue[1:]
	return e, nil
}

func (s *longPollStream) Close() error { return nil }

// poll requests once and moves the cursor to the end of the answer.
func (s *longPollStream) poll(ctx context.Context, hold time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, hold+s.c.cfg.TryTimeout)
	defer cancel()
	q := s.from.query(url.Values{"channel_id": {s.channel}, "limit": {strconv.Itoa(pollLimit)},
		"timeout": {strconv.FormatFloat(hold.Seconds(), 'f', -1, 64)}})
	resp, err := s.c.get(ctx, "/api/messages/poll", q, nil)
	if err != nil {
		return err
	}
	defer discard(resp.Body)
	var a held
	if err := decode(resp.Body, &a); err != nil {
		return fmt.Errorf("read the long poll's answer: %w", err)
	}
	events, err := entries(a.Messages)
	if err != nil {
		return err
	}
	if !s.met {
		at := *s.from.After
		if a.Reset != nil {
			at = a.Reset.After()
		}
		s.welcome(at, a.Epoch, a.Reset == nil)
	}
	if a.Reset != nil {
		a.Reset.Epoch = a.Epoch
		s.queue = append(s.queue, Event{Type: "reset", Reset: a.Reset})
	}
	s.queue = append(s.queue, events...)
	s.from = Position{After: &a.Last, Epoch: a.Epoch}
	return nil
}

// welcome creates the event with which a stream begins.
func (s *longPollStream) welcome(at int64, epoch string, resumed bool) {
	s.met = true
	s.queue = append(s.queue, Event{Type: "welcome",
		Welcome: &Welcome{Last: max(at, s.head), Cursor: at, Epoch: epoch, Resumed: resumed}})
}
