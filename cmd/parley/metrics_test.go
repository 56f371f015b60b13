package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDropsAndRefusalsAreCountedByReason(t *testing.T) {
	m := newMeters()
	events := m.events().Complete()
	events.Dropped("heartbeat")
	events.Dropped("heartbeat")
	events.Refused("connections")
	w := httptest.NewRecorder()
	m.handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{`parley_dropped_total{reason="heartbeat"} 2`, `parley_refusals_total{reason="connections"} 1`} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("%s is missing", line)
		}
	}
}
