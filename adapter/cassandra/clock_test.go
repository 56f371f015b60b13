package cassandra_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley/adapter/cassandra"
)

// A node whose clock is wrong says so, and stamps with the store's clock; once it is right again all is well.
func TestWrongClockIsReported(t *testing.T) {
	cfg := config(t)
	var ahead time.Duration
	for _, by := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		ahead = by
		s := open(t, cfg.Ahead(func() time.Duration { return ahead }), 1)[0]
		if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), by.String()) {
			t.Errorf("a clock that is %v ahead: %v", by, err)
		}
		m := s.Append(t.Context(), room, plain(1, by.String())...)[0].Message
		if off := time.Until(time.UnixMicro(int64(m.Time))); off.Abs() > time.Minute {
			t.Errorf("with a clock that is %v ahead a message is stamped %v ahead", by, off)
		}
		ahead = 30 * time.Second
		s.CompareClocks(t)
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("a clock that is half a minute ahead: %v", err)
		}
	}
}

func TestStatementsAreObserved(t *testing.T) {
	cfg := config(t)
	var mu sync.Mutex
	seen := map[string]int{}
	cfg.Observe = func(kind string, took time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		if seen[kind]++; took < 0 || err != nil {
			t.Errorf("%s took %v: %v", kind, took, err)
		}
	}
	s := open(t, cfg, 1)[0]
	stored(t, s.Append(t.Context(), room, keyed("k", "secret")))
	if _, found, err := s.Lookup(t.Context(), room, "u", "k"); err != nil || !found {
		t.Errorf("looked up: %v, %v", found, err)
	}
	texts(t, s)
	mu.Lock()
	defer mu.Unlock()
	for _, kind := range []string{"batch update log if", "insert keys", "select keys", "select log", "select channels"} {
		if seen[kind] == 0 {
			t.Errorf("no %s among %v", kind, seen)
		}
	}
}

func TestKindsOfStatements(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT head, ts FROM log WHERE channel = ? LIMIT 1":        "select log",
		"INSERT INTO once (key) VALUES (?) IF NOT EXISTS":           "insert once if",
		"UPDATE channels USING TIMESTAMP ? SET floor = ? WHERE x=?": "update channels",
		"DELETE FROM now WHERE channel = ?":                         "delete now",
	} {
		if is := cassandra.KindOf(statement); is != want {
			t.Errorf("%s is a %s, want %s", statement, is, want)
		}
	}
}
