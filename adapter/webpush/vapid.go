package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Keys identify the server to push services (VAPID). The zero value is not valid.
type Keys struct {
	private *ecdsa.PrivateKey
	public  string
}

// NewKeys creates keys.
func NewKeys() (Keys, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Keys{}, fmt.Errorf("make the keys of Web Push: %w", err)
	}
	return keysOf(private)
}

// ParseKeys parses the result of Bytes.
func ParseKeys(b []byte) (Keys, error) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b)
	if err != nil {
		return Keys{}, errors.New("the keys of Web Push are not a private key of P-256")
	}
	return keysOf(private)
}

func keysOf(private *ecdsa.PrivateKey) (Keys, error) {
	public, err := private.PublicKey.Bytes()
	if err != nil {
		return Keys{}, fmt.Errorf("read the public key of Web Push: %w", err)
	}
	return Keys{private: private, public: base64.RawURLEncoding.EncodeToString(public)}, nil
}

// Bytes returns the private key, 32 bytes, which must be kept secret.
func (k Keys) Bytes() ([]byte, error) { return k.private.Bytes() }

// PublicKey returns the key that browsers call applicationServerKey: 65 bytes in base64url.
func (k Keys) PublicKey() string { return k.public }

// String shows no key.
func (k Keys) String() string { return "keys of Web Push" }

// GoString shows no key.
func (k Keys) GoString() string { return k.String() }

// A push service refuses a token that is valid for more than a day (RFC 8292, section 2).
const (
	tokenLife = 12 * time.Hour
	tokenUse  = 6 * time.Hour
	// More origins than there are push services; users may name any.
	maxOrigins = 256
)

// tokens makes a token for each push service, which its requests share.
type tokens struct {
	// fixed after construction
	keys    Keys
	subject string
	now     func() time.Time

	mu       sync.Mutex
	byOrigin map[string]token
}

type token struct {
	authorization string
	issued        time.Time
}

func newTokens(keys Keys, subject string, now func() time.Time) *tokens {
	return &tokens{keys: keys, subject: subject, now: now, byOrigin: map[string]token{}}
}

// authorization returns the header for an endpoint.
func (t *tokens) authorization(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return "", errors.New("the endpoint of the subscription is not an http or https URL")
	}
	origin := originOf(u)
	now := t.now().Round(0) // push services have the wall clock too, which goes on while a machine sleeps
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.byOrigin[origin]; ok && now.Sub(old.issued).Abs() < tokenUse {
		return old.authorization, nil
	}
	claims := jwt.MapClaims{"aud": origin, "exp": now.Add(tokenLife).Unix(), "sub": t.subject}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(t.keys.private)
	if err != nil {
		return "", errors.New("the keys of Web Push cannot sign")
	}
	if len(t.byOrigin) >= maxOrigins {
		clear(t.byOrigin)
	}
	made := token{authorization: "vapid t=" + signed + ", k=" + t.keys.public, issued: now}
	t.byOrigin[origin] = made
	return made.authorization, nil
}

// originOf is the origin of a URL (RFC 6454, section 6.2): a port that the scheme implies is left out.
func originOf(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if p := u.Port(); p == "" || scheme == "https" && p == "443" || scheme == "http" && p == "80" {
		host = strings.TrimSuffix(host, ":"+p)
	}
	return scheme + "://" + host
}
