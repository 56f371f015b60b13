package fcm

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/outgoing"
)

const (
	scope     = "https://www.googleapis.com/auth/firebase.messaging"
	grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523
	early     = 5 * time.Minute                               // for how long before its expiry a token is replaced
)

// account is a service account.
type account struct {
	project, email, keyID string
	key                   *rsa.PrivateKey
	tokenURL              string
}

func readAccount(file string) (a account, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return a, fmt.Errorf("read the credentials file: %w", err)
	}
	var f struct {
		Type        string `json:"type"`
		ProjectID   string `json:"project_id"`
		KeyID       string `json:"private_key_id"`
		PrivateKey  string `json:"private_key"`
		ClientEmail string `json:"client_email"`
		TokenURI    string `json:"token_uri"`
	}
	if json.Unmarshal(b, &f) != nil || f.Type != "service_account" {
		return a, fmt.Errorf("the credentials file %s is not the JSON file of a service account: "+
			"create one in the Firebase console under Project settings, Service accounts", file)
	}
	for _, s := range []struct{ value, name string }{
		{f.ProjectID, "project_id"}, {f.PrivateKey, "private_key"}, {f.ClientEmail, "client_email"}, {f.TokenURI, "token_uri"},
	} {
		if s.value == "" {
			return a, fmt.Errorf("the credentials file %s has no %s: use it as it was downloaded", file, s.name)
		}
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(f.PrivateKey))
	if err != nil {
		return a, fmt.Errorf("the private_key in the credentials file %s is not an RSA key: use the file as it was downloaded", file)
	}
	if u, err := url.Parse(f.TokenURI); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return a, fmt.Errorf("the token_uri in the credentials file %s is not a URL: use the file as it was downloaded", file)
	}
	return account{project: f.ProjectID, email: f.ClientEmail, keyID: f.KeyID, key: key, tokenURL: f.TokenURI}, nil
}

// tokens fetches the access token that all requests share (RFC 7523).
type tokens struct {
	// fixed after construction
	account account
	client  *http.Client
	now     func() time.Time

	fetching singleflight.Group // one fetch at a time, with a context of its own

	mu      sync.Mutex
	current string
	until   time.Time
}

// get returns an access token that is valid for some time.
func (t *tokens) get(ctx context.Context) (string, error) {
	if token := t.valid(); token != "" {
		return token, nil
	}
	fetched := t.fetching.DoChan("", func() (any, error) {
		if token := t.valid(); token != "" {
			return token, nil // a fetch that ended a moment ago has brought it
		}
		return t.fetch(context.WithoutCancel(ctx))
	})
	select {
	case r := <-fetched:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(string), nil
	case <-ctx.Done():
		return "", &parley.RetryError{Err: fmt.Errorf("no access token: %w", ctx.Err())}
	}
}

// valid returns the token unless it expires soon, by the wall clock, which goes on while a machine sleeps.
func (t *tokens) valid() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.now().Round(0).Before(t.until) {
		return ""
	}
	return t.current
}

// forget makes the next get fetch another token, if the refused one is still in use.
func (t *tokens) forget(refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == refused {
		t.current = ""
	}
}

func (t *tokens) fetch(ctx context.Context) (string, error) {
	now := t.now().Round(0)
	claims := jwt.MapClaims{
		"iss": t.account.email, "scope": scope, "aud": t.account.tokenURL, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	assertion := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	if t.account.keyID != "" {
		assertion.Header["kid"] = t.account.keyID
	}
	signed, err := assertion.SignedString(t.account.key)
	if err != nil {
		return "", errors.New("FCM: the key of the service account cannot sign")
	}
	form := url.Values{"grant_type": {grantType}, "assertion": {signed}}.Encode()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	answer, err := outgoing.Post(ctx, t.client, t.account.tokenURL, header, []byte(form))
	if err != nil {
		return "", err
	}
	return t.take(answer, now)
}

func (t *tokens) take(answer outgoing.Answer, now time.Time) (string, error) {
	const service = "the token server of the service account"
	var body struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       string `json:"error"`
	}
	bad := json.Unmarshal(answer.Body, &body) != nil
	switch {
	case answer.Status == http.StatusBadRequest, answer.Status == http.StatusUnauthorized, answer.Status == http.StatusForbidden:
		return "", answer.As(parley.ErrCredentials, service, outgoing.Reason(body.Error))
	case answer.Status != http.StatusOK || bad || body.AccessToken == "":
		if err := answer.Err(service, ""); errors.As(err, new(*parley.RetryError)) {
			return "", err
		}
		return "", &parley.RetryError{Err: fmt.Errorf("%s answered %d without a token", service, answer.Status)}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	life := time.Duration(body.ExpiresIn) * time.Second
	t.current, t.until = body.AccessToken, now.Add(life-min(early, life/2))
	return t.current, nil
}
