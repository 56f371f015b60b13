package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/httpapi"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/transport"
)

// development starts a server like parley dev, which accepts any user name, and returns
// its address. It runs within the process until all tests have ended.
func development() string { return started(false) }

// production starts a server like parley serve, which accepts the tokens that tokenFor signs.
func production() string { return started(true) }

var running struct { // the servers; they are stopped in the end
	mu    sync.Mutex
	stops []func()
}

func started(production bool) string {
	url, stop := serve(production)
	running.mu.Lock()
	defer running.mu.Unlock()
	running.stops = append(running.stops, stop)
	return url
}

var secret = []byte("a secret of thirty-two bytes, or more")

// tokenFor signs a token, as an application's back end does.
func tokenFor(user string, life time.Duration) string {
	channels := []string{"*"}
	now := time.Now()
	token, err := auth.Sign(secret, auth.Claims{Channels: &channels, RegisteredClaims: jwt.RegisteredClaims{
		Subject: user, IssuedAt: jwt.NewNumericDate(now.Add(-time.Hour)), ExpiresAt: jwt.NewNumericDate(now.Add(life))}})
	if err != nil {
		panic(err)
	}
	return token
}

// serve runs a server over a store in memory until stop is called.
func serve(production bool) (url string, stop func()) {
	store := mem.NewStore(mem.StoreConfig{}).Open()
	f := feed.New(store, feed.Config{})
	c := chat.New(store, f, chat.Config{Presence: presence.Config{Store: mem.NewPresence(mem.PresenceConfig{}), Node: "n"}})
	tickets := auth.NewTickets(auth.TicketsConfig{Once: mem.NewOnce(nil)})
	e, err := engine.New(engine.Config{})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var who httpapi.Authenticator = httpapi.Development{Tickets: tickets}
	var ways transport.Config
	if production {
		a, err := auth.New(ctx, auth.Config{Secret: secret, Tickets: tickets, Revoked: store.Revoked,
			Origins: func(string) bool { return false }})
		if err != nil {
			panic(err)
		}
		who, ways.Credentials = a, a
	}
	api := httpapi.New(c, transport.New(c, e, ways), httpapi.Config{Auth: who, Tickets: tickets,
		Origins: func(string) bool { return false }, Pages: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler)})
	srv := httptest.NewServer(api)
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{f.Run, c.Run, e.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil {
				fmt.Fprintln(os.Stderr, "the server of the tests:", err)
			}
		})
	}
	return srv.URL, func() {
		srv.CloseClientConnections()
		e.Close()
		srv.Close()
		cancel()
		parts.Wait()
		store.Close()
	}
}

// served runs the tests and stops the servers that they started.
type served struct{ *testing.M }

func (m served) Run() int {
	code := m.M.Run()
	for _, stop := range running.stops {
		stop()
	}
	http.DefaultClient.CloseIdleConnections()
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(served{m}) }
