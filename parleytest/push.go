package parleytest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/outgoing"
	"github.com/parley-server/parley/testenv"
)

// Push is a notification as a service has received it.
type Push struct {
	Device      string // the device's token or endpoint, or a webhook's user
	Title, Body string
	BadgeOnly   bool // nothing is shown
	Badge, ID   int64
	Channel     parley.ChannelID
	Collapse    string
	TTL         time.Duration // -1 if the service has none
}

// PushOutcome is what a Notifier must conclude from an answer.
type PushOutcome string

// The outcomes.
const (
	PushGone        PushOutcome = "gone"
	PushRetry       PushOutcome = "retry"
	PushCredentials PushOutcome = "credentials"
	PushNever       PushOutcome = "never"
)

// PushAnswer is an answer of a service and what it means.
type PushAnswer struct {
	Status     int // 0: the connection is closed without an answer
	RetryAfter string
	Body       string // REQUEST in it is replaced by the whole request, which a careless service repeats
	Want       PushOutcome
	After      time.Duration // of a *parley.RetryError
}

func (a PushAnswer) String() string {
	return strings.TrimSpace(fmt.Sprint(a.Status, " ", a.RetryAfter, a.Body))
}

// retries are temporary failures that every service may answer with.
var retries = []PushAnswer{
	{Status: 429, Want: PushRetry},
	{Status: 429, RetryAfter: "17", Want: PushRetry, After: 17 * time.Second},
	{Status: 429, Body: "REQUEST", Want: PushRetry},
	{Status: 500, Want: PushRetry},
	{Status: 502, Body: "<html>", Want: PushRetry},
	{Status: 503, RetryAfter: "120", Want: PushRetry, After: 2 * time.Minute},
	{Status: 503, RetryAfter: "soon", Want: PushRetry},
	{Status: 504, Want: PushRetry},
	{Status: 0, Want: PushRetry},
}

// PushService is a server on this machine that speaks a push service's protocol, checks everything that the service's
// documentation requires, and keeps what it accepted.
type PushService interface {
	Device(t testing.TB) parley.Device // a device that the service knows
	Answers() []PushAnswer             // all answers that it may give
	Answer(a *PushAnswer)              // gives this answer from now on; nil: accepts
	Hang() (arrived <-chan struct{})   // does not answer from now on
	Pushes(t testing.TB) []Push        // what it accepted since the last call
	Faults() []string                  // requests that differed from the documentation
	Connections() int
	Disconnect()       // closes all connections
	Secrets() []string // what no error may reveal, besides the device
}

// pushServer is the part that all services share.
type pushServer struct {
	URL string // of the server

	// fixed after construction
	secrets []string
	answers []PushAnswer
	server  *httptest.Server
	ended   chan struct{} // closed when the test ends

	mu          sync.Mutex
	arrived     chan struct{} // if not nil, requests hang
	answer      *PushAnswer
	devices     map[string]bool // the tokens that the service knows
	pushes      []Push
	faults      []string
	connections int
}

// serve starts a server, over TLS (and so HTTP/2) if there is a certificate.
func (s *pushServer) serve(t testing.TB, certificate *tls.Certificate, handler http.HandlerFunc) {
	s.ended, s.devices = make(chan struct{}), map[string]bool{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		handler(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that are cut off on purpose
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			s.connections++
			s.mu.Unlock()
		}
	}
	if certificate != nil {
		server.EnableHTTP2 = true
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
		server.StartTLS()
	} else {
		server.Start()
	}
	s.URL, s.server = server.URL, server
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(s.ended) })
}

// handled answers a request unless it should be accepted.
func (s *pushServer) handled(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	answer, arrived := s.answer, s.arrived
	s.mu.Unlock()
	if arrived != nil {
		select {
		case arrived <- struct{}{}:
		default:
		}
		select {
		case <-r.Context().Done():
		case <-s.ended:
		}
		return true
	}
	if answer == nil {
		return false
	}
	if answer.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	if answer.RetryAfter != "" {
		w.Header().Set("Retry-After", answer.RetryAfter)
	}
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(answer.Status)
	request, _ := json.Marshal(fmt.Sprint(r.URL.Path, r.Header, string(body)))
	io.WriteString(w, strings.ReplaceAll(answer.Body, "REQUEST", strings.Trim(string(request), `"`)))
	return true
}

// Answers implements PushService.
func (s *pushServer) Answers() []PushAnswer { return append(s.answers, retries...) }

// Answer implements PushService.
func (s *pushServer) Answer(a *PushAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.arrived = a, nil
}

// Hang implements PushService.
func (s *pushServer) Hang() (arrived <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = make(chan struct{}, 1)
	return s.arrived
}

// Pushes implements PushService.
func (s *pushServer) Pushes(testing.TB) []Push {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.pushes
	s.pushes = nil
	return all
}

// Faults implements PushService.
func (s *pushServer) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// Connections implements PushService.
func (s *pushServer) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Disconnect implements PushService.
func (s *pushServer) Disconnect() { s.server.CloseClientConnections() }

// Secrets implements PushService.
func (s *pushServer) Secrets() []string { return s.secrets }

func (s *pushServer) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *pushServer) accept(p Push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes = append(s.pushes, p)
}

func (s *pushServer) addDevice(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[token] = true
}

func (s *pushServer) knows(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.devices[token]
}

// certificate returns a certificate for 127.0.0.1, its file, and a client that trusts it.
func certificate(t testing.TB) (c *tls.Certificate, file string, client *http.Client) {
	t.Helper()
	file, key, roots := testenv.Certificate(t)
	loaded, err := tls.LoadX509KeyPair(file, key)
	if err != nil {
		t.Fatal(err)
	}
	return &loaded, file, trusting(roots)
}

// trusting returns the HTTP client of the adapters with other roots.
func trusting(roots *x509.CertPool) *http.Client {
	client := outgoing.Client()
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
	return client
}
