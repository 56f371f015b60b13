package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestScriptsAreModulesThatCachesRevalidate(t *testing.T) {
	for path, holds := range map[string]string{"/parley.js": "as Client", "/parley-extras.js": "as createTabs",
		"/chat.js": `from"/parley.js"`, "/emoji.js": "tada", "/code.js": "fallthrough", "/sw.js": "showNotification"} {
		t.Run(path, func(t *testing.T) { servesModule(t, path, holds) })
	}
}

// The first part of the client requests the second part that was built with it, and gets no other.
func TestSecondPartOfTheClientHasTheRightVersion(t *testing.T) {
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		pages().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	named := regexp.MustCompile(`import\("\./(parley-extras\.js\?v=[\w-]+)"\)`).FindSubmatch(get("/parley.js").Body.Bytes())
	if named == nil {
		t.Fatal("parley.js names no second part")
	}
	if w := get("/" + string(named[1])); w.Code != http.StatusOK || !bytes.Contains(w.Body.Bytes(), []byte("as createTabs")) {
		t.Errorf("%s: %d", named[1], w.Code)
	}
	if w := get("/parley-extras.js?v=older"); w.Code != http.StatusNotFound ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("another version: %d %v", w.Code, w.Header())
	}
}

func servesModule(t *testing.T, path, holds string) {
	h := pages()
	get := func(header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	plain, zipped := get(), get("Accept-Encoding", "br, gzip")
	if got := plain.Header(); got.Get("Content-Type") != "text/javascript; charset=utf-8" || got.Get("Cache-Control") != "no-cache" ||
		got.Get("Vary") != "Accept-Encoding" {
		t.Errorf("headers %v", got)
	}
	if !bytes.Contains(plain.Body.Bytes(), []byte(holds)) {
		t.Errorf("%s is not in its %d bytes", holds, plain.Body.Len())
	}
	unzip, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(unzip); err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
		t.Errorf("compressed it is something else: %v", err)
	}
	tag := plain.Header().Get("ETag")
	if other := zipped.Header().Get("ETag"); tag == other || !strings.HasPrefix(tag, `"`) {
		t.Errorf("entity tags %s and %s", tag, other)
	}
	if again := get("If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("asked for again: %d with %d bytes", again.Code, again.Body.Len())
	}
}

func TestThePageIsServed(t *testing.T) {
	w := httptest.NewRecorder()
	pages().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Header().Get("Content-Type") != "text/html; charset=utf-8" ||
		!strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v", w.Header())
	}
}

func TestTheExamplesAreServedBelowTheirIndex(t *testing.T) {
	for path, holds := range map[string]string{"/examples": "<h1>Examples", "/examples/": "<h1>Examples", "/examples/event-source": "new " +
		"EventSource(",
		"/examples/web-socket": "new WebSocket(", "/examples/long-poll": "curl", "/examples/react": "useChannel"} {
		w := httptest.NewRecorder()
		pages().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), holds) || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d without %q, or without a policy", path, w.Code, holds)
		}
	}
	for _, path := range []string{"/examples/none", "/examples/../index"} {
		w := httptest.NewRecorder()
		pages().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d, %v", path, w.Code, w.Header())
		}
	}
}
