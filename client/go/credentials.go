package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	renewalMargin  = time.Minute      // a token is renewed this long before its end, or at half its life if that is later
	renewalRetry   = 5 * time.Second  // after a planned renewal failed, the token in use is kept this long
	tokenCalm      = 10 * time.Second // without a call of GetToken for this long, calls no longer wait; at most a quarter of the token's life
	freeTokenCalls = 2                // consecutive calls that do not wait
	maxRefusals    = 3                // consecutive new tokens that the server may refuse
)

// credentials are the token in use and the way to its successors.
//
// However many requests need another token, GetToken is called once at a time, and those that waited use its result.
// From the third consecutive call on there is a pause before each, which grows until no call has been made for a
// while.
type credentials struct {
	// fixed after construction
	getToken func(context.Context) (string, error) // nil: there is at most one token
	timeout  time.Duration                         // of one call

	turn chan struct{} // holds a value while a goroutine calls getToken; that one owns the two fields below

	// owned by turn
	pauses backoff
	calls  int // consecutive ones

	// guarded by mu
	mu      sync.Mutex
	current string
	renewAt time.Time // when its successor is due; zero: never
	calmAt  time.Time // when calls are counted from zero again
}

func newCredentials(cfg *Config) *credentials {
	c := &credentials{getToken: cfg.GetToken, timeout: cfg.TryTimeout, turn: make(chan struct{}, 1),
		pauses: backoff{first: cfg.FirstWait, max: cfg.MaxWait}}
	if cfg.Token != "" {
		c.set(cfg.Token)
	}
	return c
}

// renews reports whether a refused token can have a successor.
func (c *credentials) renews() bool { return c.getToken != nil }

// token returns the token to use: the one in use, or its successor if it was refused or
// is about to expire. after is the delay that the server requested. Errors: of
// GetToken, a terminal *Error if that returned none, ctx's.
func (c *credentials) token(ctx context.Context, refused string, after time.Duration) (string, error) {
	if token, ok := c.usable(refused); ok {
		return token, nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if token, ok := c.usable(refused); ok { // another caller has just obtained it
		return token, nil
	}
	token, err := c.renew(ctx, after)
	if err == nil {
		c.set(token)
		return token, nil
	}
	if token, ok := c.postpone(refused); ok && ctx.Err() == nil {
		return token, nil
	}
	return "", fmt.Errorf("get a token: %w", err)
}

// usable returns the token in use if it may be used now.
func (c *credentials) usable(refused string) (token string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := !c.renewAt.IsZero() && !time.Now().Before(c.renewAt)
	return c.current, !c.renews() || c.current != "" && c.current != refused && !due
}

// postpone keeps the token in use for a while, unless the server has refused it.
func (c *credentials) postpone(refused string) (token string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == "" || c.current == refused {
		return "", false
	}
	c.renewAt = time.Now().Add(renewalRetry)
	return c.current, true
}

// renew calls getToken. The caller has the turn.
func (c *credentials) renew(ctx context.Context, after time.Duration) (string, error) {
	c.mu.Lock()
	if time.Now().After(c.calmAt) {
		c.calls = 0
		c.pauses.reset()
	}
	c.mu.Unlock()
	pause := after
	if c.calls >= freeTokenCalls {
		pause = c.pauses.next(after)
	}
	c.calls++
	if err := wait(ctx, pause); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := c.getToken(ctx)
	c.mu.Lock()
	c.calmAt = time.Now().Add(tokenCalm)
	c.mu.Unlock()
	if err == nil && token == "" {
		err = &Error{Status: http.StatusUnauthorized, Code: "unauthorized", Detail: "GetToken returned no token"}
	}
	return token, err
}

// set starts to use a token. The time to renew it follows from exp and iat, which are
// of one clock; this machine's clock may be wrong.
func (c *credentials) set(token string) {
	now := time.Now()
	life := claimsOf(token).life(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.renewAt = token, time.Time{}
	if life > 0 && c.renews() {
		c.renewAt = now.Add(life - min(renewalMargin, life/2))
		c.calmAt = now.Add(max(time.Second/2, min(tokenCalm, life/4)))
	}
}

// authorized calls try with a token, and repeats that with others while the server refuses them.
func (c *credentials) authorized(ctx context.Context, try func(token string) error) error {
	var refused string
	var after time.Duration
	for refusals := 0; ; refusals++ {
		token, err := c.token(ctx, refused, after)
		if err != nil {
			return err
		}
		err = try(token)
		switch e, ok := errors.AsType[*Error](err); {
		case !ok || e.Status != http.StatusUnauthorized || !c.renews():
			return err
		case refusals == maxRefusals:
			return fmt.Errorf("the server rejected the new tokens too: %w", err)
		default:
			refused, after = token, e.RetryAfter
		}
	}
}

// claims are the claims of a JWT (RFC 7519) that matter here, unverified.
type claims struct {
	Subject string   `json:"sub"`
	Expires *float64 `json:"exp"`
	Issued  *float64 `json:"iat"`
}

// claimsOf returns none for a token that is not a JWT, such as an API key.
func claimsOf(token string) (c claims) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(b, &c) != nil {
		return claims{}
	}
	return c
}

// life returns how long a token is valid in total, 0 if that is unknown.
func (c claims) life(now time.Time) time.Duration {
	if c.Expires == nil {
		return 0
	}
	begin := float64(now.UnixMicro()) / 1e6
	if c.Issued != nil {
		begin = *c.Issued
	}
	const most = 1e9 // seconds, so that no duration overflows
	return time.Duration(max(0, min(*c.Expires-begin, most)) * float64(time.Second))
}

// User returns the user for whom the client acts: the user of its Config, else the token's sub.
func (c *Client) User(ctx context.Context) (string, error) {
	if c.cfg.User != "" {
		return c.cfg.User, nil
	}
	token, err := c.credentials.token(ctx, "", 0)
	if err != nil {
		return "", err
	}
	if user := claimsOf(token).Subject; user != "" {
		return user, nil
	}
	return "", errors.New("the client speaks for no user: set Config.User, or use a token that names one")
}
