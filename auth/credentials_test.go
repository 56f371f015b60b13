package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/auth"
)

func request(t *testing.T, target string, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestWhereCredentialsStand(t *testing.T) {
	tickets := newTickets(nil)
	allowed := "https://chat.example.com"
	a := authenticator(t, auth.Config{Tickets: tickets, Origins: func(o string) bool { return o == allowed }})
	token := func(user string) string {
		return sign(t, jwt.SigningMethodHS256, secret, claims(map[string]any{"sub": user}), nil)
	}
	cookie := "Cookie: other=1; parley_token=" + token("carol")
	for name, c := range map[string]struct {
		target  string
		headers []string
		user    parley.UserID // "" if it is refused
	}{
		"nothing":                             {"/", nil, ""},
		"a header":                            {"/", []string{"Authorization: Bearer " + token("alice")}, "alice"},
		"a header in small letters":           {"/", []string{"authorization: bearer " + token("alice")}, "alice"},
		"a header with spaces":                {"/", []string{"Authorization: Bearer   " + token("alice") + " "}, "alice"},
		"a header of another kind":            {"/?token=" + token("bob"), []string{"Authorization: Basic YTpi"}, ""},
		"an empty header":                     {"/", []string{"Authorization: Bearer "}, ""},
		"the query":                           {"/?token=" + token("bob"), nil, "bob"},
		"the header goes before the query":    {"/?token=" + token("bob"), []string{"Authorization: Bearer " + token("alice")}, "alice"},
		"a bad header is not made good":       {"/?token=" + token("bob"), []string{"Authorization: Bearer x"}, ""},
		"a ticket":                            {"/?ticket=" + made(t, tickets, access.Caller{User: "dora"}), nil, "dora"},
		"no such ticket":                      {"/?ticket=x&token=" + token("bob"), nil, ""},
		"a cookie without Origin":             {"/", []string{cookie}, ""},
		"a cookie with a foreign Origin":      {"/", []string{cookie, "Origin: https://evil.example"}, ""},
		"a cookie with Origin null":           {"/", []string{cookie, "Origin: null"}, ""},
		"a cookie with an allowed Origin":     {"/", []string{cookie, "Origin: " + allowed}, "carol"},
		"a cookie, the origin in http":        {"/", []string{cookie, "Origin: http://chat.example.com"}, ""},
		"a cookie, the origin with a port":    {"/", []string{cookie, "Origin: " + allowed + ":8443"}, ""},
		"a cookie, a longer origin":           {"/", []string{cookie, "Origin: " + allowed + ".evil.example"}, ""},
		"a cookie from the server's own page": {"/", []string{cookie, "Sec-Fetch-Site: same-origin"}, "carol"},
		"a stale cookie, then a good one": {"/", []string{"Cookie: parley_token=stale; parley_token=" + token("carol"),
			"Sec-Fetch-Site: same-origin"}, "carol"},
		"a good cookie after four others": {"/", []string{"Cookie: " + strings.Repeat("parley_token=stale; ", 4) + cookie[8:],
			"Sec-Fetch-Site: same-origin"}, ""},
		"a cookie from a sister's page":     {"/", []string{cookie, "Sec-Fetch-Site: same-site"}, ""},
		"a cookie from a foreign page":      {"/", []string{cookie, "Sec-Fetch-Site: cross-site"}, ""},
		"a cookie from a link":              {"/", []string{cookie, "Sec-Fetch-Site: none"}, ""},
		"a cookie, a foreign Origin counts": {"/", []string{cookie, "Sec-Fetch-Site: same-origin", "Origin: https://evil.example"}, ""},
		"the user field is not asked":       {"/?user=eve&token=" + token("bob"), nil, "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := a.Caller(request(t, c.target, c.headers...))
			if c.user == "" {
				unauthorized(t, name, err, "")
			} else if err != nil || got.User != c.user {
				t.Errorf("%v %v, want %s", got, err, c.user)
			}
		})
	}
}

func TestByCookie(t *testing.T) {
	for target, headers := range map[string][]string{
		"/?by=cookie":           {"Cookie: parley_token=x"},
		"/":                     nil,
		"/?token=x":             {"Cookie: parley_token=x"},
		"/?ticket=x":            {"Cookie: parley_token=x"},
		"/?header":              {"Cookie: parley_token=x", "Authorization: Bearer x"},
		"/?other":               {"Cookie: session=x"},
		"/?by=cookie&ticket=":   {"Cookie: parley_token=x"},
		"/?by=cookie&user=anna": {"Cookie: parley_token=x", "Origin: https://evil.example"},
	} {
		if got := auth.ByCookie(request(t, target, headers...)); got != strings.HasPrefix(target, "/?by=cookie") {
			t.Errorf("%s %v: %t", target, headers, got)
		}
	}
}

func TestATicketIsGoodForOneConnectionAndAShortTime(t *testing.T) {
	clock := now
	tickets := newTickets(func() time.Time { return clock })
	c := access.Caller{User: "alice", Name: "Alice"}
	first, second := made(t, tickets, c), made(t, tickets, c)
	if first == second || len(first) < 20 {
		t.Fatalf("%q and %q", first, second)
	}
	if got, err := tickets.Redeem(t.Context(), first); err != nil || got != c {
		t.Errorf("%v %v", got, err)
	}
	if _, err := tickets.Redeem(t.Context(), first); err == nil {
		t.Error("a ticket was good twice")
	}
	clock = clock.Add(auth.TicketLife - time.Nanosecond)
	third := made(t, tickets, c)
	if _, err := tickets.Redeem(t.Context(), second); err != nil {
		t.Error("a ticket was not good for its whole life")
	}
	clock = clock.Add(auth.TicketLife)
	if _, err := tickets.Redeem(t.Context(), third); err == nil {
		t.Error("a ticket was good for too long")
	}
	if _, err := tickets.Redeem(t.Context(), ""); err == nil {
		t.Error("an empty ticket was taken")
	}
}

func made(t *testing.T, tickets *auth.Tickets, c access.Caller) string {
	t.Helper()
	text, err := tickets.Make(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// More tickets than are remembered do not void the oldest: a ticket itself holds what it is valid for.
func TestAFloodOfTicketsVoidsNone(t *testing.T) {
	tickets := newTickets(nil)
	oldest := made(t, tickets, access.Caller{User: "alice"})
	latest := ""
	for i := range 100_001 {
		latest = made(t, tickets, access.Caller{User: parley.UserID(fmt.Sprint("mallory", i/100))})
	}
	for _, ticket := range []string{oldest, latest} {
		if _, err := tickets.Redeem(t.Context(), ticket); err != nil {
			t.Error(err)
		}
	}
}

// A user who requests tickets endlessly does not affect other users' tickets.
func TestOneUserHasOnlySoManyTickets(t *testing.T) {
	clock := now
	tickets := newTickets(func() time.Time { return clock })
	good := made(t, tickets, access.Caller{User: "alice"})
	var first string
	refused := 0
	for i := range 100_001 {
		text, err := tickets.Make(access.Caller{User: "mallory"})
		if i == 0 {
			first = text
		}
		if err != nil {
			if e := parley.AsError(err); e.Code != parley.CodeRateLimited || e.Reason != "tickets" || e.RetryAfter <= 0 || e.Hint == "" {
				t.Fatalf("%+v", e)
			}
			refused++
		}
	}
	if refused != 100_001-100 {
		t.Errorf("%d were refused", refused)
	}
	if _, err := tickets.Redeem(t.Context(), good); err != nil {
		t.Error("alice's ticket is gone")
	}
	if _, err := tickets.Redeem(t.Context(), first); err != nil {
		t.Error("mallory's first ticket is gone")
	}
	made(t, tickets, access.Caller{User: "mallory"}) // one was used
	clock = clock.Add(auth.TicketLife + 1)
	for range 100 {
		made(t, tickets, access.Caller{User: "mallory"}) // and those are expired
	}
	for range 200 {
		made(t, tickets, access.Caller{User: parley.Guest, As: &access.Credentials{Any: true, Service: true}})
	}
}

// However many clients use it at the same time.
func TestATicketIsTakenOnce(t *testing.T) {
	tickets := newTickets(nil)
	for range 100 {
		ticket := made(t, tickets, access.Caller{User: "alice"})
		var taken atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := tickets.Redeem(t.Context(), ticket); err == nil {
					taken.Add(1)
				}
			})
		}
		if all.Wait(); taken.Load() != 1 {
			t.Fatalf("it was taken %d times", taken.Load())
		}
	}
}

// A ticket does not outlive the token with which it was created.
func TestATicketEndsWithItsToken(t *testing.T) {
	clock := now
	tell := func() time.Time { return clock }
	tickets := newTickets(tell)
	a := authenticator(t, auth.Config{Tickets: tickets, Clock: tell})
	c, err := a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, secret, claims(map[string]any{"exp": now.Add(5 * time.Second).Unix()}),
		nil))
	if err != nil {
		t.Fatal(err)
	}
	ticket := made(t, tickets, c)
	clock = now.Add(6 * time.Second)
	_, err = a.Caller(request(t, "/?ticket="+ticket))
	unauthorized(t, "a ticket of an expired token", err, "expired")
}

func TestRevokedTokens(t *testing.T) {
	revoked := map[parley.UserID]time.Time{"alice": now}
	broken := errors.New("the store is away")
	a := authenticator(t, auth.Config{Revoked: func(_ context.Context, user parley.UserID) (parley.Timestamp, error) {
		if user == "eve" {
			return 0, broken
		}
		if at, ok := revoked[user]; ok {
			return parley.Timestamp(at.UnixMicro()), nil
		}
		return 0, nil
	}})
	try := func(changes map[string]any) error {
		_, err := a.Bearer(t.Context(), sign(t, jwt.SigningMethodHS256, secret, claims(changes), nil))
		return err
	}
	unauthorized(t, "a token from before", try(map[string]any{"iat": now.Add(-time.Hour).Unix()}), "revoked")
	unauthorized(t, "a token of the same moment", try(nil), "revoked")
	unauthorized(t, "a token that does not say", try(map[string]any{"iat": nil}), "revoked")
	for _, c := range []struct {
		iat   any
		retry time.Duration
		hint  string
	}{{now.Unix(), time.Second, "in a second"}, {nil, time.Second, "iat"}, {now.Unix() - 1, 0, "new one"}} {
		e := parley.AsError(try(map[string]any{"iat": c.iat}))
		if e.RetryAfter != c.retry || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("iat %v: retry after %v, hint %q", c.iat, e.RetryAfter, e.Hint)
		}
	}
	for _, later := range []float64{0.001, 0.5} {
		if err := try(map[string]any{"iat": float64(now.Unix()) + later}); err != nil {
			t.Errorf("a token of %v s later: %v", later, err)
		}
	}
	for _, iat := range []any{"now", []int{1}, 1e300, true} {
		unauthorized(t, fmt.Sprint("iat ", iat), try(map[string]any{"iat": iat}), "")
	}
	if err := try(map[string]any{"iat": now.Add(time.Second).Unix()}); err != nil {
		t.Errorf("a later token: %v", err)
	}
	if err := try(map[string]any{"sub": "bob", "iat": nil}); err != nil {
		t.Errorf("another user's token: %v", err)
	}
	if err := try(map[string]any{"sub": "eve"}); !errors.Is(err, broken) {
		t.Errorf("while the store is away: %v", err)
	}
}

func TestAPIKeys(t *testing.T) {
	clock := now
	dir := t.TempDir()
	store, plain := mem.NewStore(mem.StoreConfig{}).Open(), filepath.Join(dir, "plain")
	write := func(text string) {
		t.Helper()
		clock = clock.Add(2 * time.Second)
		if err := os.WriteFile(plain, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(plain, clock, clock); err != nil {
			t.Fatal(err)
		}
	}
	write("# a comment\n\n  one-of-the-operators  \n")
	keys, err := auth.OpenKeys(t.Context(), store, plain, func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	a := authenticator(t, auth.Config{Keys: keys})
	takes := func(key string, want bool) {
		t.Helper()
		c, err := a.Bearer(t.Context(), key)
		if want && (err != nil || !c.Any() || !c.As.Service || c.User != parley.Guest) {
			t.Errorf("%.12s: %v %v", key, c, err)
		}
		if !want {
			unauthorized(t, key, err, "")
		}
	}
	takes("one-of-the-operators", true)
	takes("one-of-the-operator", false)
	takes("# a comment", false)
	takes("", false)

	key, kept := auth.MakeKey("billing", now)
	if created, err := store.PutKey(t.Context(), kept); err != nil || !created || !strings.HasPrefix(key, "key_") {
		t.Fatal(key, created, err)
	}
	clock = clock.Add(time.Second)
	takes(key, true)
	takes(strings.ToUpper(key), false)
	text := fmt.Sprintf("%s %x", kept.Name, kept.Hash)
	if strings.Contains(text, key) || strings.Contains(text, key[4:20]) || keys.Len() != 2 {
		t.Errorf("the key itself is kept: %s; %d keys", text, keys.Len())
	}

	before, err := a.Bearer(t.Context(), "one-of-the-operators")
	if err != nil || a.Valid(t.Context(), before) != nil {
		t.Errorf("a key that is there: %v", err)
	}
	write("\ufeffanother-of-the-operators\n") // some editors begin a file so
	clock = clock.Add(time.Second)
	takes("one-of-the-operators", false)
	takes("another-of-the-operators", true)
	unauthorized(t, "what was made with a removed key", a.Valid(t.Context(), before), "removed")

	write("short\n")
	clock = clock.Add(time.Second)
	takes("short", false) // an unusable file: its last keys remain valid
	takes("another-of-the-operators", true)
	if _, err := auth.OpenKeys(t.Context(), store, plain, nil); err == nil {
		t.Error("a key of five characters was taken at the start")
	}

	write("another-of-the-operators\n") // some editors begin a file so
	clock = clock.Add(time.Second)
	store.FailReads(1)
	takes(key, true) // the store does not respond: its last keys remain valid
	if removed, err := store.RemoveKey(t.Context(), "billing"); err != nil || !removed {
		t.Fatal(removed, err)
	}
	clock = clock.Add(time.Second)
	takes(key, false)
}

func TestMissingKeyFileIsRefused(t *testing.T) {
	if _, err := auth.OpenKeys(t.Context(), nil, filepath.Join(t.TempDir(), "nowhere"), nil); err == nil {
		t.Error("a file that is not there was taken")
	}
}
