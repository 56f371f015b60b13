package main

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestQueriesAreCountedByKind(t *testing.T) {
	var log strings.Builder
	q := newQueries(slog.New(slog.NewTextHandler(&log, nil)))
	q.observe("select log", time.Millisecond, nil)
	q.observe("batch update log if", time.Second, errors.New("secret"))
	m := newMeters()
	m.registry.MustRegister(q.took, q.failed)
	r := httptest.NewRecorder()
	m.handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{`parley_store_query_seconds_count{query="select log"} 1`,
		`parley_store_query_failed_total{query="batch update log if"} 1`} {
		if !strings.Contains(r.Body.String(), line) {
			t.Errorf("no %s", line)
		}
	}
	if s := log.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, `query="batch update log if" took=1s failed=true`) ||
		strings.Contains(s, "secret") {
		t.Errorf("the log says %s", s)
	}
}
