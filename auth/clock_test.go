package auth_test

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/internal/clock"
)

// Whatever the system's clock is set to, a token is valid for as long as it was issued for, both
// when presented and on a connection that it opened; so is a ticket.
func TestAJumpOfTheClockNeitherEndsNorRenewsATokenOrTicket(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		at := clock.NewJumping()
		tickets := newTickets(at.Now)
		a := authenticator(t, auth.Config{Clock: at.Now, Tickets: tickets})
		begin := at.Now()
		is := claims(map[string]any{"iat": begin.Unix(), "exp": begin.Add(10 * time.Minute).Unix()})
		token := sign(t, jwt.SigningMethodHS256, secret, is, nil)
		c, err := a.Bearer(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		ticket := made(t, tickets, c)
		at.Jump(jump)
		at.Advance(10 * time.Second)
		if _, err := a.Bearer(t.Context(), token); err != nil {
			t.Errorf("jump of %v: the token is refused: %v", jump, err)
		}
		if err := a.Valid(t.Context(), c); err != nil {
			t.Errorf("jump of %v: the connection ends: %v", jump, err)
		}
		if left := c.As.Expires.Sub(at.Now()); left <= 9*time.Minute || left > 10*time.Minute {
			t.Errorf("jump of %v: the connection ends in %v", jump, left)
		}
		if _, err := a.Caller(request(t, "/?ticket="+ticket)); err != nil {
			t.Errorf("jump of %v: the ticket is refused: %v", jump, err)
		}
		late := made(t, tickets, c)
		at.Advance(10 * time.Minute)
		_, err = a.Bearer(t.Context(), token)
		unauthorized(t, "the token ten minutes later", err, "expired")
		unauthorized(t, "its connection", a.Valid(t.Context(), c), "expired")
		_, err = a.Caller(request(t, "/?ticket="+late))
		unauthorized(t, "a ticket ten minutes later", err, "")
	}
}
