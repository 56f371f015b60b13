package client

import (
	"context"
	"errors"
	"fmt"
)

// Transport is the name of a way to read a channel, as the server uses it.
type Transport string

// The four transports.
const (
	Poll      Transport = "poll"
	LongPoll  Transport = "long-poll"
	SSE       Transport = "sse"
	WebSocket Transport = "websocket"
)

// Transports returns all four.
func Transports() []Transport { return []Transport{Poll, LongPoll, SSE, WebSocket} }

// ParseTransport parses a name typed by a person.
func ParseTransport(s string) (Transport, error) {
	for _, t := range Transports() {
		if s == string(t) {
			return t, nil
		}
	}
	return "", fmt.Errorf("there is no transport %q; choose websocket, sse, long-poll or poll", s)
}

// Stream is one connection of one transport, or one run of polls. It never
// reconnects.
type Stream interface {
	// Next blocks until there is an event. The first is a welcome; a reset precedes
	// what follows from it. Any error ends the stream, including the end of ctx. Only
	// one call at a time.
	Next(ctx context.Context) (Event, error)
	// Close releases the connection. It must not be called while Next runs.
	Close() error
}

// errEnded is the unexplained end of a stream by the server.
var errEnded = errors.New("the server ended the stream")

// renewable is a stream whose token can expire while it is open.
type renewable interface {
	// renew is called after "token-expiring". errOutdated: the stream must be reopened
	// with the current token. Other errors do not affect the stream.
	renew(ctx context.Context) error
}

// errOutdated ends a stream whose token has a successor.
var errOutdated = errors.New("the stream has an old token")

// Open starts to read a channel over one transport. ctx bounds only the opening.
// Errors: an *Error if the server refused, else the network's.
func (c *Client) Open(ctx context.Context, t Transport, channel string, from Position) (Stream, error) {
	switch t {
	case Poll:
		return c.openPoll(channel, from), nil
	case LongPoll:
		return c.openLongPoll(channel, from), nil
	case SSE:
		s, err := c.openSSE(ctx, channel, from)
		if err != nil {
			return nil, err
		}
		return s, nil
	case WebSocket:
		s, err := c.Dial(ctx, channel, from)
		if err != nil {
			return nil, err
		}
		return &socketStream{s}, nil
	}
	return nil, fmt.Errorf("there is no transport %q", t)
}
