package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tokenOf returns an unsigned token with a life that begins at an arbitrary time.
func tokenOf(n int, life time.Duration) string {
	body := fmt.Sprintf(`{"sub":"tess","n":%d,"iat":1000.5,"exp":%f}`, n, 1000.5+life.Seconds())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(body)) + ".c2ln"
}

// issuer is the application's part: each call returns another token.
type issuer struct {
	life  time.Duration
	takes time.Duration // duration of each call
	calls int
	err   error
}

func (i *issuer) get(context.Context) (string, error) {
	i.calls++
	time.Sleep(i.takes)
	return tokenOf(i.calls, i.life), i.err
}

func (i *issuer) credentials() *credentials {
	return newCredentials(&Config{GetToken: i.get, TryTimeout: 15 * time.Second, FirstWait: time.Second, MaxWait: 8 * time.Second})
}

func mustToken(t *testing.T, c *credentials, refused string) string {
	t.Helper()
	token, err := c.token(t.Context(), refused, 0)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenIsRenewedBeforeItEnds(t *testing.T) {
	for name, life := range map[string][2]time.Duration{
		"a minute before":  {time.Hour, 59 * time.Minute},
		"at half its life": {time.Minute, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{life: life[0]}
				c := i.credentials()
				first := mustToken(t, c, "")
				time.Sleep(life[1] - time.Millisecond)
				if mustToken(t, c, "") != first || i.calls != 1 {
					t.Fatalf("renewed too early, after %d calls", i.calls)
				}
				time.Sleep(time.Millisecond)
				if mustToken(t, c, "") == first || i.calls != 2 {
					t.Fatalf("not renewed in time, after %d calls", i.calls)
				}
			})
		})
	}
}

func TestTokenIsKeptWhileNoOtherIsAvailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		c := i.credentials()
		first := mustToken(t, c, "")
		time.Sleep(59 * time.Minute)
		i.err = errors.New("the issuer is down")
		for range 3 {
			if mustToken(t, c, "") != first || i.calls != 2 {
				t.Fatalf("another token, or %d calls", i.calls)
			}
		}
		time.Sleep(renewalRetry)
		i.err = nil
		if mustToken(t, c, "") == first || i.calls != 3 {
			t.Fatalf("not renewed after %d calls", i.calls)
		}
	})
}

func TestRefusedTokenHasOneSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		i := &issuer{life: time.Hour, takes: time.Second}
		c := i.credentials()
		first := mustToken(t, c, "")
		var got []string
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				token, err := c.token(t.Context(), first, 0)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				got = append(got, token)
			})
		}
		all.Wait()
		for _, token := range got {
			if token != tokenOf(2, time.Hour) {
				t.Fatalf("got %s after %d calls", token, i.calls)
			}
		}
		if i.calls != 2 {
			t.Fatalf("%d calls for 20 that were refused", i.calls)
		}
	})
}

func TestCallsForATokenSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, err: errors.New("no")}
		c := i.credentials()
		begun := time.Now()
		for range freeTokenCalls {
			if _, err := c.token(t.Context(), "", 0); !errors.Is(err, i.err) {
				t.Fatal(err)
			}
		}
		if d := time.Since(begun); d != 0 {
			t.Fatalf("the first calls waited %v", d)
		}
		for bound := time.Second; bound <= 8*time.Second; bound *= 2 {
			began := time.Now()
			_, _ = c.token(t.Context(), "", 0)
			if d := time.Since(began); d == 0 || d > bound {
				t.Fatalf("waited %v, want some time up to %v", d, bound)
			}
		}
		began := time.Now()
		if _, _ = c.token(t.Context(), "", time.Minute); time.Since(began) != time.Minute {
			t.Fatalf("waited %v though the server asked for a minute", time.Since(began))
		}
		time.Sleep(tokenCalm + time.Millisecond)
		began = time.Now()
		if _, _ = c.token(t.Context(), "", 0); time.Since(began) != 0 {
			t.Fatalf("waited %v after a calm", time.Since(began))
		}
	})
}

func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := newCredentials(&Config{TryTimeout: time.Second, GetToken: func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}})
		var all sync.WaitGroup
		for range 2 { // one calls, the other waits for its turn
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
				defer cancel()
				if _, err := hung.token(ctx, "", 0); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
	})
}

func TestWithoutGetTokenTheTokenStays(t *testing.T) {
	c := newCredentials(&Config{Token: "key_abc"})
	if mustToken(t, c, "key_abc") != "key_abc" || c.renews() {
		t.Fatal("another token")
	}
}

func TestClaimsOf(t *testing.T) {
	for token, want := range map[string]time.Duration{
		tokenOf(1, time.Hour):       time.Hour,
		tokenOf(1, -time.Hour):      0,
		tokenOf(1, 2e9*time.Second): 1e9 * time.Second,
		"key_abc":                   0,
		"a.b.c":                     0,
		"":                          0,
		"e30.e30.x":                 0,
	} {
		if got := claimsOf(token).life(time.Now()); (got - want).Abs() > time.Millisecond {
			t.Errorf("%s lives %v, want %v", token, got, want)
		}
	}
	if claimsOf(tokenOf(1, 0)).Subject != "tess" {
		t.Error("no subject")
	}
}
