package auth_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/auth"
)

// FuzzToken checks that only a signed token identifies a caller, and that no refusal quotes the token.
func FuzzToken(f *testing.F) {
	ctx, cancel := context.WithCancel(context.Background())
	f.Cleanup(cancel)
	a, err := auth.New(ctx, auth.Config{Secret: secret, Tickets: newTickets(nil), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	good, err := auth.Sign(secret, auth.Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: "alice",
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}})
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for _, s := range []string{"", ".", "..", "a.b.c", parts[0] + "." + parts[1] + ".", "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		strings.Repeat("e30.", 5), "key_x", good + "x", good[1:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := a.Bearer(t.Context(), token)
		if err == nil {
			if token != good {
				t.Fatalf("%q was taken for %v", token, c)
			}
			return
		}
		e := parley.AsError(err)
		if e.Code != parley.CodeUnauthorized || e.Hint == "" || len(token) > 24 && strings.Contains(e.Error()+e.Hint, token) {
			t.Fatalf("%q: %v", token, err)
		}
	})
}

// FuzzGrant checks that an accepted pattern is either a channel or a prefix of channels.
func FuzzGrant(f *testing.F) {
	for _, s := range []string{"room:*=rw", "*", "a", "=r", "a=", "@alice", "@*=a", "a=rwpa", "a=x", "a=r=w", "**", "a*b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, err := auth.ParseGrant(s)
		if err != nil {
			return
		}
		pattern, _, _ := strings.Cut(s, "=")
		if g.Pattern != pattern || pattern == "" || strings.ContainsAny(strings.TrimSuffix(pattern, "*"), "* \x00\n") {
			t.Fatalf("%q became %+v", s, g)
		}
	})
}
