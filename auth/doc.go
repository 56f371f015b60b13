// Package auth tells who is calling in production: JSON Web Tokens, API keys and
// tickets. Libraries do the cryptography; it decides nothing about channels.
package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"parley"
	"parley/chat"
	"parley/internal/clock"
)

// Cookie is the cookie that may hold a token.
const Cookie = "parley_token"

// Config of an Authenticator.
type Config struct {
	Secret   []byte                   // signs tokens with HS256; nil: none does
	JWKS     string                   // URL of public keys for RS256, ES256 and EdDSA; "": none
	Issuer   string                   // what iss has to be; "": anything
	Audience string                   // what aud has to contain; "": anything
	Keys     *Keys                    // of back ends; nil: none
	Tickets  *Tickets                 // required
	Origins  func(origin string) bool // pages whose cookies count
	Revoked  Revoked                  // nil: nobody ever is
	Clock    func() time.Time         // time.Now, which is read once: then what passes counts, and no jump of the system's clock
	Logger   *slog.Logger             // slog.Default()
}

// Revoked tells when a user's tokens were revoked last, 0 if never.
type Revoked func(ctx context.Context, user parley.UserID) (parley.Timestamp, error)

// Authenticator implements httpapi.Authenticator.
type Authenticator struct {
	cfg    Config
	tokens *tokens
}

// New makes an authenticator. With a JWKS it fetches the keys, and again from time to
// time, until ctx ends; that they can't be had yet is only logged.
func New(ctx context.Context, cfg Config) (*Authenticator, error) {
	cfg.Clock = clock.Steady(cfg.Clock)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Revoked == nil {
		cfg.Revoked = func(context.Context, parley.UserID) (parley.Timestamp, error) { return 0, nil }
	}
	t, err := newTokens(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Authenticator{cfg, t}, nil
}

// Caller tells who sent a request, by the first of: the header Authorization, the
// parameters ticket and token, the cookie. The error is CodeUnauthorized if there are
// none, or none that is good; the reason names no secret.
func (a *Authenticator) Caller(r *http.Request) (chat.Caller, error) {
	q := r.URL.Query()
	switch token, ok := BearerOf(r.Header); {
	case ok:
		return a.Bearer(r.Context(), token)
	case r.Header.Get("Authorization") != "":
		return chat.Caller{}, refuse("the header Authorization is not Bearer", "send Authorization: Bearer TOKEN")
	case q.Get("ticket") != "":
		if c, ok := a.cfg.Tickets.Take(q.Get("ticket")); ok {
			return c, a.Valid(r.Context(), c)
		}
		return chat.Caller{}, refuse("the ticket is not known, was used, or is too old", "get another one: POST /api/tickets")
	case q.Get("token") != "":
		return a.Bearer(r.Context(), q.Get("token"))
	}
	if cookie, err := r.Cookie(Cookie); err == nil {
		if !a.fromOwnPage(r) {
			return chat.Caller{}, refuse("a cookie counts only with an allowed Origin", "add the page's origin to --allowed-origins, or send a token")
		}
		return a.Bearer(r.Context(), cookie.Value)
	}
	return chat.Caller{}, refuse("the request has no credentials", "send Authorization: Bearer TOKEN, ?token=, ?ticket= or the cookie "+Cookie)
}

// BearerOf is what the header Authorization holds, if its scheme is Bearer, in whatever
// case (RFC 9110, section 11.1).
func BearerOf(h http.Header) (token string, ok bool) {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// ByCookie tells whether a request's credentials are a cookie, which a browser sends
// by itself.
func ByCookie(r *http.Request) bool {
	if r.Header.Get("Authorization") != "" {
		return false
	}
	q := r.URL.Query()
	_, err := r.Cookie(Cookie)
	return err == nil && q.Get("ticket") == "" && q.Get("token") == ""
}

// fromOwnPage tells whether a browser says that a page of an allowed origin sends a
// request. It leaves Origin out of a GET to the page's own server, and says so in
// Sec-Fetch-Site, which pages can't set (W3C Fetch Metadata).
func (a *Authenticator) fromOwnPage(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		return a.cfg.Origins(origin)
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// Bearer tells whose token or API key it is.
func (a *Authenticator) Bearer(ctx context.Context, token string) (chat.Caller, error) {
	if a.cfg.Keys != nil && a.cfg.Keys.Has(token) {
		return chat.Caller{User: parley.Guest, As: backEnd}, nil
	}
	if strings.HasPrefix(token, keyPrefix) {
		return chat.Caller{}, refuse("the API key is not known", "make one: parley keys add NAME")
	}
	c, err := a.tokens.caller(token)
	if err != nil {
		return chat.Caller{}, err
	}
	return c, a.Valid(ctx, c)
}

// backEnd is what API keys allow.
var backEnd = &chat.Credentials{Any: true, Service: true}

// Valid refuses credentials that were good once: a token that has expired, or whose
// user's tokens were revoked since it was issued.
func (a *Authenticator) Valid(ctx context.Context, c chat.Caller) error {
	if c.As == nil || c.As.Service {
		return nil
	}
	if !c.As.Expires.IsZero() && !a.cfg.Clock().Before(c.As.Expires) {
		return refuse("the token has expired", "get a new one")
	}
	at, err := a.cfg.Revoked(ctx, c.User)
	if err != nil {
		return err
	}
	if at != 0 && c.As.Issued.UnixMicro() <= int64(at) {
		return refuse("the user's tokens were revoked", "get a new one")
	}
	return nil
}

func refuse(detail, hint string) *parley.Error {
	return &parley.Error{Code: parley.CodeUnauthorized, Detail: detail, Hint: hint}
}

var errShort = errors.New("the secret has fewer than 32 bytes")
