package outgoing

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/guard"
)

func TestAnswers(t *testing.T) {
	for status, want := range map[int]string{
		200: "done", 201: "done", 202: "done", 204: "done",
		408: "retry", 425: "retry", 429: "retry", 500: "retry", 502: "retry", 503: "retry", 504: "retry",
		301: "never", 307: "never", 400: "never", 401: "never", 404: "never", 413: "never", 418: "never",
	} {
		err := Answer{Status: status, RetryAfter: 7 * time.Second}.Err("the service", "Reason")
		var retry *parley.RetryError
		got := "never"
		if err == nil {
			got = "done"
		} else if errors.As(err, &retry) {
			got = "retry"
			if retry.After != 7*time.Second {
				t.Errorf("%d: %v", status, retry.After)
			}
		}
		if got != want {
			t.Errorf("%d means %s, want %s (%v)", status, got, want, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"":    0,
		"0":   0,
		"120": 2 * time.Minute,
		"-5":  0, "x": 0, "1.5": 0, "12 s": 0,
		"999999999999999999":            24 * time.Hour,
		"Sun, 29 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 29 Nov 2026 11:00:00 GMT": 0,
		"Mon, 29 Nov 2027 11:00:00 GMT": 24 * time.Hour,
	} {
		if got := retryAfter(s, now); got != want {
			t.Errorf("Retry-After: %s is %v, want %v", s, got, want)
		}
	}
}

func TestReasonsThatMayRepeatWhatWasSentAreNotShown(t *testing.T) {
	for _, s := range []string{"BadDeviceToken", "UNREGISTERED", "invalid_grant", ""} {
		if got := Reason(s); got != s {
			t.Errorf("%q is shown as %q", s, got)
		}
	}
	for _, s := range []string{"device 123", "a1b2", "https://x", strings.Repeat("a", 41), "é", "a\nb"} {
		if got := Reason(s); got != "" {
			t.Errorf("%q is shown as %q", s, got)
		}
	}
}

// However a request fails, its error contains nothing confidential.
func TestErrorsShowNothingOfTheRequest(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/secret/hang":
			<-hang
		case "/secret/cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "secret")
		case "/secret/abort":
			panic(http.ErrAbortHandler)
		case "/secret/redirect":
			http.Redirect(w, r, "/secret/hang", http.StatusFound)
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(hang) })
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0) // of intended handshake failures
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	guarded, ended := guard.Client(guard.Config{}), func() context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		client *http.Client
		url    string
		retry  bool
		want   error
	}{
		{"a server that closes the connection", t.Context(), Client(), s.URL + "/secret/abort", true, nil},
		{"an answer that is cut off", t.Context(), Client(), s.URL + "/secret/cut", true, nil},
		{"nobody listens", t.Context(), Client(), closed.URL + "/secret", true, nil},
		{"an unknown authority", t.Context(), Client(), encrypted.URL + "/secret", true, nil},
		{"not TLS", t.Context(), Client(), strings.Replace(s.URL, "http:", "https:", 1) + "/secret", true, nil},
		{"an unknown name", t.Context(), Client(), "http://secret.invalid/secret", true, nil},
		{"an ended context", ended, Client(), s.URL + "/secret/hang", true, context.Canceled},
		{"a refused address", t.Context(), guarded, s.URL + "/secret", false, guard.ErrRefused},
		{"not a URL", t.Context(), Client(), "http://sec ret/%zz", false, nil},
		{"another scheme", t.Context(), Client(), "secret://secret/", true, nil},
	} {
		_, err := Post(c.ctx, c.client, c.url, http.Header{"Authorization": {"secret"}}, []byte("secret"))
		var retry *parley.RetryError
		if err == nil || errors.As(err, &retry) != c.retry || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		} else if text := err.Error(); strings.Contains(text, "sec") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("%s: the error shows what it must not: %v", c.name, err)
		}
	}
	a, err := Post(t.Context(), Client(), s.URL+"/secret/redirect", http.Header{}, nil)
	if err != nil || a.Status != http.StatusFound {
		t.Errorf("a redirect: %+v, %v", a, err)
	}
}
