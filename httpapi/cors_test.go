package httpapi_test

import (
	"strings"
	"testing"
)

const (
	preflightHeaders = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID"
	ownOrigin        = "http://localhost:3000"
)

func TestPreflightsAllowWhatClientsSend(t *testing.T) {
	s := serve(t)
	for _, asked := range []string{"", "content-type", "content-type,idempotency-key", "idempotency-key,content-type",
		"Content-Type, Authorization", preflightHeaders} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			headers := []string{"Origin: " + ownOrigin, "Access-Control-Request-Method: " + method}
			if asked != "" {
				headers = append(headers, "Access-Control-Request-Headers: "+asked)
			}
			a := s.do("OPTIONS", "/api/messages", "", headers...)
			a.is(t, 204, "")
			for name, want := range map[string]string{"Access-Control-Allow-Origin": ownOrigin, "Access-Control-Allow-Credentials": "true",
				"Access-Control-Allow-Headers": preflightHeaders, "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE"} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s, asked for %q: %s is %q, want %q", method, asked, name, got, want)
				}
			}
			if !strings.Contains(a.Header.Get("Vary"), "Origin") {
				t.Errorf("Vary is %q", a.Header.Get("Vary"))
			}
		}
	}
}

func TestPreflightsThatAllowNothing(t *testing.T) {
	s := serve(t)
	for _, headers := range [][]string{
		{"Origin: https://evil.example", "Access-Control-Request-Method: POST"},
		{"Origin: null", "Access-Control-Request-Method: POST"},
		{"Origin: " + ownOrigin, "Access-Control-Request-Method: TRACE"},
		{"Origin: " + ownOrigin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,x-other"},
	} {
		a := s.do("OPTIONS", "/api/messages", "", headers...)
		a.is(t, 204, "")
		for name := range a.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%v: %s is %q", headers, name, a.Header.Get(name))
			}
		}
	}
}

func TestPagesMayReadSomeHeaders(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/api/messages?channel_id=general", "/api/messages?channel_id=general&after=x",
		"/api/messages/poll?channel_id=general&timeout=0.1", "/nowhere"} {
		h := s.get(path, "Origin: "+ownOrigin).Header
		if got := h.Get("Access-Control-Expose-Headers"); got != "ETag, Parley-Last-Id, Parley-Epoch, Retry-After" {
			t.Errorf("%s exposes %q", path, got)
		}
		if h.Get("Access-Control-Allow-Origin") != ownOrigin || h.Get("Access-Control-Allow-Credentials") != "true" ||
			h.Get("Vary") != "Origin" {
			t.Errorf("%s: %v", path, h)
		}
		h = s.get(path, "Origin: https://evil.example").Header
		if h.Get("Access-Control-Allow-Origin")+h.Get("Access-Control-Expose-Headers") != "" || h.Get("Vary") != "Origin" {
			t.Errorf("%s, of a foreign page: %v", path, h)
		}
	}
}

// A refusal says what can be done about it on that server.
func TestRefusedPageGetsAHint(t *testing.T) {
	s := serve(t)
	for _, a := range []*answer{s.do("POST", "/api/messages", "{}", "Origin: https://app.example"), s.get("/", "Host: app.example")} {
		for _, word := range []string{"parley serve", "--auth-hmac-secret-file", "--allowed-origins", "parley token"} {
			if a.is(t, 403, "forbidden"); !strings.Contains(a.problem(t).Hint, word) {
				t.Errorf("the hint %q does not name %s", a.problem(t).Hint, word)
			}
		}
	}
}
