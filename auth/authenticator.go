package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/internal/clock"
)

// Cookie is the cookie that may hold a token.
const Cookie = "parley_token"

// Config configures an Authenticator.
type Config struct {
	Secret   []byte                   // verifies tokens signed with HS256; nil: none are accepted
	JWKS     string                   // URL of public keys for RS256, ES256 and EdDSA; "": none
	Issuer   string                   // required iss; "": any
	Audience string                   // required element of aud; "": any
	Keys     *Keys                    // API keys of back ends; nil: none
	Tickets  *Tickets                 // required
	Origins  func(origin string) bool // origins whose pages may use the cookie
	Revoked  Revoked                  // nil: no token is ever revoked
	Clock    func() time.Time         // time.Now, read once: afterwards only elapsed time counts, not jumps of the system clock
	Logger   *slog.Logger             // slog.Default()
}

// Revoked returns when a user's tokens were last revoked, 0 if never.
type Revoked func(ctx context.Context, user parley.UserID) (parley.Timestamp, error)

// Authenticator implements httpapi.Authenticator.
type Authenticator struct {
	cfg    Config
	tokens *tokens
}

// New creates an authenticator. With a JWKS it fetches the keys, and fetches them again from
// time to time, until ctx ends; it only logs a failure to fetch them.
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

// Caller returns the caller of a request, by the first of: the header Authorization, the
// parameters ticket and token, the cookie. The error is CodeUnauthorized if there are no valid
// credentials; the reason contains no secret.
func (a *Authenticator) Caller(r *http.Request) (access.Caller, error) {
	q := r.URL.Query()
	switch token, ok := BearerOf(r.Header); {
	case ok:
		return a.Bearer(r.Context(), token)
	case r.Header.Get("Authorization") != "":
		return access.Caller{}, refuse("the header Authorization is not Bearer", "send Authorization: Bearer TOKEN")
	case q.Get("ticket") != "":
		c, err := a.cfg.Tickets.Redeem(r.Context(), q.Get("ticket"))
		if err != nil {
			return access.Caller{}, err
		}
		return c, a.Valid(r.Context(), c)
	case q.Get("token") != "":
		return a.Bearer(r.Context(), q.Get("token"))
	}
	cookies := r.CookiesNamed(Cookie)
	if len(cookies) == 0 {
		return access.Caller{}, refuse("the request has no credentials",
			"send Authorization: Bearer TOKEN, ?token=, ?ticket= or the cookie "+Cookie)
	}
	if !a.fromOwnPage(r) {
		return access.Caller{}, refuse("a cookie counts only with an allowed Origin",
			"add the page's origin to --allowed-origins, or send a token")
	}
	return a.firstGood(r.Context(), cookies)
}

// maxCookies limits how many cookies of that name are checked per request.
const maxCookies = 4

// firstGood accepts the first valid cookie: a browser sends one for each path and domain, including
// stale ones. The error is that of the first cookie.
func (a *Authenticator) firstGood(ctx context.Context, cookies []*http.Cookie) (c access.Caller, err error) {
	for i, cookie := range cookies[:min(len(cookies), maxCookies)] {
		c, wrong := a.Bearer(ctx, cookie.Value)
		if wrong == nil || parley.AsError(wrong).Code != parley.CodeUnauthorized {
			return c, wrong
		}
		if i == 0 {
			err = wrong
		}
	}
	return access.Caller{}, err
}

// BearerOf returns the credentials in the header Authorization, if its scheme is Bearer, in any
// case (RFC 9110, section 11.1).
func BearerOf(h http.Header) (token string, ok bool) {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// ByCookie reports whether a request's credentials are a cookie, which a browser sends
// automatically.
func ByCookie(r *http.Request) bool {
	if r.Header.Get("Authorization") != "" {
		return false
	}
	q := r.URL.Query()
	_, err := r.Cookie(Cookie)
	return err == nil && q.Get("ticket") == "" && q.Get("token") == ""
}

// fromOwnPage reports whether, according to the browser, a page of an allowed origin sends a
// request. Browsers omit Origin in a GET to the page's own server, and report that in
// Sec-Fetch-Site, which pages cannot set (W3C Fetch Metadata).
func (a *Authenticator) fromOwnPage(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		return a.cfg.Origins(origin)
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// Bearer returns the caller of a token or API key.
func (a *Authenticator) Bearer(ctx context.Context, token string) (access.Caller, error) {
	if a.cfg.Keys != nil {
		if as := a.cfg.Keys.Credentials(token); as != nil {
			return access.Caller{User: parley.Guest, As: as}, nil
		}
	}
	if strings.HasPrefix(token, keyPrefix) {
		return access.Caller{}, refuse("the API key is not known", "make one: parley keys add NAME")
	}
	c, err := a.tokens.caller(token)
	if err != nil {
		return access.Caller{}, err
	}
	return c, a.Valid(ctx, c)
}

// Valid refuses credentials that are no longer valid: a token that has expired, or whose user's
// tokens were revoked since it was issued, or an API key that was removed.
func (a *Authenticator) Valid(ctx context.Context, c access.Caller) error {
	if c.As == nil {
		return nil
	}
	if c.As.Service {
		if a.cfg.Keys == nil || !a.cfg.Keys.Has(c.As) {
			return refuse("the API key was removed", "use another key: parley keys add NAME")
		}
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
		return revoked(c.As.Issued, time.UnixMicro(int64(at)))
	}
	return nil
}

// revoked refuses a token that may be older than its user's revocation. A token whose iat is in the same
// second may be newer, since many issuers write whole seconds: a token issued a second later is accepted.
func revoked(issued, at time.Time) *parley.Error {
	e := refuse("the user's tokens were revoked", "get a new one")
	switch {
	case issued.IsZero():
		e.RetryAfter, e.Hint = time.Second, "after a revocation tokens need iat: issue one with the time of issue in it"
	case issued.Unix() == at.Unix():
		e.RetryAfter, e.Hint = time.Second, "the token's iat is in the second of the revocation: request another one in a second"
	}
	return e
}

func refuse(detail, hint string) *parley.Error {
	return &parley.Error{Code: parley.CodeUnauthorized, Detail: detail, Hint: hint}
}

var errShort = errors.New("the secret has fewer than 32 bytes")
