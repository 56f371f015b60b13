package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/httpapi"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/transport"
)

// server is the server of parley dev within a test, over a store in memory.
type server struct {
	t     testing.TB
	api   http.Handler
	url   string
	admin string // the admin listener's handler, which refuses foreign hosts
	chat  *chat.Service
	ways  *transport.Transports

	mu       sync.Mutex
	notReady error // the readiness error of the store; guarded by mu
	drained  int   // how often the admin asked for it; guarded by mu
}

func serve(t testing.TB) *server {
	t.Helper()
	return serveAs(t, nil, func(_ chat.Store, tickets *auth.Tickets) httpapi.Authenticator {
		return httpapi.Development{Tickets: tickets}
	})
}

// serveAs is a server that authenticates its callers in another way than in development.
func serveAs(t testing.TB, spaces chat.Namespaces, who func(chat.Store, *auth.Tickets) httpapi.Authenticator) *server {
	t.Helper()
	return serveOn(t, mem.NewStore(mem.StoreConfig{}).Open(), spaces, who)
}

// serveOn is serveAs over a given store.
func serveOn(t testing.TB, log chat.Store, spaces chat.Namespaces, who func(chat.Store, *auth.Tickets) httpapi.Authenticator) *server {
	t.Helper()
	return serveWith(t, log, chat.Config{Namespaces: spaces, Push: chat.PushConfig{
		Has:       func(_ parley.Platform, app string) bool { return app == "default" },
		PublicKey: func(context.Context) (string, error) { return "BPublicKey", nil },
	}}, who)
}

// serveWith is serveOn with a configuration.
func serveWith(t testing.TB, log chat.Store, cfg chat.Config, who func(chat.Store, *auth.Tickets) httpapi.Authenticator) *server {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	f := feed.New(log, feed.Config{})
	cfg.Presence = presence.Config{Grace: 200 * time.Millisecond, Store: mem.NewPresence(mem.PresenceConfig{}), Node: "n"}
	c := chat.New(log, f, cfg)
	tickets := auth.NewTickets(auth.TicketsConfig{Once: mem.NewOnce(nil)})
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	authenticator := who(log, tickets)
	var ways transport.Config
	if a, ok := authenticator.(*auth.Authenticator); ok {
		ways.Credentials = a
	}
	s := &server{t: t, chat: c, ways: transport.New(c, e, ways)}
	api := httpapi.New(c, s.ways, httpapi.Config{Auth: authenticator, Tickets: tickets, Origins: httpapi.LoopbackOrigin,
		Hosts: httpapi.LoopbackHost,
		Ready: func(context.Context) httpapi.Readiness {
			s.mu.Lock()
			defer s.mu.Unlock()
			is := httpapi.AllReady()
			if s.notReady != nil {
				is.Ready, is.Store = false, httpapi.Part{Detail: s.notReady.Error()}
			}
			return is
		},
		Pages:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the page")) }),
		Logger: quiet})
	s.api = api
	public := httptest.NewServer(api)
	admin := httptest.NewServer(httpapi.Admin(api, httpapi.AdminConfig{Metrics: http.NotFoundHandler(), Hosts: httpapi.LoopbackHost,
		Logger: quiet,
		Drain:  func() { s.mu.Lock(); defer s.mu.Unlock(); s.drained++ }}))
	s.url, s.admin = public.URL, admin.URL
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{f.Run, c.Run, e.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		public.CloseClientConnections()
		e.Close()
		public.Close()
		admin.Close()
		cancel()
		running.Wait()
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// answer is a response that was read completely.
type answer struct {
	*http.Response
	body string
}

// is demands an answer's status and, for errors, a problem with a code.
func (a *answer) is(t testing.TB, status int, code string) {
	t.Helper()
	what := a.Request.Method + " " + a.Request.URL.String()
	if a.StatusCode != status {
		t.Errorf("%s: %d %s, want %d %s", what, a.StatusCode, a.body, status, code)
		return
	}
	if got := a.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("%s: X-Content-Type-Options is %q", what, got)
	}
	if code == "" {
		return
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/problem+json" || a.problem(t).Code != code {
		t.Errorf("%s: %s %s, want the problem %s", what, kind, a.body, code)
	}
}

type problem struct {
	Code, Detail, Hint, Reason, Channel string
	First                               int64 `json:"first_id"`
	Last                                int64 `json:"last_id"`
}

func (a *answer) problem(t testing.TB) (p problem) {
	t.Helper()
	a.into(t, &p)
	return p
}

func (a *answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Errorf("%s: %v in %q", a.Request.URL, err, a.body)
	}
}

// do sends a request. headers are lines like "Origin: http://localhost", which may
// include Host. Redirects are not followed, paths are sent unchanged.
func (s *server) do(method, url, body string, headers ...string) *answer {
	s.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = s.url + url
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return &answer{res, string(b)}
}

func (s *server) get(path string, headers ...string) *answer {
	s.t.Helper()
	return s.do("GET", path, "", headers...)
}

// post stores messages in a channel.
func (s *server) post(channel string, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		body, err := json.Marshal(map[string]string{"channel_id": channel, "user": "alice", "text": text})
		if err != nil {
			s.t.Fatal(err)
		}
		s.do("POST", "/api/messages", string(body)).is(s.t, 201, "")
	}
}
