// Package fcm sends notifications over the HTTP v1 API of Firebase Cloud Messaging, as a service account. It interprets
// the responses; it neither retries nor decides who receives what.
package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/cut"
	"github.com/parley-server/parley/internal/outgoing"
)

// DefaultURL is Google's server.
const DefaultURL = "https://fcm.googleapis.com"

const (
	maxPayload = 4096                // Google's limit in bytes, which we apply to everything but the token
	maxTTL     = 28 * 24 * time.Hour // Google's
	service    = "FCM"
)

// Config holds the sender's credentials and the server's URL.
type Config struct {
	CredentialsFile string // the JSON file of a service account, which names the project
	URL             string // DefaultURL

	Client *http.Client     // outgoing.Client(): one HTTP/2 connection carries all requests
	Now    func() time.Time // time.Now
}

// Notifier implements parley.Notifier for one project.
type Notifier struct {
	// fixed after construction
	url    string
	client *http.Client
	tokens *tokens
}

var _ parley.Notifier = (*Notifier)(nil)

// New reads the credentials. It connects to nothing.
func New(cfg Config) (*Notifier, error) {
	if cfg.CredentialsFile == "" {
		return nil, errors.New("FCM: the credentials file is missing: it is the JSON file of a service account")
	}
	if cfg.URL == "" {
		cfg.URL = DefaultURL
	}
	if u, err := url.Parse(cfg.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("FCM: the URL is not valid: write " + DefaultURL)
	}
	account, err := readAccount(cfg.CredentialsFile)
	if err != nil {
		return nil, fmt.Errorf("FCM: %w", err)
	}
	if cfg.Client == nil {
		cfg.Client = outgoing.Client()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Notifier{
		url:    strings.TrimRight(cfg.URL, "/") + "/v1/projects/" + url.PathEscape(account.project) + "/messages:send",
		client: cfg.Client,
		tokens: &tokens{account: account, client: cfg.Client, now: cfg.Now},
	}, nil
}

type request struct {
	Message message `json:"message"`
}

type message struct {
	Token        string            `json:"token"`
	Notification *notification     `json:"notification,omitempty"`
	Data         map[string]string `json:"data"`
	Android      android           `json:"android"`
}

type notification struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

type android struct {
	Collapse     string               `json:"collapse_key,omitempty"` // replaces what the device has not received yet
	TTL          string               `json:"ttl"`
	Notification *androidNotification `json:"notification,omitempty"`
}

type androidNotification struct {
	Tag string `json:"tag,omitempty"` // replaces what the device shows
}

func encode(token string, n parley.Notification) []byte {
	m := message{
		Token: token,
		Data: map[string]string{
			"channel": string(n.Channel),
			"id":      strconv.FormatInt(n.ID, 10),
			"badge":   strconv.FormatInt(n.Badge, 10),
		},
		Android: android{Collapse: n.Collapse, TTL: strconv.FormatInt(int64(min(max(n.TTL, 0), maxTTL)/time.Second), 10) + "s"},
	}
	if n.BadgeOnly() {
		return outgoing.JSON(request{m})
	}
	if n.Collapse != "" {
		m.Android.Notification = &androidNotification{Tag: n.Collapse}
	}
	return cut.Fit(maxPayload+len(outgoing.JSON(token)), n.Title, n.Body, func(title, body string) []byte {
		m.Notification = &notification{title, body}
		return outgoing.JSON(request{m})
	})
}

// Notify implements parley.Notifier. A new badge alone is a data message, which the app receives without showing it.
func (n *Notifier) Notify(ctx context.Context, d parley.Device, note parley.Notification) error {
	body := encode(d.Token, note)
	for first := true; ; first = false {
		token, err := n.tokens.get(ctx)
		if err != nil {
			return err
		}
		header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
		answer, err := outgoing.Post(ctx, n.client, n.url, header, body)
		if err != nil {
			return err
		}
		e := readError(answer)
		if answer.Status == http.StatusUnauthorized && e.code != "THIRD_PARTY_AUTH_ERROR" && first {
			n.tokens.forget(token)
			continue
		}
		return e.meaning(answer)
	}
}

// apiError is what Google says of a refusal.
type apiError struct {
	code  string // FCM's own code, or else the general status
	token bool   // the token of the device is not valid
}

func readError(a outgoing.Answer) (e apiError) {
	var body struct {
		Error struct {
			Status, Message string
			Details         []struct {
				ErrorCode       string
				FieldViolations []struct{ Field string }
			}
		}
	}
	if a.Status == http.StatusOK || json.Unmarshal(a.Body, &body) != nil {
		return e
	}
	e.code = outgoing.Reason(body.Error.Status)
	for _, d := range body.Error.Details {
		if code := outgoing.Reason(d.ErrorCode); code != "" {
			e.code = code
		}
		for _, v := range d.FieldViolations {
			e.token = e.token || v.Field == "message.token"
		}
	}
	e.token = e.token || strings.Contains(body.Error.Message, "registration token")
	return e
}

// meaning classifies an answer (Firebase: "FCM error codes"). A 404 that is not Google's is a URL that leads elsewhere: it must
// not remove devices.
func (e apiError) meaning(a outgoing.Answer) error {
	switch {
	case a.Status == http.StatusNotFound && (e.code == "UNREGISTERED" || e.code == "NOT_FOUND"),
		a.Status == http.StatusBadRequest && e.token:
		return a.As(parley.ErrGone, service, e.code)
	case e.code == "SENDER_ID_MISMATCH": // the token is of another project; that is this device's fault alone
		return a.Err(service, e.code)
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return a.As(parley.ErrCredentials, service, e.code)
	}
	return a.Err(service, e.code)
}
