// Package webpush sends notifications to browsers: RFC 8030 with the encryption of RFC 8291 and the identification of RFC
// 8292 (VAPID). It interprets the responses; it neither retries nor decides who receives what.
package webpush

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/cut"
	"github.com/parley-server/parley/internal/guard"
	"github.com/parley-server/parley/internal/outgoing"
)

// Config holds the sender's keys and contact.
type Config struct {
	Keys         Keys   // must not change while there are subscriptions: a browser ties each to them
	Subject      string // through which a push service contacts the operator: mailto:somebody@example.org or an https URL
	AllowPrivate bool   // send to addresses that are not public, for tests

	Client *http.Client     // guard.Client()
	Now    func() time.Time // time.Now
}

// Notifier implements parley.Notifier for all browsers.
type Notifier struct {
	// fixed after construction
	client *http.Client
	tokens *tokens
}

var _ parley.Notifier = (*Notifier)(nil)

// New connects to nothing.
func New(cfg Config) (*Notifier, error) {
	if cfg.Keys.private == nil {
		return nil, errors.New("the keys of Web Push are missing")
	}
	if err := checkSubject(cfg.Subject); err != nil {
		return nil, err
	}
	if cfg.Client == nil {
		cfg.Client = guard.Client(guard.Config{AllowPrivate: cfg.AllowPrivate})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Notifier{client: cfg.Client, tokens: newTokens(cfg.Keys, cfg.Subject, cfg.Now)}, nil
}

func checkSubject(s string) error {
	u, err := url.Parse(s)
	if err == nil && (u.Scheme == "mailto" && strings.Contains(u.Opaque, "@") || u.Scheme == "https" && u.Host != "") {
		return nil
	}
	return errors.New("the subject of Web Push is not valid: write mailto:YOU@YOUR.DOMAIN or an https URL, " +
		"by which a push service reaches you")
}

type payload struct {
	Title   string `json:"title"`
	Body    string `json:"body"`
	Badge   int64  `json:"badge"`
	Channel string `json:"channel"`
	ID      int64  `json:"id"`
	Tag     string `json:"tag"`
	URL     string `json:"url"`
}

// Notify implements parley.Notifier. A new badge alone is not sent: a browser must show something for each message that it
// receives.
func (n *Notifier) Notify(ctx context.Context, d parley.Device, note parley.Notification) error {
	if note.BadgeOnly() {
		return nil
	}
	if d.Subscription == nil {
		return fmt.Errorf("%w: it has no subscription", parley.ErrGone)
	}
	p := payload{Badge: note.Badge, Channel: string(note.Channel), ID: note.ID, Tag: note.Collapse, URL: "/#" + string(note.Channel)}
	plain := cut.Fit(maxPlain, note.Title, note.Body, func(title, body string) []byte {
		p.Title, p.Body = title, body
		return outgoing.JSON(p)
	})
	body, err := encrypt(plain, *d.Subscription)
	if err != nil {
		return err
	}
	authorization, err := n.tokens.authorization(d.Subscription.Endpoint)
	if err != nil {
		return err
	}
	header := http.Header{
		"Authorization":    {authorization},
		"Content-Encoding": {"aes128gcm"},
		"Content-Type":     {"application/octet-stream"},
		"Ttl":              {strconv.FormatInt(int64(max(note.TTL, 0)/time.Second), 10)},
		"Urgency":          {"normal"}, // what RFC 8030 names for chat
	}
	if note.Collapse != "" {
		header["Topic"] = []string{note.Collapse}
	}
	answer, err := outgoing.Post(ctx, n.client, d.Subscription.Endpoint, header, body)
	if err != nil {
		return err
	}
	return meaning(answer)
}

// meaning classifies an answer (RFC 8030, section 5 and 7.3).
func meaning(a outgoing.Answer) error {
	const service = "the push service"
	switch a.Status {
	case http.StatusNotFound, http.StatusGone:
		return a.As(parley.ErrGone, service, "")
	case http.StatusUnauthorized, http.StatusForbidden:
		return a.As(parley.ErrCredentials, service, "")
	}
	return a.Err(service, "")
}
