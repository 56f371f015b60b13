package parleytest

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/testenv"
)

// Webhook is a receiver of webhooks whose signatures npm's standardwebhooks verifies.
type Webhook struct {
	pushServer

	Secret   string // whsec_…
	verifier *testenv.Client

	posts []WebhookPost // guarded by mu
}

// WebhookPost is a request that a webhook received.
type WebhookPost struct {
	Header map[string]string // by name in lower case
	Body   string
}

var _ PushService = (*Webhook)(nil)

// NewWebhook starts the receiver.
func NewWebhook(t testing.TB) *Webhook {
	t.Helper()
	s := &Webhook{Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	s.verifier = testenv.Node(t, filepath.Join(testenv.Root(), "testenv/clients/standardwebhooks.cjs"))
	s.secrets = []string{strings.TrimPrefix(s.Secret, "whsec_")}
	s.answers = []PushAnswer{
		{Status: 410, Body: "REQUEST", Want: PushGone},
		{Status: 301, Want: PushRetry},
		{Status: 400, Body: "REQUEST", Want: PushRetry},
		{Status: 401, Want: PushRetry},
		{Status: 404, RetryAfter: "60", Want: PushRetry, After: time.Minute},
	}
	s.serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if s.handled(w, r) {
			return
		}
		post := WebhookPost{Header: map[string]string{}}
		for name := range r.Header {
			post.Header[strings.ToLower(name)] = r.Header.Get(name)
		}
		b, _ := io.ReadAll(r.Body)
		post.Body = string(b)
		if r.Method != http.MethodPost || post.Header["content-type"] != "application/json" {
			s.fault("%s of %q", r.Method, post.Header["content-type"])
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.posts = append(s.posts, post)
		w.WriteHeader(http.StatusNoContent)
	})
	return s
}

// Device implements PushService.
func (s *Webhook) Device(testing.TB) parley.Device { return parley.Device{User: "alice"} }

// Posts returns the requests accepted since the last call, each verified with the secret.
func (s *Webhook) Posts(t testing.TB, secret string) []WebhookPost {
	t.Helper()
	s.mu.Lock()
	posts := s.posts
	s.posts = nil
	s.mu.Unlock()
	for _, post := range posts {
		line, err := json.Marshal(map[string]any{"secret": secret, "header": post.Header, "body": post.Body})
		if err != nil {
			t.Fatal(err)
		}
		s.verifier.Say(string(line))
		s.verifier.Expect("verified")
	}
	return posts
}

// Pushes implements PushService.
func (s *Webhook) Pushes(t testing.TB) (all []Push) {
	t.Helper()
	for _, post := range s.Posts(t, s.Secret) {
		var event struct {
			Type      string
			Timestamp time.Time
			Data      struct {
				User, Title, Body, Collapse string
				Channel                     parley.ChannelID
				ID, Badge, Count            int64
			}
		}
		decoder := json.NewDecoder(strings.NewReader(post.Body))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&event)
		d := event.Data
		if late := time.Since(event.Timestamp).Abs() > time.Minute; err != nil || event.Type != "push" || late || d.Count < 1 {
			t.Errorf("%s: %v", post.Body, err)
		}
		all = append(all, Push{Device: d.User, Title: d.Title, Body: d.Body, Badge: d.Badge, ID: d.ID, Channel: d.Channel,
			Collapse: d.Collapse, TTL: -1})
	}
	return all
}
