package parleytest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley"
)

// WebPush is a third-party push service for browsers (testenv/services/webpush), which checks signatures and decrypts,
// behind a server that checks the rest, and can refuse.
type WebPush struct {
	pushServer

	service   string // the URL of the third-party service
	publicKey string // of the tested server, in base64url

	headers map[string]headers // what came with a notification, by endpoint and topic; guarded by mu
	listed  map[string]int     // number of an endpoint's notifications already returned; guarded by mu
	tokens  map[string]bool    // the tokens that were used; guarded by mu
}

type headers struct {
	topic string
	ttl   time.Duration
}

var _ PushService = (*WebPush)(nil)

// NewWebPush starts the server in front of service, which is the URL of testenv/services/webpush. publicKey is the key of
// the tested server.
func NewWebPush(t testing.TB, service, publicKey string) *WebPush {
	t.Helper()
	s := &WebPush{service: service, publicKey: publicKey, headers: map[string]headers{}, listed: map[string]int{},
		tokens: map[string]bool{}}
	s.answers = []PushAnswer{
		{Status: 404, Want: PushGone},
		{Status: 410, Body: "REQUEST", Want: PushGone},
		{Status: 401, Want: PushCredentials},
		{Status: 403, Body: "REQUEST", Want: PushCredentials},
		{Status: 400, Body: "REQUEST", Want: PushNever},
		{Status: 413, Want: PushNever},
		{Status: 301, Want: PushNever},
	}
	s.serve(t, nil, s.handle)
	return s
}

// Device implements PushService.
func (s *WebPush) Device(t testing.TB) parley.Device {
	t.Helper()
	var answer struct {
		Data struct {
			Endpoint string
			Keys     struct{ P256DH, Auth string }
		}
	}
	s.call(t, "/subscribe", map[string]string{"userVisibleOnly": "true", "applicationServerKey": s.publicKey}, &answer)
	path := answer.Data.Endpoint[strings.LastIndex(answer.Data.Endpoint, "/notify/"):]
	decode := func(text string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s.addDevice(path)
	return parley.Device{User: "alice", ID: "browser", Platform: parley.PlatformWebPush, App: "default", Subscription: &parley.Subscription{
		Endpoint: s.URL + path, P256DH: decode(answer.Data.Keys.P256DH), Auth: decode(answer.Data.Keys.Auth),
	}}
}

// Expire ends a device's subscription.
func (s *WebPush) Expire(t testing.TB, d parley.Device) {
	t.Helper()
	s.call(t, "/expire-subscription/"+d.Subscription.Endpoint[strings.LastIndexByte(d.Subscription.Endpoint, '/')+1:], struct{}{}, nil)
}

func (s *WebPush) call(t testing.TB, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(s.service+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %s %s", path, res.Status, b)
	}
	if out != nil {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *WebPush) handle(w http.ResponseWriter, r *http.Request) {
	if s.handled(w, r) {
		return
	}
	h, err := s.check(r)
	if err != nil {
		s.fault("%v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	forward, err := http.NewRequestWithContext(r.Context(), r.Method, s.service+r.URL.Path, r.Body)
	if err != nil {
		s.fault("%v", err)
		return
	}
	forward.Header = r.Header.Clone()
	s.mu.Lock()
	s.headers[r.URL.Path+" "+h.topic] = h // stored before the service lists the notification
	s.mu.Unlock()
	res, err := http.DefaultClient.Do(forward)
	if err != nil {
		s.fault("%v", err)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if res.StatusCode == http.StatusBadRequest {
		s.fault("the service refuses: %s", b)
	}
	w.WriteHeader(res.StatusCode)
	w.Write(b)
}

var (
	topic         = regexp.MustCompile(`^[A-Za-z0-9_-]{0,32}$`)
	authorization = regexp.MustCompile(`^vapid t=([A-Za-z0-9_.-]+), k=([A-Za-z0-9_-]+)$`)
)

// check looks at the headers (RFC 8030, 8188, 8292).
func (s *WebPush) check(r *http.Request) (h headers, err error) {
	b, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b))
	seconds, err := strconv.ParseInt(r.Header.Get("TTL"), 10, 32)
	if err != nil || seconds < 0 || r.Method != http.MethodPost || r.Header.Get("Content-Encoding") != "aes128gcm" || len(b) > 4096 {
		return h, fmt.Errorf("%s with TTL %q, %q, %d bytes", r.Method, r.Header.Get("TTL"), r.Header.Get("Content-Encoding"), len(b))
	}
	h = headers{topic: r.Header.Get("Topic"), ttl: time.Duration(seconds) * time.Second}
	if urgency := r.Header.Get("Urgency"); !topic.MatchString(h.topic) || urgency != "normal" {
		return h, fmt.Errorf("topic %q, urgency %q", h.topic, urgency)
	}
	vapid := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if vapid == nil || vapid[2] != s.publicKey {
		return h, fmt.Errorf("authorization %q", r.Header.Get("Authorization"))
	}
	var claims jwt.RegisteredClaims // the service checks its signature
	if _, _, err := jwt.NewParser().ParseUnverified(vapid[1], &claims); err != nil {
		return h, err
	}
	if len(claims.Audience) != 1 || claims.Audience[0] != "http://"+r.Host || claims.Subject == "" ||
		claims.ExpiresAt == nil || time.Until(claims.ExpiresAt.Time) > 24*time.Hour || time.Until(claims.ExpiresAt.Time) < time.Minute {
		return h, fmt.Errorf("claims %+v", claims)
	}
	s.mu.Lock()
	s.tokens[vapid[1]] = true
	s.mu.Unlock()
	return h, nil
}

// Tokens returns the number of different tokens used.
func (s *WebPush) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens)
}

// Pushes implements PushService: it asks the service for what it has decrypted.
func (s *WebPush) Pushes(t testing.TB) (all []Push) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range s.devices {
		var answer struct{ Data struct{ Messages []string } }
		s.call(t, "/get-notifications", map[string]string{"clientHash": strings.TrimPrefix(path, "/notify/")}, &answer)
		messages := answer.Data.Messages[s.listed[path]:]
		s.listed[path] += len(messages)
		for _, text := range messages {
			var m struct {
				Title, Body, Channel, Tag, URL string
				Badge, ID                      int64
			}
			decoder := json.NewDecoder(strings.NewReader(text))
			decoder.DisallowUnknownFields()
			h, ok := headers{}, false
			if err := decoder.Decode(&m); err == nil {
				h, ok = s.headers[path+" "+m.Tag]
			}
			if !ok || m.URL != "/#"+m.Channel {
				t.Errorf("the service decrypted %s", text)
			}
			all = append(all, Push{Device: s.URL + path, Title: m.Title, Body: m.Body, Badge: m.Badge, ID: m.ID,
				Channel: parley.ChannelID(m.Channel), Collapse: h.topic, TTL: h.ttl})
		}
	}
	return all
}
