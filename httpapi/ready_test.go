package httpapi_test

import (
	"strings"
	"testing"
)

func TestReadyNamesDamagedFiles(t *testing.T) {
	s := serve(t)
	s.mu.Lock()
	s.damaged = []string{"/var/lib/parley/store/000008.sst"}
	s.mu.Unlock()
	a := s.get("/readyz")
	a.is(t, 200, "") // the rest is served
	if !strings.Contains(a.body, "damaged: 000008.sst") || strings.Contains(a.body, "/var") {
		t.Errorf("%q", a.body)
	}
}
