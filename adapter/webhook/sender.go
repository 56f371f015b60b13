// Package webhook posts signed JSON to a URL (Standard Webhooks, standardwebhooks.com): a Sender posts any JSON, a Notifier
// push notifications. It interprets the responses, and does not retry.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/guard"
	"github.com/parley-server/parley/internal/outgoing"
)

// Config holds the receiver's URL and the secrets that sign.
type Config struct {
	URL          string
	Secrets      Secrets
	AllowPrivate bool // send to an address that is not public

	Client *http.Client     // guard.Client()
	Now    func() time.Time // time.Now
}

// Sender posts to one URL. Its methods may be called concurrently.
type Sender struct {
	// fixed after construction
	url     string
	secrets Secrets
	client  *http.Client
	now     func() time.Time
}

// ErrAddress means that a URL leads to an address that is refused without AllowPrivate.
var ErrAddress = guard.ErrRefused

// NewSender connects to nothing. The error wraps ErrAddress if the URL contains an address that is not public; the
// addresses that a name resolves to are checked at each connection.
func NewSender(cfg Config) (*Sender, error) {
	if err := guard.CheckURL(cfg.URL); err != nil && (!cfg.AllowPrivate || !errors.Is(err, ErrAddress)) {
		return nil, fmt.Errorf("the URL of a webhook: %w", err)
	}
	if len(cfg.Secrets.keys) == 0 {
		return nil, errors.New("the secret of a webhook is missing")
	}
	if cfg.Client == nil {
		cfg.Client = guard.Client(guard.Config{AllowPrivate: cfg.AllowPrivate})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Sender{url: cfg.URL, secrets: cfg.Secrets, client: cfg.Client, now: cfg.Now}, nil
}

// Send posts body, which is JSON, and returns when the receiver has responded with 2xx. id identifies the content: a retry
// has the same id. parley.ErrGone: the receiver wants no further requests (410). *parley.RetryError: a later attempt may
// succeed, which holds for every other response. Any other error: the address is refused (ErrAddress). No error contains
// the URL.
func (s *Sender) Send(ctx context.Context, id string, body []byte) error {
	timestamp, signatures := s.secrets.sign(id, s.now(), body)
	answer, err := outgoing.Post(ctx, s.client, s.url, http.Header{
		"Content-Type":      {"application/json"},
		"Webhook-Id":        {id},
		"Webhook-Timestamp": {timestamp},
		"Webhook-Signature": {signatures},
	}, body)
	if err != nil {
		return err
	}
	const service = "the webhook"
	if answer.Status == http.StatusGone {
		return answer.As(parley.ErrGone, service, "")
	}
	err = answer.Err(service, "")
	if err == nil || errors.As(err, new(*parley.RetryError)) {
		return err
	}
	return &parley.RetryError{After: answer.RetryAfter, Err: err}
}

// Notifier posts push notifications, one for each user whatever devices the user has.
type Notifier struct{ sender *Sender }

var _ parley.Notifier = (*Notifier)(nil)

// NewNotifier is NewSender for push notifications.
func NewNotifier(cfg Config) (*Notifier, error) {
	sender, err := NewSender(cfg)
	if err != nil {
		return nil, err
	}
	return &Notifier{sender}, nil
}

type event struct {
	Type      string       `json:"type"`
	Timestamp string       `json:"timestamp"`
	Data      notification `json:"data"`
}

type notification struct {
	User     parley.UserID    `json:"user"`
	Channel  parley.ChannelID `json:"channel"`
	ID       int64            `json:"id"`
	Title    string           `json:"title"`
	Body     string           `json:"body"`
	Badge    int64            `json:"badge"`
	Count    int64            `json:"count"`
	Collapse string           `json:"collapse"`
}

// Notify implements parley.Notifier. The device does not matter. A new badge alone is not sent.
func (n *Notifier) Notify(ctx context.Context, _ parley.Device, note parley.Notification) error {
	if note.BadgeOnly() {
		return nil
	}
	body := outgoing.JSON(event{
		Type:      "push",
		Timestamp: n.sender.now().UTC().Format(time.RFC3339),
		Data: notification{User: note.User, Channel: note.Channel, ID: note.ID, Title: note.Title, Body: note.Body,
			Badge: note.Badge, Count: note.Count, Collapse: note.Collapse},
	})
	// A collapse id stands for the user and the channel, so this id is the same for each try and for no other notification.
	return n.sender.Send(ctx, "push/"+note.Collapse+"/"+strconv.FormatInt(note.ID, 10), body)
}
