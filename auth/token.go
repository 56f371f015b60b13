package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/internal/exactjson"
)

// leeway is the tolerance for differences between issuers' clocks and this one (RFC 7519, section 4.1.4).
const leeway = 30 * time.Second

// minSecret is the minimum length of a secret for HS256, in bytes (RFC 7518, section 3.2).
const minSecret = 32

// ReadSecret reads a secret: the file's bytes without a final newline.
func ReadSecret(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(b) < minSecret {
		return nil, fmt.Errorf("%s: %w", path, errShort)
	}
	return b, nil
}

// Claims are the claims of a token (RFC 7519), including parley's own.
type Claims struct {
	jwt.RegisteredClaims
	Name     string    `json:"name,omitempty"`
	Channels *[]string `json:"channels,omitempty"` // patterns, each optionally with =rights; nil: only channels that the user is a member of
}

// Sign creates a token with HS256.
func Sign(secret []byte, c Claims) (string, error) {
	p := precise{Claims: c}
	if at := c.IssuedAt; at != nil {
		p.Issued = json.Number(strconv.FormatFloat(float64(at.UnixMicro())/1e6, 'f', -1, 64))
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, p).SignedString(secret)
}

// precise are claims whose iat keeps its fraction of a second, which the library drops: a token
// issued just after a revocation is valid.
type precise struct {
	Claims
	Issued json.Number `json:"iat,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler: claims must have their exact names, each at most once.
func (p *precise) UnmarshalJSON(b []byte) error {
	type claims precise // without this method
	return exactjson.Unmarshal(b, (*claims)(p))
}

// GetIssuedAt implements jwt.Claims.
func (p precise) GetIssuedAt() (*jwt.NumericDate, error) {
	if p.Issued == "" {
		return nil, nil
	}
	seconds, err := p.Issued.Float64()
	if err != nil || math.Abs(seconds) > 1e12 {
		return nil, jwt.ErrTokenMalformed
	}
	return &jwt.NumericDate{Time: time.UnixMicro(int64(seconds * 1e6))}, nil
}

// tokens verifies tokens. The algorithm is determined by the key, whatever a token's header says: a
// secret is for HS256, a public key for its own kind of signature.
type tokens struct {
	secret *jwt.Parser // nil: there is no secret
	public *jwt.Parser
	key    []byte
	keys   keyfunc.Keyfunc
	clock  func() time.Time
}

func newTokens(ctx context.Context, cfg Config) (*tokens, error) {
	t := &tokens{clock: cfg.Clock}
	parser := func(algorithms ...string) *jwt.Parser {
		opts := []jwt.ParserOption{
			jwt.WithValidMethods(algorithms),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway),
			jwt.WithTimeFunc(cfg.Clock),
		}
		if cfg.Issuer != "" {
			opts = append(opts, jwt.WithIssuer(cfg.Issuer))
		}
		if cfg.Audience != "" {
			opts = append(opts, jwt.WithAudience(cfg.Audience))
		}
		return jwt.NewParser(opts...)
	}
	if cfg.Secret != nil {
		if len(cfg.Secret) < minSecret {
			return nil, errShort
		}
		t.secret, t.key = parser("HS256"), cfg.Secret
	}
	if cfg.JWKS == "" {
		return t, nil
	}
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{cfg.JWKS}, keyfunc.Override{
		Client:          fetcher(),
		HTTPTimeout:     10 * time.Second,
		RefreshInterval: 15 * time.Minute,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(10*time.Second),
			1), // a rotated key is found immediately, a flood of made-up ones causes few requests
		RateLimitWaitMax: 5 * time.Second, // applies to that fetch too; longer waits are refused immediately
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(_ context.Context, err error) {
				cfg.Logger.Warn("the public keys for tokens could not be fetched", "url", cfg.JWKS, "err", err)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("public keys from %s: %w", cfg.JWKS, err)
	}
	t.public, t.keys = parser("RS256", "ES256", "EdDSA"), keys
	return t, nil
}

// caller verifies a token and returns its caller.
func (t *tokens) caller(token string) (access.Caller, error) {
	var claims precise
	err := error(jwt.ErrTokenUnverifiable)
	if t.secret != nil {
		_, err = t.secret.ParseWithClaims(token, &claims, understood(func(*jwt.Token) (any, error) { return t.key, nil }))
	}
	if err != nil && t.public != nil && (t.secret == nil || errors.Is(err, jwt.ErrTokenSignatureInvalid)) {
		claims = precise{}
		_, err = t.public.ParseWithClaims(token, &claims, understood(t.keys.Keyfunc))
	}
	if t.public != nil && errors.Is(err, jwt.ErrTokenUnverifiable) && t.keyless() {
		return access.Caller{}, errKeyless // another token would not help
	}
	if err != nil {
		return access.Caller{}, refuse(why(err), "get a new token")
	}
	user, err := parley.ParseUser(claims.Subject)
	switch {
	case claims.Subject == "" || user == parley.Guest:
		return access.Caller{}, refuse("the token's sub claim is empty or guest", "put a user's name into sub")
	case err != nil: // the credentials are valid, and another token of this kind would fail too
		return access.Caller{}, &parley.Error{Code: parley.CodeBadRequest, Detail: "the token's sub is not a valid user name",
			Hint: "put a name of 1–128 of A-Z a-z 0-9 . _ - : @ into sub, and not the word channel"}
	}
	now := t.clock() // with its monotonic reading: clock jumps do not affect open connections either
	c := access.Caller{User: user, Name: claims.Name, As: &access.Credentials{Expires: now.Add(claims.ExpiresAt.Sub(now))}}
	if len([]rune(c.Name)) > parley.MaxUser {
		return access.Caller{}, refuse("the token's name has more than 128 characters", "shorten it")
	}
	if at, err := claims.GetIssuedAt(); err == nil && at != nil {
		c.As.Issued = at.Time
	}
	if claims.Channels != nil {
		c.As.Listed = true
		for _, text := range *claims.Channels {
			g, err := ParseGrant(text)
			if err != nil {
				return access.Caller{}, refuse("the token's channels: "+err.Error(), `write patterns such as "room:*=rw"`)
			}
			c.As.Grants = append(c.As.Grants, g)
		}
	}
	return c, nil
}

var errKeyless = &parley.Error{Code: parley.CodeUnavailable, Detail: "the server has not fetched its token keys yet",
	Hint: "retry after the given delay", RetryAfter: 5 * time.Second}

// keyless reports whether the public keys have never been fetched since the start.
func (t *tokens) keyless() bool {
	all, err := t.keys.Storage().KeyReadAll(context.Background()) // reads memory only
	return err == nil && len(all) == 0
}

// understood refuses tokens with critical header parameters, none of which are supported (RFC 7515,
// section 4.1.11).
func understood(key jwt.Keyfunc) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if _, critical := t.Header["crit"]; critical {
			return nil, errCritical
		}
		return key(t)
	}
}

var errCritical = errors.New("critical header")

// why returns what is wrong with a token, without quoting any part of it.
func why(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return "the token has expired"
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "the token is not valid yet"
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return "the token is of another issuer"
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return "the token is for another audience"
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return "the token lacks a claim: exp is required, and iss and aud if the server asks for them"
	case errors.Is(err, jwt.ErrTokenMalformed):
		return "the token is not a JWT"
	case errors.Is(err, errCritical):
		return "the token has a critical header, which is not understood"
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return "the token's signature can't be checked: its kid names none of the keys that could be fetched, or one for another alg"
	default:
		return "the token's signature is not good"
	}
}

// ParseGrant parses a pattern with its rights, "room:*=rw"; without = it is rwp.
func ParseGrant(s string) (g access.Grant, err error) {
	pattern, letters, given := strings.Cut(s, "=")
	if !given {
		letters = "rwp"
	}
	for _, letter := range letters {
		switch letter {
		case 'r':
			g.Rights |= access.Read
		case 'w':
			g.Rights |= access.Write
		case 'p':
			g.Rights |= access.Presence
		case 'a':
			g.Rights |= access.Administer
		default:
			return g, fmt.Errorf("the right %q is none of r w a p", letter)
		}
	}
	if name := strings.TrimSuffix(pattern, "*"); name != "" {
		if _, err := parley.ParseChannel(strings.TrimPrefix(name, "@") + "x"); err != nil {
			return g, fmt.Errorf("no channel is like %.140q", pattern)
		}
	} else if pattern == "" {
		return g, errors.New("a pattern is empty")
	}
	g.Pattern = strings.Clone(pattern)
	return g, nil
}
