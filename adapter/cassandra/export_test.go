package cassandra

import (
	"context"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// SetFaults has before called before each conditional batch, whose error keeps it from being sent, and after when it was
// made, whose error takes the place of the answer. nil: nothing.
func (s *Store) SetFaults(before, after func(parley.ChannelID) error) {
	s.faults = faults{before, after}
}

// ErrNotSent is an error for before, which says that no replica was given the batch.
var ErrNotSent = errNotSent

// Ahead has a node's clock be ahead of its real one.
func (c Config) Ahead(by func() time.Duration) Config {
	c.wall = func() time.Time { return time.Now().Add(by()) }
	return c
}

// CompareClocks does what Run does now and then.
func (s *Store) CompareClocks(t testing.TB) {
	t.Helper()
	if err := s.compareClocks(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// KindOf is the kind of a statement as Observe is told it.
var KindOf = kindOf

// Forget forgets a channel's head, as a node does that has just started.
func (s *Store) Forget(channel parley.ChannelID) { s.forget(channel) }

// Cut closes the connections, so that nothing can be asked any more.
func (s *Store) Cut() error { s.session.Close(); return nil }

// CountRows counts the entries of a channel that are stored.
func (s *Store) CountRows(t testing.TB, channel parley.ChannelID) (n int) {
	t.Helper()
	for bucket := range int64(100) {
		var here int
		err := s.session.Query(`SELECT count(*) FROM log WHERE channel = ? AND bucket = ? AND kind = 0`, string(channel), bucket).Scan(&here)
		if err != nil {
			t.Fatal(err)
		}
		n += here
	}
	return n
}

// Stored is all that the store has of a channel's entries, whatever is shown of them.
func (s *Store) Stored(t testing.TB, channel parley.ChannelID) (all string) {
	t.Helper()
	for bucket := range int64(10) {
		for _, from := range []string{`body, extra FROM log`, `state, state FROM now`} {
			rows := s.session.Query(`SELECT `+from+` WHERE channel = ? AND bucket = ?`, string(channel), bucket).Iter()
			for body, more := []byte(nil), []byte(nil); rows.Scan(&body, &more); {
				all += string(body) + string(more)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// InitEarlier is Init of a program that knows only the first versions of the schema.
func InitEarlier(ctx context.Context, cfg Config, versions int) error {
	all := migrations
	defer func() { migrations = all }()
	migrations = migrations[:versions]
	_, err := Init(ctx, cfg)
	return err
}
