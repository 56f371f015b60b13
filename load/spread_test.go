package load

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A read continues if a node is down: another one answers. A request with a body must be repeated
// by the caller.
func TestReadsGoToNodesThatAnswer(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer up.Close()
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	s, err := newSpread([]string{down.URL, up.URL}, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: s}
	failed := 0
	for range 50 {
		res, err := c.Get("http://any/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res, err = c.Post("http://any/", "text/plain", strings.NewReader("x")); err != nil {
			failed++
			continue
		}
		res.Body.Close()
	}
	if failed == 0 || failed == 50 {
		t.Errorf("%d of 50 requests with a body failed", failed)
	}
}
