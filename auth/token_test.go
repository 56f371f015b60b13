package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/auth"
)

var secret = []byte("a secret of thirty-two bytes, or more")

// now is a whole second, as in claims.
var now = time.Now().Truncate(time.Second)

func authenticator(t *testing.T, cfg auth.Config) *auth.Authenticator {
	t.Helper()
	if cfg.Secret == nil && cfg.JWKS == "" {
		cfg.Secret = secret
	}
	if cfg.Clock == nil {
		cfg.Clock = func() time.Time { return now }
	}
	if cfg.Origins == nil {
		cfg.Origins = func(string) bool { return false }
	}
	if cfg.Tickets == nil {
		cfg.Tickets = newTickets(cfg.Clock)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	a, err := auth.New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// claims returns alice's claims, valid for an hour, with some changed; a nil value removes one.
func claims(changes map[string]any) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "alice", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func sign(t *testing.T, method jwt.SigningMethod, key any, c jwt.Claims, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	for name, value := range header {
		token.Header[name] = value
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// unauthorized checks that an error has the only code that callers see, and the given detail.
func unauthorized(t *testing.T, what string, err error, detail string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s was taken", what)
		return
	}
	if e := parley.AsError(err); e.Code != parley.CodeUnauthorized || !strings.Contains(e.Detail, detail) || e.Hint == "" {
		t.Errorf("%s: %v %q, want unauthorized, %q and a hint", what, err, e.Hint, detail)
	}
}

func TestValidTokenIdentifiesTheCaller(t *testing.T) {
	a := authenticator(t, auth.Config{})
	c, err := a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, secret,
		claims(map[string]any{"name": "Alice L.", "channels": []string{"room:*=rw", "news=r", "lobby", "@alice=r"}}), nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.User != "alice" || c.Name != "Alice L." || c.Any() || !c.As.Listed || !c.As.Expires.Equal(now.Add(time.Hour)) ||
		!c.As.Issued.Equal(now) {
		t.Errorf("%+v %+v", c, c.As)
	}
	want := []access.Grant{{Pattern: "room:*", Rights: access.Read | access.Write}, {Pattern: "news", Rights: access.Read},
		{Pattern: "lobby", Rights: access.Read | access.Write | access.Presence}, {Pattern: "@alice", Rights: access.Read}}
	if len(c.As.Grants) != len(want) {
		t.Fatalf("%+v, want %+v", c.As.Grants, want)
	}
	for i := range want {
		if c.As.Grants[i] != want[i] {
			t.Errorf("%+v, want %+v", c.As.Grants[i], want[i])
		}
	}
	c, err = a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, secret, claims(map[string]any{"channels": []string{}}), nil))
	if err != nil || !c.As.Listed || len(c.As.Grants) != 0 {
		t.Errorf("an empty list: %+v %v", c.As, err)
	}
	c, err = a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, secret, claims(nil), nil))
	if err != nil || c.As.Listed {
		t.Errorf("no list: %+v %v", c.As, err)
	}
}

func TestClaimsThatAreRefused(t *testing.T) {
	a := authenticator(t, auth.Config{Issuer: "us", Audience: "chat"})
	good := map[string]any{"iss": "us", "aud": []string{"web", "chat"}}
	for name, c := range map[string]struct {
		changes map[string]any
		detail  string // "" if the token is valid
	}{
		"as it should be":             {nil, ""},
		"aud is one text":             {map[string]any{"aud": "chat"}, ""},
		"another audience":            {map[string]any{"aud": "mail"}, "audience"},
		"no audience":                 {map[string]any{"aud": nil}, "lacks"},
		"another issuer":              {map[string]any{"iss": "them"}, "issuer"},
		"no issuer":                   {map[string]any{"iss": nil}, "lacks"},
		"no exp":                      {map[string]any{"exp": nil}, "exp"},
		"exp now":                     {map[string]any{"exp": now.Unix()}, "expired"},
		"exp a second ago":            {map[string]any{"exp": now.Add(-time.Second).Unix()}, "expired"},
		"exp an hour ago":             {map[string]any{"exp": now.Add(-time.Hour).Unix()}, "expired"},
		"exp in a second":             {map[string]any{"exp": now.Add(time.Second).Unix()}, ""},
		"exp is a text":               {map[string]any{"exp": "tomorrow"}, "not a JWT"},
		"nbf in 20 s":                 {map[string]any{"nbf": now.Add(20 * time.Second).Unix()}, ""},
		"nbf in 40 s":                 {map[string]any{"nbf": now.Add(40 * time.Second).Unix()}, "not valid yet"},
		"iat in 20 s":                 {map[string]any{"iat": now.Add(20 * time.Second).Unix()}, ""},
		"iat in 40 s":                 {map[string]any{"iat": now.Add(40 * time.Second).Unix()}, "not valid yet"},
		"no iat":                      {map[string]any{"iat": nil}, ""},
		"no sub":                      {map[string]any{"sub": nil}, "sub"},
		"an empty sub":                {map[string]any{"sub": ""}, "sub"},
		"sub is the guest":            {map[string]any{"sub": "guest"}, "sub"},
		"sub of 128 bytes":            {map[string]any{"sub": strings.Repeat("a", 128)}, ""},
		"sub is a number":             {map[string]any{"sub": 42}, "not a JWT"},
		"a name of 128 letters":       {map[string]any{"name": strings.Repeat("é", 128)}, ""},
		"a name of 129 letters":       {map[string]any{"name": strings.Repeat("é", 129)}, "name"},
		"a name that is a list":       {map[string]any{"name": []string{"x"}}, "not a JWT"},
		"channels is null":            {map[string]any{"channels": jwt.MapClaims(nil)}, ""},
		"channels is a text":          {map[string]any{"channels": "room:*"}, "not a JWT"},
		"channels holds a number":     {map[string]any{"channels": []any{1}}, "not a JWT"},
		"channels with no such right": {map[string]any{"channels": []string{"room=x"}}, "channels"},
		"channels with no pattern":    {map[string]any{"channels": []string{"=r"}}, "channels"},
		"channels with an empty one":  {map[string]any{"channels": []string{""}}, "channels"},
		"channels with a bad name":    {map[string]any{"channels": []string{"a b=r"}}, "channels"},
		"channels with an inner *":    {map[string]any{"channels": []string{"a*b=r"}}, "channels"},
		"channels without a right":    {map[string]any{"channels": []string{"room="}}, ""},
		"channels of all":             {map[string]any{"channels": []string{"*"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]any{}
			for _, m := range []map[string]any{good, c.changes} {
				for k, v := range m {
					all[k] = v
				}
			}
			token := sign(t, jwt.SigningMethodHS256, secret, claims(all), nil)
			switch caller, err := a.Bearer(t.Context(), token); {
			case c.detail != "":
				unauthorized(t, name, err, c.detail)
			case err != nil:
				t.Errorf("%v", err)
			case caller.User == "":
				t.Errorf("the user is empty")
			}
		})
	}
}

// The signature is valid and another token would not help, so this is not an error of credentials.
func TestInvalidSubIsABadRequest(t *testing.T) {
	a := authenticator(t, auth.Config{})
	for _, sub := range []string{"channel", "alice smith", "@alice", "../alice", strings.Repeat("a", 129)} {
		_, err := a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, secret, claims(map[string]any{"sub": sub}), nil))
		if e := parley.AsError(err); err == nil || e.Code != parley.CodeBadRequest || e.Hint == "" ||
			strings.Contains(err.Error()+e.Hint, "alice") {
			t.Errorf("%.20s: %v", sub, err)
		}
	}
}

// A response and a log may quote the refusal, so it must not contain any part of the token.
func TestRefusalsDoNotQuoteTheToken(t *testing.T) {
	a := authenticator(t, auth.Config{})
	const canary = "canary-7f3a"
	for _, token := range []string{canary, canary + "." + canary + "." + canary, "key_" + canary,
		sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat(canary, 4)), claims(nil), map[string]any{"kid": canary}),
		sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("another", 5)), claims(map[string]any{"sub": canary}), nil)} {
		_, err := a.Bearer(t.Context(), token)
		unauthorized(t, token, err, "")
		if err != nil && (strings.Contains(err.Error(), canary) || strings.Contains(parley.AsError(err).Hint, canary)) {
			t.Errorf("%v quotes the token", err)
		}
	}
}

// pair is a private key and its public key as a JWK.
type pair struct {
	method  jwt.SigningMethod
	private crypto.Signer
	jwk     map[string]any
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func rsaPair(t *testing.T, kid string) pair {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return pair{jwt.SigningMethodRS256, k, map[string]any{"kty": "RSA", "kid": kid, "n": b64(k.N.Bytes()),
		"e": b64(big.NewInt(int64(k.E)).Bytes())}}
}

func ecPair(t *testing.T, kid string) pair {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := k.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	return pair{jwt.SigningMethodES256, k, map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(raw[1:33]), "y": b64(raw[33:])}}
}

func edPair(t *testing.T, kid string) pair {
	t.Helper()
	public, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair{jwt.SigningMethodEdDSA, k, map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(public)}}
}

// keySet serves public keys, which can be replaced.
type keySet struct {
	*httptest.Server
	mu      sync.Mutex
	pairs   []pair
	fetched int
	paths   []string
}

func serveKeys(t *testing.T, pairs ...pair) *keySet {
	t.Helper()
	s := &keySet{pairs: pairs}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fetched++
		s.paths = append(s.paths, r.URL.Path)
		keys := []map[string]any{}
		for _, p := range s.pairs {
			keys = append(keys, p.jwk)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keySet) rotate(pairs ...pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pairs = pairs
}

func (s *keySet) asked() (times int, paths []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetched, s.paths
}

func TestPublicKeys(t *testing.T) {
	r, e, d := rsaPair(t, "r"), ecPair(t, "e"), edPair(t, "d")
	set := serveKeys(t, r, e, d)
	for _, withSecret := range []bool{false, true} {
		cfg := auth.Config{JWKS: set.URL + "/keys"}
		if withSecret {
			cfg.Secret = secret
		}
		a := authenticator(t, cfg)
		for _, p := range []pair{r, e, d} {
			c, err := a.Bearer(t.Context(), sign(t, p.method, p.private, claims(nil), map[string]any{"kid": p.jwk["kid"]}))
			if err != nil || c.User != "alice" {
				t.Errorf("%s: %v %v", p.method.Alg(), c, err)
			}
			_, err = a.Bearer(t.Context(), sign(t, p.method, p.private, claims(map[string]any{"exp": now.Unix()}),
				map[string]any{"kid": p.jwk["kid"]}))
			unauthorized(t, "an old token of "+p.method.Alg(), err, "expired")
		}
		_, err := a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, secret, claims(nil), nil))
		if withSecret != (err == nil) {
			t.Errorf("HS256, with a secret: %t: %v", withSecret, err)
		}
	}
}

// Attacks by changing a token's header (RFC 8725, sections 2 and 3).
func TestForgedTokens(t *testing.T) {
	r, e, d := rsaPair(t, "r"), ecPair(t, "e"), edPair(t, "d")
	set := serveKeys(t, r, e, d)
	der, err := x509.MarshalPKIXPublicKey(r.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	evil := rsaPair(t, "r")
	elsewhere := serveKeys(t, evil)
	hs, rs := jwt.SigningMethodHS256, jwt.SigningMethodRS256
	forged := map[string]string{
		"alg none": sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), nil),
		"alg NONE": strings.Replace(sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), nil),
			b64([]byte(`{"alg":"none"`))[:10], b64([]byte(`{"alg":"NONE"`))[:10], 1),
		"no signature":                     cut(sign(t, rs, r.private, claims(nil), map[string]any{"kid": "r"})),
		"HS256 with the public key in PEM": sign(t, hs, public, claims(nil), map[string]any{"kid": "r"}),
		"HS256 with the public key in DER": sign(t, hs, der, claims(nil), map[string]any{"kid": "r"}),
		"HS256 with the modulus": sign(t, hs, r.private.Public().(*rsa.PublicKey).N.Bytes(), claims(nil),
			map[string]any{"kid": "r"}),
		"HS256 with an empty key":             sign(t, hs, []byte{}, claims(nil), nil),
		"HS384 with the secret":               sign(t, jwt.SigningMethodHS384, secret, claims(nil), nil),
		"HS512 with the secret":               sign(t, jwt.SigningMethodHS512, secret, claims(nil), nil),
		"RS512, which is not on the list":     sign(t, jwt.SigningMethodRS512, r.private, claims(nil), map[string]any{"kid": "r"}),
		"PS256, which is not on the list":     sign(t, jwt.SigningMethodPS256, r.private, claims(nil), map[string]any{"kid": "r"}),
		"RS256 under the kid of an EC key":    sign(t, rs, r.private, claims(nil), map[string]any{"kid": "e"}),
		"ES256 under the kid of an RSA key":   sign(t, jwt.SigningMethodES256, e.private, claims(nil), map[string]any{"kid": "r"}),
		"EdDSA under the kid of an EC key":    sign(t, jwt.SigningMethodEdDSA, d.private, claims(nil), map[string]any{"kid": "e"}),
		"RS256 of another key":                sign(t, rs, evil.private, claims(nil), map[string]any{"kid": "r"}),
		"RS256 without a kid, of another key": sign(t, rs, evil.private, claims(nil), nil),
		"a kid that is a path":                sign(t, hs, secret[:32], claims(nil), map[string]any{"kid": file}),
		"a kid that goes up":                  sign(t, hs, []byte{}, claims(nil), map[string]any{"kid": "../../../../dev/null"}),
		"a kid that is a URL":                 sign(t, rs, evil.private, claims(nil), map[string]any{"kid": elsewhere.URL + "/kid"}),
		"a kid that is a number":              sign(t, rs, r.private, claims(nil), map[string]any{"kid": 1}),
		"jku, which names other keys":         sign(t, rs, evil.private, claims(nil), map[string]any{"kid": "r", "jku": elsewhere.URL + "/jku"}),
		"x5u, which names another certificate": sign(t, rs, evil.private, claims(nil),
			map[string]any{"kid": "r", "x5u": elsewhere.URL + "/x5u"}),
		"jwk, which brings its own key": sign(t, rs, evil.private, claims(nil), map[string]any{"kid": "r", "jwk": evil.jwk}),
		"crit, which has to be understood": sign(t, rs, r.private, claims(nil),
			map[string]any{"kid": "r", "crit": []string{"b64"}, "b64": false}),
		"nothing":                       "",
		"one part":                      "e30",
		"five parts":                    "e30.e30.e30.e30.e30",
		"a token with a comma after it": sign(t, rs, r.private, claims(nil), map[string]any{"kid": "r"}) + ",",
	}
	for _, with := range []auth.Config{{JWKS: set.URL}, {JWKS: set.URL, Secret: []byte(strings.Repeat("another secret ", 3))}} {
		a := authenticator(t, with)
		for name, token := range forged {
			_, err := a.Bearer(t.Context(), token)
			unauthorized(t, name, err, "")
		}
	}
	a := authenticator(t, auth.Config{Secret: secret})
	for name, token := range forged {
		if !strings.HasPrefix(name, "RS256 of") { // those are valid only with public keys
			_, err := a.Bearer(t.Context(), token)
			unauthorized(t, name+", with a secret alone", err, "")
		}
	}
	if n, paths := elsewhere.asked(); n != 0 {
		t.Errorf("a token's header made the server fetch %v", paths)
	}
}

func cut(token string) string { return token[:strings.LastIndex(token, ".")+1] }

func TestRotatedKeysAreFound(t *testing.T) {
	old, fresh := rsaPair(t, "2024"), ecPair(t, "2025")
	set := serveKeys(t, old)
	a := authenticator(t, auth.Config{JWKS: set.URL})
	good := func(p pair) error {
		_, err := a.Bearer(t.Context(), sign(t, p.method, p.private, claims(nil), map[string]any{"kid": p.jwk["kid"]}))
		return err
	}
	if err := good(old); err != nil {
		t.Fatal(err)
	}
	set.rotate(fresh)
	if err := good(fresh); err != nil {
		t.Errorf("a new key is not known at once: %v", err)
	}
	unauthorized(t, "a key that was taken out", good(old), "kid")

	// Made-up kids cause few requests to the source of keys.
	before, _ := set.asked()
	for range 100 {
		p := fresh
		p.jwk = map[string]any{"kid": rand.Text()}
		unauthorized(t, "a made-up kid", good(p), "")
	}
	if after, _ := set.asked(); after > before+1 {
		t.Errorf("a hundred made-up kids made %d requests", after-before)
	}
}

// If a token cannot be checked, the client is not told that it is invalid: a page would ask its
// user to log in, and an EventSource would never reconnect.
func TestKeysThatCantBeFetchedServeNobodyForATime(t *testing.T) {
	p := rsaPair(t, "r")
	gone := serveKeys(t, p)
	url := gone.URL
	gone.Close()
	a := authenticator(t, auth.Config{JWKS: url, Secret: secret})
	_, err := a.Bearer(t.Context(), sign(t, p.method, p.private, claims(nil), map[string]any{"kid": "r"}))
	if e := parley.AsError(err); err == nil || e.Code != parley.CodeUnavailable || e.RetryAfter <= 0 {
		t.Errorf("a token whose key cannot be fetched: %v", err)
	}
	_, err = a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("other", 8)), claims(nil), nil))
	unauthorized(t, "a token of another secret", err, "")
	if _, err := a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, secret, claims(nil), nil)); err != nil {
		t.Errorf("the secret's tokens: %v", err)
	}
}

// The set of keys comes only from the configured URL: redirects are not followed, and its size is limited.
func TestKeysAreFetchedFromTheirURLAlone(t *testing.T) {
	p := rsaPair(t, "r")
	set := serveKeys(t, p)
	redirecting := httptest.NewServer(http.RedirectHandler(set.URL, http.StatusFound))
	defer redirecting.Close()
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"keys":[],"x":"`))
		for range 64 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
		_, _ = w.Write([]byte(`"}`))
	}))
	defer endless.Close()
	padded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"x": strings.Repeat(" ", 1<<20), "keys": []any{p.jwk}})
	}))
	defer padded.Close()
	for name, url := range map[string]string{"a redirect": redirecting.URL, "without end": endless.URL, "too large": padded.URL} {
		a := authenticator(t, auth.Config{JWKS: url})
		_, err := a.Bearer(t.Context(), sign(t, p.method, p.private, claims(nil), map[string]any{"kid": "r"}))
		if e := parley.AsError(err); err == nil || e.Code != parley.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, _ := set.asked(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func TestShortTokenSecretIsRefused(t *testing.T) {
	dir := t.TempDir()
	for content, good := range map[string]bool{
		strings.Repeat("x", 32): true, strings.Repeat("x", 31): false, strings.Repeat("x", 31) + "\n": false,
		strings.Repeat("x", 32) + "\n": true, strings.Repeat("\x00", 32): true, strings.Repeat("x", 31) + "\r\n": false,
	} {
		path := filepath.Join(dir, "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := auth.ReadSecret(path)
		if good != (err == nil) || good && len(got) != 32 {
			t.Errorf("%q: %q %v", content, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "xxxx") {
			t.Errorf("%v quotes the secret", err)
		}
	}
	if _, err := auth.New(t.Context(), auth.Config{Secret: make([]byte, 31)}); err == nil {
		t.Error("a short secret was taken")
	}
}

// A claim has one exact name: in another case it is another claim.
func TestClaimsHaveExactNames(t *testing.T) {
	a := authenticator(t, auth.Config{})
	good := fmt.Sprintf(`"sub":"alice","exp":%d`, now.Add(time.Hour).Unix())
	for payload, user := range map[string]parley.UserID{
		`{` + good + `,"SUB":"bob"}`:                 "alice",
		`{"Sub":"bob",` + good + `}`:                 "alice",
		`{` + good + `,"Channels":"web","EXP":1}`:    "alice",
		`{` + good + `,"Channels":["*=a"]}`:          "alice",
		`{` + good + `,"sub":"bob"}`:                 "",
		`{` + good + `,"channels":[],"channels":[]}`: "",
		`{"SUB":"bob","exp":9999999999}`:             "",
	} {
		head := b64([]byte(`{"alg":"HS256"}`)) + "." + b64([]byte(payload))
		signature, err := jwt.SigningMethodHS256.Sign(head, secret)
		if err != nil {
			t.Fatal(err)
		}
		c, err := a.Bearer(t.Context(), head+"."+b64(signature))
		if user == "" {
			if err == nil {
				t.Errorf("%s is taken, as %s", payload, c.User)
			}
			continue
		}
		if err != nil || c.User != user || c.As.Listed {
			t.Errorf("%s is %s, listed %v (%v), want %s", payload, c.User, c.As != nil && c.As.Listed, err, user)
		}
	}
}
