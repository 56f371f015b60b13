// Package apns sends notifications to Apple's devices, over the HTTP/2 API of the Apple Push Notification service with a
// token as credentials. It interprets the responses; it neither retries nor decides who receives what.
package apns

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

// DefaultURL is Apple's server for apps from the store. Apps that are run from Xcode have tokens for SandboxURL.
const (
	DefaultURL = "https://api.push.apple.com"
	SandboxURL = "https://api.sandbox.push.apple.com"
)

// maxPayload is Apple's limit of bytes.
const maxPayload = 4096

// Config holds the sender's credentials and the server's URL.
type Config struct {
	KeyFile string // the .p8 file of an authentication key
	KeyID   string // its ID, of ten characters
	TeamID  string // of the developer account, of ten characters
	Topic   string // the bundle ID of the app
	URL     string // DefaultURL

	Client *http.Client     // outgoing.Client(): one HTTP/2 connection carries all requests
	Now    func() time.Time // time.Now
}

// Notifier implements parley.Notifier for one app.
type Notifier struct {
	// fixed after construction
	base, topic string
	client      *http.Client
	now         func() time.Time
	tokens      *tokens
}

var _ parley.Notifier = (*Notifier)(nil)

// New reads the key. It connects to nothing.
func New(cfg Config) (*Notifier, error) {
	for _, s := range []struct{ value, missing string }{
		{cfg.KeyFile, "the key file (.p8)"},
		{cfg.KeyID, "the key ID"},
		{cfg.TeamID, "the team ID"},
		{cfg.Topic, "the topic, which is the app's bundle ID"},
	} {
		if s.value == "" {
			return nil, fmt.Errorf("APNs: %s is missing", s.missing)
		}
	}
	if cfg.URL == "" {
		cfg.URL = DefaultURL
	}
	if u, err := url.Parse(cfg.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("APNs: the URL is not valid: write " + DefaultURL + " or " + SandboxURL)
	}
	key, err := readKey(cfg.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("APNs: %w", err)
	}
	if cfg.Client == nil {
		cfg.Client = outgoing.Client()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	t := &tokens{key: key, keyID: cfg.KeyID, teamID: cfg.TeamID, now: cfg.Now}
	return &Notifier{base: strings.TrimRight(cfg.URL, "/"), topic: cfg.Topic, client: cfg.Client, now: cfg.Now, tokens: t}, nil
}

type payload struct {
	APS     aps    `json:"aps"`
	Channel string `json:"channel"`
	ID      int64  `json:"id"`
}

type aps struct {
	Alert  *alert `json:"alert,omitempty"`
	Badge  int64  `json:"badge"`
	Thread string `json:"thread-id,omitempty"`
	Sound  string `json:"sound,omitempty"`
}

type alert struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

func encode(n parley.Notification) []byte {
	p := payload{APS: aps{Badge: n.Badge}, Channel: string(n.Channel), ID: n.ID}
	if n.BadgeOnly() {
		return outgoing.JSON(p)
	}
	p.APS.Thread, p.APS.Sound = string(n.Channel), "default"
	return cut.Fit(maxPayload, n.Title, n.Body, func(title, body string) []byte {
		p.APS.Alert = &alert{title, body}
		return outgoing.JSON(p)
	})
}

// Notify implements parley.Notifier. A new badge alone is a notification of the same push type, "alert", without an alert
// in it; it is not urgent.
func (n *Notifier) Notify(ctx context.Context, d parley.Device, note parley.Notification) error {
	body := encode(note)
	for first := true; ; first = false {
		token, err := n.tokens.get()
		if err != nil {
			return err
		}
		answer, err := outgoing.Post(ctx, n.client, n.base+"/3/device/"+url.PathEscape(d.Token), n.header(note, token), body)
		if err != nil {
			return err
		}
		reason := reason(answer)
		if stale := reason == "ExpiredProviderToken" || reason == "InvalidProviderToken"; stale && first && n.tokens.renew(token) {
			continue
		}
		return meaning(answer, reason)
	}
}

func (n *Notifier) header(note parley.Notification, token string) http.Header {
	h := http.Header{
		"Authorization":   {"bearer " + token},
		"Apns-Topic":      {n.topic},
		"Apns-Push-Type":  {"alert"},
		"Apns-Priority":   {"10"}, // at once
		"Apns-Expiration": {"0"},  // not kept
		"Content-Type":    {"application/json"},
	}
	if note.BadgeOnly() {
		h["Apns-Priority"] = []string{"5"} // when it suits the battery
	}
	if note.TTL > 0 {
		h["Apns-Expiration"] = []string{strconv.FormatInt(n.now().Add(note.TTL).Unix(), 10)}
	}
	if note.Collapse != "" {
		h["Apns-Collapse-Id"] = []string{note.Collapse}
	}
	return h
}

func reason(a outgoing.Answer) string {
	var body struct {
		Reason string `json:"reason"`
	}
	if a.Status == http.StatusOK || json.Unmarshal(a.Body, &body) != nil {
		return ""
	}
	return outgoing.Reason(body.Reason)
}

// meaning classifies an answer (Apple: "Handling notification responses from APNs").
func meaning(a outgoing.Answer, reason string) error {
	const service = "APNs"
	switch {
	case a.Status == http.StatusGone, reason == "BadDeviceToken", reason == "Unregistered", reason == "ExpiredToken":
		return a.As(parley.ErrGone, service, reason)
	case a.Status == http.StatusForbidden,
		a.Status == http.StatusBadRequest && (reason == "BadTopic" || reason == "MissingTopic" || reason == "TopicDisallowed"):
		return a.As(parley.ErrCredentials, service, reason) // the server's settings, whatever the device
	case reason == "IdleTimeout":
		return &parley.RetryError{Err: a.Err(service, reason)}
	}
	return a.Err(service, reason)
}
