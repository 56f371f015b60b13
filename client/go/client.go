// Package client is a Go client of a parley server: publishing that is safe to repeat,
// reading a channel over any of the four transports, which reconnects and resumes where
// it left off, and history, members, unread counts, presence and typing. It keeps no
// history and does not interpret messages.
package client

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config of a Client. The zero value is a guest of a development server.
type Config struct {
	User  string // the user name; in production the token's sub, or empty
	Name  string // display name of User on a development server; in production it is in the token
	Token string // a JWT or an API key, sent as Authorization: Bearer
	// GetToken returns a token for the same user. It is called once at a time, by the
	// call that needs the token: for the first token if Token is empty, a minute before
	// each expires (at half its life if that is later), and when the server refuses
	// one. A subscription passes the new token to the server without losing its
	// connection if the transport can. If three consecutive new tokens are refused, the
	// call fails. Default: only Token is used.
	GetToken     func(ctx context.Context) (string, error)
	HTTPClient   *http.Client  // default: http.DefaultClient. Its Timeout would cut streams; leave it 0
	Logger       *slog.Logger  // default: discards. Never sees bodies or tokens
	OnTrouble    func(Trouble) // called before each wait for another try, by the goroutine that waits. Default: nothing
	TryTimeout   time.Duration // of one request that should be answered at once, and of GetToken. Default 15 s: three times a slow commit
	IdleTimeout  time.Duration // a stream that is silent this long is dead. Default 75 s: three of the server's 25 s comments
	PollInterval time.Duration // between two short polls that found nothing. Default 1 s, as in the classical tutorial
	PollHold     time.Duration // how long the server may hold a long poll. Default 30 s, at most 60 s
	FirstWait    time.Duration // upper bound of the first wait after a failure. Default 500 ms
	MaxWait      time.Duration // upper bound of any wait that the server did not ask for. Default 30 s
}

// Client talks to one server. Its methods may be called from many goroutines.
type Client struct {
	base        string // without a slash at the end
	cfg         Config
	credentials *credentials
}

// New returns a client of the server at base, such as "http://127.0.0.1:8080".
// It connects to nothing yet.
func New(base string, cfg Config) *Client {
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = http.DefaultClient
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.OnTrouble == nil {
		cfg.OnTrouble = func(Trouble) {}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&cfg.TryTimeout, 15 * time.Second}, {&cfg.IdleTimeout, 75 * time.Second},
		{&cfg.PollInterval, time.Second}, {&cfg.PollHold, 30 * time.Second},
		{&cfg.FirstWait, 500 * time.Millisecond}, {&cfg.MaxWait, 30 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return &Client{base: strings.TrimRight(base, "/"), cfg: cfg, credentials: newCredentials(&cfg)}
}

// Bounds is the state of a channel, as returned by a short poll.
type Bounds struct {
	Last  int64  // the head: the newest id, 0 if there is none
	Epoch string // of the store
}

// Head returns a channel's newest id.
func (c *Client) Head(ctx context.Context, channel string) (Bounds, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TryTimeout)
	defer cancel()
	resp, err := c.get(ctx, "/api/messages", url.Values{"channel_id": {channel}, "limit": {"1"}}, nil)
	if err != nil {
		return Bounds{}, err
	}
	defer discard(resp.Body)
	return boundsOf(resp.Header)
}

// discard reads the little that is left, so that the connection can be reused, and
// closes the body.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}

// boundsOf reads Parley-Last-Id and Parley-Epoch.
func boundsOf(h http.Header) (Bounds, error) {
	last, err := strconv.ParseInt(h.Get("Parley-Last-Id"), 10, 64)
	if err != nil {
		return Bounds{}, &protocolError{"the answer has no Parley-Last-Id; is this a parley server?"}
	}
	return Bounds{Last: last, Epoch: h.Get("Parley-Epoch")}, nil
}
