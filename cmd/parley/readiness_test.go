package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/httpapi"
)

// An outage is logged at the second failed check, once, and so is its end; a single failed check is not.
func TestOutagesAreLoggedOnce(t *testing.T) {
	var lines bytes.Buffer
	o := outage{log: slog.New(slog.NewTextHandler(&lines, nil)), part: "the store"}
	now := time.Now()
	for _, c := range "o-o--,--o-o" {
		now = now.Add(5 * time.Second)
		before := lines.Len()
		switch c {
		case ',':
			now = now.Add(time.Hour) // a pause of the process
		case 'o':
			o.found(now, httpapi.Part{OK: true})
		default:
			o.found(now, httpapi.Part{Detail: "connection refused"})
		}
		t.Logf("%c: %s", c, lines.Bytes()[before:])
	}
	got := strings.Split(strings.TrimSpace(lines.String()), "\n")
	want := []string{`level=WARN msg="the store can't be used" error="connection refused"`,
		`level=INFO msg="the store can be used again" after=1h0m25s`}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(got), len(want), lines.String())
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("line %d is %s, want %s", i, got[i], want[i])
		}
	}
}
