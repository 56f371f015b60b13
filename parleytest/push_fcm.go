package parleytest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
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

// FCM is a server that behaves as Google documents the HTTP v1 API of Firebase Cloud Messaging and the OAuth exchange of a
// service account (RFC 7523).
type FCM struct {
	pushServer

	CredentialsFile, Project string       // what New needs
	CertFile                 string       // the server's certificate, for SSL_CERT_FILE
	Client                   *http.Client // trusts it

	email string
	key   *rsa.PublicKey

	tokenAnswer *PushAnswer     // replaces the token server's answer; guarded by mu
	access      map[string]bool // the access tokens that are valid; guarded by mu
	exchanges   int             // guarded by mu
}

var _ PushService = (*FCM)(nil)

// NewFCM starts the server.
func NewFCM(t testing.TB) *FCM {
	t.Helper()
	s := &FCM{Project: "chat-example", email: "push@chat-example.iam.example.org", access: map[string]bool{}}
	answer := func(status int, general, code string, want PushOutcome) PushAnswer {
		return PushAnswer{Status: status, Want: want, Body: fmt.Sprintf(`{"error":{"code":%d,"message":"REQUEST","status":%q,"details":[`+
			`{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":%q}]}}`, status, general, code)}
	}
	const badToken = `{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT","details":[` +
		`{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"INVALID_ARGUMENT"},` +
		`{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.token","description":"REQUEST"}]}]}}`
	s.answers = []PushAnswer{
		answer(404, "NOT_FOUND", "UNREGISTERED", PushGone),
		{Status: 404, Body: `{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}`, Want: PushGone},
		{Status: 404, Body: "<html>not Google's", Want: PushNever}, // a wrong URL removes no device
		{Status: 400, Body: badToken, Want: PushGone},
		{Status: 400, Body: `{"error":{"code":400,"message":"The registration token is not a valid FCM registration token",` +
			`"status":"INVALID_ARGUMENT"}}`, Want: PushGone},
		answer(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", PushNever),
		{Status: 400, Body: "REQUEST", Want: PushNever},
		answer(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", PushNever),
		answer(403, "PERMISSION_DENIED", "PERMISSION_DENIED", PushCredentials),
		{Status: 403, Body: "REQUEST", Want: PushCredentials},
		answer(401, "UNAUTHENTICATED", "UNAUTHENTICATED", PushCredentials),
		answer(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", PushCredentials),
		answer(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", PushRetry),
		answer(500, "INTERNAL", "INTERNAL", PushRetry),
		answer(503, "UNAVAILABLE", "UNAVAILABLE", PushRetry),
		{Status: 302, Want: PushNever},
	}
	certificate, certFile, client := certificate(t)
	s.CertFile, s.Client = certFile, client
	s.serve(t, certificate, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			s.exchange(w, r)
		} else {
			s.send(w, r)
		}
	})
	s.account(t)
	return s
}

// account writes a service account file.
func (s *FCM) account(t testing.TB) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": s.Project, "private_key_id": "0123456789abcdef", "private_key": text,
		"client_email": s.email, "client_id": "1", "token_uri": s.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.key, s.secrets = &key.PublicKey, []string{strings.Split(text, "\n")[1], "access-"}
	s.CredentialsFile = filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(s.CredentialsFile, file, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Device implements PushService.
func (s *FCM) Device(testing.TB) parley.Device {
	token := rand.Text() + ":APA91b-_" + rand.Text()
	s.addDevice(token)
	return parley.Device{User: "alice", ID: "phone", Platform: parley.PlatformFCM, App: "default", Token: token}
}

// AnswerTokens sets the token server's answer from now on; nil: tokens.
func (s *FCM) AnswerTokens(a *PushAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokenAnswer = a
}

// Expire invalidates all access tokens.
func (s *FCM) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// Exchanges returns the number of access tokens requested.
func (s *FCM) Exchanges() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exchanges
}

func (s *FCM) exchange(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.exchanges++
	answer := s.tokenAnswer
	s.mu.Unlock()
	if answer != nil {
		if answer.RetryAfter != "" {
			w.Header().Set("Retry-After", answer.RetryAfter)
		}
		w.WriteHeader(answer.Status)
		io.WriteString(w, strings.ReplaceAll(answer.Body, "REQUEST", r.FormValue("assertion")))
		return
	}
	refuse := func(format string, args ...any) {
		s.fault("token exchange: "+format, args...)
		w.WriteHeader(400)
		io.WriteString(w, `{"error":"invalid_grant"}`)
	}
	if r.Method != http.MethodPost || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		refuse("%s %v", r.Method, r.Form)
		return
	}
	var claims struct {
		jwt.RegisteredClaims
		Scope string
	}
	_, err := jwt.ParseWithClaims(r.FormValue("assertion"), &claims, func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(s.email), jwt.WithAudience(s.URL+"/token"),
		jwt.WithIssuedAt(), jwt.WithExpirationRequired(), jwt.WithLeeway(time.Minute))
	if err != nil || claims.IssuedAt == nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > time.Hour ||
		claims.Scope != "https://www.googleapis.com/auth/firebase.messaging" {
		refuse("%v, %+v", err, claims)
		return
	}
	access := "access-" + rand.Text()
	s.mu.Lock()
	s.access[access] = true
	s.mu.Unlock()
	fmt.Fprintf(w, `{"access_token":%q,"expires_in":3599,"token_type":"Bearer"}`, access)
}

func (s *FCM) send(w http.ResponseWriter, r *http.Request) {
	if s.handled(w, r) {
		return
	}
	refuse := func(status int, general, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":%d,"status":%q,"details":[{"errorCode":%q}]}}`, status, general, code)
	}
	if r.ProtoMajor != 2 || r.Method != http.MethodPost || r.URL.Path != "/v1/projects/"+s.Project+"/messages:send" {
		s.fault("%s %s %s", r.Proto, r.Method, r.URL.Path)
		refuse(404, "NOT_FOUND", "")
		return
	}
	access, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	ok = ok && s.access[access]
	s.mu.Unlock()
	if !ok {
		refuse(401, "UNAUTHENTICATED", "")
		return
	}
	p, err := s.read(r)
	if err != nil {
		s.fault("%v", err)
		refuse(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
		return
	}
	if !s.knows(p.Device) {
		refuse(404, "NOT_FOUND", "UNREGISTERED")
		return
	}
	s.accept(p)
	fmt.Fprintf(w, `{"name":"projects/%s/messages/%s"}`, s.Project, rand.Text())
}

// read checks a message against the version 1 schema, as far as parley uses it.
func (s *FCM) read(r *http.Request) (p Push, err error) {
	var body struct {
		ValidateOnly bool `json:"validate_only"`
		Message      struct {
			Token        string
			Notification *struct{ Title, Body, Image string }
			Data         map[string]string
			Android      struct {
				CollapseKey  string `json:"collapse_key"`
				Priority     string
				TTL          string
				Notification *struct{ Tag string }
			}
		}
	}
	b, _ := io.ReadAll(r.Body)
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return p, fmt.Errorf("body %s: %w", b, err)
	}
	m := body.Message
	p = Push{Device: m.Token, BadgeOnly: m.Notification == nil, Channel: parley.ChannelID(m.Data["channel"]), Collapse: m.Android.CollapseKey}
	size := 0
	if !p.BadgeOnly {
		p.Title, p.Body = m.Notification.Title, m.Notification.Body
		size = len("title") + len(p.Title) + len("body") + len(p.Body)
		if m.Android.Notification == nil || m.Android.Notification.Tag != p.Collapse {
			return p, fmt.Errorf("what is shown is not replaced: %s", b)
		}
	}
	for key, value := range m.Data {
		size += len(key) + len(value)
	}
	ttl, ok := strings.CutSuffix(m.Android.TTL, "s")
	seconds, err := strconv.ParseInt(ttl, 10, 64)
	if !ok || err != nil || seconds < 0 || seconds > 2_419_200 || size > 4096 || len(m.Data) != 3 {
		return p, fmt.Errorf("body of %d bytes: %s", size, b)
	}
	p.TTL = time.Duration(seconds) * time.Second
	if p.ID, err = strconv.ParseInt(m.Data["id"], 10, 64); err != nil {
		return p, err
	}
	p.Badge, err = strconv.ParseInt(m.Data["badge"], 10, 64)
	return p, err
}
