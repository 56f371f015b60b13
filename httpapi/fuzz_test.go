package httpapi_test

import (
	"encoding/json"

	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-server/parley/httpapi"
)

// FuzzPost checks that any post is answered with a message or a problem.
func FuzzPost(f *testing.F) {
	for _, c := range [][3]string{
		{"", "application/json", `{"channel_id":"general","text":"x"}`}, {"channel_id=general&text=x", "", ""},
		{"", "application/x-www-form-urlencoded", "channel_id=general&body=x&data=%7B%22a%22%3A1%7D&thread=undefined"},
		{"", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"channel_id\"\r\n\r\ngeneral\r\n--b--\r\n"},
		{"user=bob&key=k", "text/plain", "x"}, {"%zz", "", "{"}, {"channel_id=..", "application/json; charset=utf-16", "\ufeff{}"},
		{"", "", "[1]"},
	} {
		f.Add(c[0], c[1], c[2])
	}
	s := serve(f)
	f.Fuzz(func(t *testing.T, query, kind, body string) {
		r := httptest.NewRequest("POST", "/api/messages", strings.NewReader(body))
		r.Host, r.URL.RawQuery = "localhost", query
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		answered(t, w, 200, 201)
	})
}

// FuzzQuery checks the same for any query.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"channel_id=general", "channel_id=general&after=0&limit=5", "channel_id=a&channel_id=b&after=a:1,b:2",
		"since=1e9", "before=1&after=1", "channel_id=general&thread=1", "limit=NaN", "limit=0x10", "after=undefined",
		"channel_id=general&after=9&epoch=x", "user=@x",
		"channel_id=%ff", "ticket=x"} {
		f.Add(q)
	}
	s := serve(f)
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/api/messages", "/api/channels", "/api/channels/general/members", "/api/users/bob/presence"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host, r.URL.RawQuery = "localhost", query
			w := httptest.NewRecorder()
			s.api.ServeHTTP(w, r)
			answered(t, w, 200)
		}
	})
}

// answered demands JSON with one of the statuses, or a problem that says what to do.
func answered(t *testing.T, w *httptest.ResponseRecorder, good ...int) {
	t.Helper()
	b := w.Body.Bytes()
	if !json.Valid(b) {
		t.Fatalf("%d %q is not JSON", w.Code, b)
	}
	for _, code := range good {
		if w.Code == code {
			return
		}
	}
	var p problem
	if err := json.Unmarshal(b, &p); err != nil || w.Code < 400 || w.Code >= 500 || p.Code == "" || p.Hint == "" ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %q", w.Code, b)
	}
}

// FuzzOrigin checks that no page from elsewhere counts as one from this machine.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"http://localhost:3000", "null", "http://localhost.evil.example", "http://127.0.0.1@evil.example",
		"https://[::1]:1", "http://127.1", "file://",
		"http://localhost\\@evil.example", "http://evil.example#localhost", "http://x.localhost", "http://[::ffff:127.0.0.1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		if !httpapi.LoopbackOrigin(origin) {
			return
		}
		u, err := url.Parse(origin)
		if err != nil {
			t.Fatalf("%q was allowed: %v", origin, err)
		}
		host := strings.ToLower(u.Hostname())
		ip, err := netip.ParseAddr(host)
		if !(err == nil && ip.IsLoopback()) && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
			t.Fatalf("%q was allowed, its host is %q", origin, host)
		}
	})
}
