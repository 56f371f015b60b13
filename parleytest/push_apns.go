package parleytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley"
)

// APNs is a server that behaves as Apple documents the Apple Push Notification service: HTTP/2 over TLS, a provider token of
// ES256, the apns- headers and the payload.
type APNs struct {
	pushServer

	KeyFile, KeyID, TeamID, Topic string       // what New needs
	CertFile                      string       // the server's certificate, for SSL_CERT_FILE
	Client                        *http.Client // trusts it

	key     *ecdsa.PublicKey
	tokens  map[string]bool // the provider tokens seen so far; guarded by mu
	refused map[string]bool // those that have expired; guarded by mu
}

var _ PushService = (*APNs)(nil)

// NewAPNs starts the server.
func NewAPNs(t testing.TB) *APNs {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "AuthKey.p8")
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &APNs{
		KeyFile: file, KeyID: "ABC123DEFG", TeamID: "DEF123GHIJ", Topic: "org.example.chat",
		key: &key.PublicKey, tokens: map[string]bool{}, refused: map[string]bool{},
	}
	s.secrets = []string{strings.Split(string(text), "\n")[1]}
	reason := func(status int, reason string, want PushOutcome) PushAnswer {
		return PushAnswer{Status: status, Body: fmt.Sprintf(`{"reason":%q}`, reason), Want: want}
	}
	s.answers = []PushAnswer{
		{Status: 410, Body: `{"reason":"Unregistered","timestamp":1774684800000}`, Want: PushGone},
		{Status: 410, Want: PushGone},
		reason(410, "ExpiredToken", PushGone),
		reason(400, "BadDeviceToken", PushGone),
		reason(400, "DeviceTokenNotForTopic", PushNever),
		reason(400, "BadCollapseId", PushNever),
		reason(400, "TopicDisallowed", PushCredentials),
		reason(400, "IdleTimeout", PushRetry),
		reason(400, "REQUEST", PushNever),
		reason(403, "InvalidProviderToken", PushCredentials),
		reason(403, "ExpiredProviderToken", PushCredentials),
		reason(403, "MissingProviderToken", PushCredentials),
		{Status: 403, Body: "REQUEST", Want: PushCredentials},
		reason(404, "BadPath", PushNever),
		reason(405, "MethodNotAllowed", PushNever),
		reason(413, "PayloadTooLarge", PushNever),
		reason(429, "TooManyRequests", PushRetry),
		reason(429, "TooManyProviderTokenUpdates", PushRetry),
		reason(503, "ServiceUnavailable", PushRetry),
		{Status: 302, Want: PushNever},
	}
	certificate, certFile, client := certificate(t)
	s.CertFile, s.Client = certFile, client
	s.serve(t, certificate, s.handle)
	return s
}

// Device implements PushService.
func (s *APNs) Device(testing.TB) parley.Device {
	token := make([]byte, 32)
	rand.Read(token)
	s.addDevice(hex.EncodeToString(token))
	return parley.Device{User: "alice", ID: "phone", Platform: parley.PlatformAPNs, App: "default", Token: hex.EncodeToString(token)}
}

// Expire makes the server refuse the provider tokens used so far.
func (s *APNs) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.tokens {
		s.refused[token] = true
	}
}

// ProviderTokens returns the number of different provider tokens used.
func (s *APNs) ProviderTokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens)
}

func (s *APNs) handle(w http.ResponseWriter, r *http.Request) {
	if s.handled(w, r) {
		s.seen(r)
		return
	}
	refuse := func(status int, reason string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"reason":%q}`, reason)
	}
	device, ok := strings.CutPrefix(r.URL.Path, "/3/device/")
	switch {
	case r.ProtoMajor != 2:
		s.fault("the protocol is %s", r.Proto)
	case r.Method != http.MethodPost || !ok:
		s.fault("%s %s", r.Method, r.URL.Path)
		refuse(404, "BadPath")
		return
	}
	if expired, err := s.checkToken(r); err != nil {
		s.fault("provider token: %v", err)
		refuse(403, "InvalidProviderToken")
		return
	} else if expired {
		refuse(403, "ExpiredProviderToken")
		return
	}
	if r.Header.Get("apns-topic") != s.Topic {
		s.fault("topic %q", r.Header.Get("apns-topic"))
		refuse(400, "TopicDisallowed")
		return
	}
	if !s.knows(device) {
		refuse(400, "BadDeviceToken")
		return
	}
	p, err := s.read(r)
	if err != nil {
		s.fault("%v", err)
		refuse(400, "PayloadEmpty")
		return
	}
	p.Device = device
	s.accept(p)
}

func (s *APNs) seen(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[r.Header.Get("Authorization")] = true
}

func (s *APNs) checkToken(r *http.Request) (expired bool, err error) {
	s.seen(r)
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "bearer ")
	if !ok {
		return false, fmt.Errorf("the header begins otherwise")
	}
	var claims jwt.RegisteredClaims
	key := func(*jwt.Token) (any, error) { return s.key, nil }
	token, err := jwt.ParseWithClaims(text, &claims, key, jwt.WithValidMethods([]string{"ES256"}))
	if err != nil {
		return false, err
	}
	if token.Header["kid"] != s.KeyID || claims.Issuer != s.TeamID || claims.IssuedAt == nil {
		return false, fmt.Errorf("header %v, claims %+v", token.Header, claims)
	}
	if age := time.Since(claims.IssuedAt.Time); age > time.Hour || age < -time.Minute {
		return false, fmt.Errorf("it is %v old", age)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[r.Header.Get("Authorization")], nil
}

// read checks the headers and the payload.
func (s *APNs) read(r *http.Request) (p Push, err error) {
	var payload struct {
		APS struct {
			Alert  *struct{ Title, Body string }
			Badge  *int64
			Thread string `json:"thread-id"`
			Sound  string
		}
		Channel parley.ChannelID
		ID      int64
	}
	b, _ := io.ReadAll(r.Body)
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&payload); err != nil || len(b) > 4096 || payload.APS.Badge == nil {
		return p, fmt.Errorf("payload of %d bytes: %s: %v", len(b), b, err)
	}
	p = Push{BadgeOnly: payload.APS.Alert == nil, Badge: *payload.APS.Badge, Channel: payload.Channel, ID: payload.ID}
	priority := "5"
	if !p.BadgeOnly {
		p.Title, p.Body, priority = payload.APS.Alert.Title, payload.APS.Alert.Body, "10"
		if payload.APS.Thread != string(p.Channel) || payload.APS.Sound != "default" {
			return p, fmt.Errorf("payload %s", b)
		}
	} else if payload.APS.Sound != "" {
		return p, fmt.Errorf("a badge with a sound: %s", b)
	}
	if r.Header.Get("apns-push-type") != "alert" || r.Header.Get("apns-priority") != priority {
		return p, fmt.Errorf("push type %q, priority %q", r.Header.Get("apns-push-type"), r.Header.Get("apns-priority"))
	}
	if p.Collapse = r.Header.Get("apns-collapse-id"); len(p.Collapse) > 64 {
		return p, fmt.Errorf("a collapse id of %d bytes", len(p.Collapse))
	}
	at, err := strconv.ParseInt(r.Header.Get("apns-expiration"), 10, 64)
	if at != 0 {
		p.TTL = time.Until(time.Unix(at, 0)).Round(time.Minute)
	}
	return p, err
}
