package redis_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/testenv"
)

// own starts a Redis for one test.
func own(t *testing.T, args ...string) *testenv.SharedService {
	t.Helper()
	server := testenv.NewService("redis", args...)
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	server.URL(t)
	return server
}

// restart kills Redis and starts it again.
func restart(t *testing.T, server *testenv.SharedService) {
	t.Helper()
	for _, verb := range []string{"kill", "up"} {
		if _, err := server.Control(verb); err != nil {
			t.Fatal(err)
		}
	}
}

func openOne(t *testing.T, cfg redis.Config) *redis.Store {
	t.Helper()
	s, err := redis.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// post appends a message and demands that it is stored.
func post(t *testing.T, s parley.Log, key, text string) parley.Result {
	t.Helper()
	for late := time.Now().Add(testenv.Patience); ; { // the connections to a server that was just restarted are broken
		r := s.Append(t.Context(), "room", parley.Draft{User: "alice", Key: key, Text: text, Join: true})[0]
		if r.Err == nil {
			return r
		}
		if time.Now().After(late) || !errors.Is(r.Err, parley.ErrUnavailable) && !errors.Is(r.Err, parley.ErrUnknown) {
			t.Fatal(r.Err)
		}
	}
}

func project(t *testing.T, s *redis.Store) {
	t.Helper()
	for after := int64(0); ; {
		run, err := s.Read(t.Context(), "room", parley.Cursor{ID: after}, 1000)
		if err == nil {
			_, err = s.Project(t.Context(), "room", run)
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(run.Entries) == 0 {
			return
		}
		after = run.Entries[len(run.Entries)-1].ID
	}
}

func TestServerThatLostEntriesBeginsAnEpoch(t *testing.T) {
	server := own(t)
	cfg := redis.Config{URL: server.URL(t)}
	a, b := openOne(t, cfg), openOne(t, cfg)
	before := post(t, a, "1", "one")
	post(t, b, "2", "two")
	old, err := b.Read(t.Context(), "room", parley.Cursor{}, 10)
	if err != nil || len(old.Entries) != 2 || old.Epoch != before.Epoch {
		t.Fatal(old, err)
	}
	restart(t, server) // without an append-only file: empty
	after := post(t, a, "3", "three")
	if after.Epoch == before.Epoch || after.Message.ID != 1 {
		t.Fatalf("after the loss: %+v", after)
	}
	// The other node learns of it by any call.
	if _, err := b.Read(t.Context(), "room", parley.Cursor{ID: 2, Epoch: before.Epoch}, 10); !errors.Is(err, parley.ErrEpoch) {
		t.Errorf("a cursor of the old epoch: %v", err)
	}
	if _, err := b.Project(t.Context(), "room", old); !errors.Is(err, parley.ErrEpoch) {
		t.Errorf("entries of the old epoch: %v", err)
	}
	if r := post(t, b, "4", "four"); r.Epoch != after.Epoch || r.Message.ID != 2 {
		t.Errorf("on the other node: %+v", r)
	}
	if c := openOne(t, cfg); post(t, c, "5", "five").Epoch != after.Epoch {
		t.Error("a node that comes later begins an epoch too")
	}
}

func TestServerThatSyncsAlwaysContinuesItsEpoch(t *testing.T) {
	server := own(t, "--aof")
	url := server.URL(t)
	always := func() { cliOf(t, url, "CONFIG", "SET", "appendfsync", "always") }
	always()
	cfg := redis.Config{URL: url}
	a := openOne(t, cfg)
	before := post(t, a, "1", "one")
	project(t, a)
	if _, err := server.Control("kill"); err != nil {
		t.Fatal(err)
	}
	r := a.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "x"})[0]
	if !errors.Is(r.Err, parley.ErrUnavailable) && !errors.Is(r.Err, parley.ErrUnknown) {
		t.Errorf("an append while Redis is away: %v", r.Err)
	}
	if _, err := server.Control("up"); err != nil {
		t.Fatal(err)
	}
	always() // what CONFIG SET has set does not outlive the server
	if again := post(t, a, "1", "one"); !again.Duplicate || again.Message.ID != 1 || again.Epoch != before.Epoch {
		t.Fatalf("after the restart: %+v", again)
	}
	cliOf(t, url, "CONFIG", "SET", "appendfsync", "everysec")
	b := openOne(t, cfg) // notes that the server no longer syncs always
	if r := post(t, b, "2", "two"); r.Epoch != before.Epoch {
		t.Errorf("another policy alone begins an epoch: %+v", r)
	}
	restart(t, server)
	after := post(t, a, "3", "three")
	if after.Epoch == before.Epoch {
		t.Error("a server that may have lost entries continues its epoch")
	}
	bounds, err := a.Bounds(t.Context(), "room")
	at, err2 := a.Position(t.Context(), "room")
	m, err3 := a.Member(t.Context(), "alice", "room")
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	if at[0] > bounds[0].Last || m[0].ReadID > bounds[0].Last {
		t.Errorf("position %d and pointer %d lie beyond the head: %+v", at[0], m[0].ReadID, bounds[0])
	}
}

// TestAppendWhoseAnswerIsLostIsStoredOnce breaks all connections while several nodes append without keys.
func TestAppendWhoseAnswerIsLostIsStoredOnce(t *testing.T) {
	server := own(t)
	cfg := redis.Config{URL: server.URL(t)}
	const each = 400
	var appending sync.WaitGroup
	done := make(chan struct{})
	for n := range 3 {
		s := openOne(t, cfg)
		appending.Go(func() {
			for i := range each {
				text := fmt.Sprint(n, ".", i)
				if r := s.Append(t.Context(), "room", parley.Draft{User: "alice", Text: text})[0]; r.Err != nil {
					t.Errorf("%s: %v", text, r.Err)
				}
			}
		})
	}
	go func() { appending.Wait(); close(done) }()
	for broken := false; !broken; {
		select {
		case <-done:
			broken = true
		default:
			cliOf(t, cfg.URL, "CLIENT", "KILL", "TYPE", "normal")
		}
	}
	s := openOne(t, cfg)
	seen := map[string]bool{}
	for after := int64(0); ; {
		run, err := s.Read(t.Context(), "room", parley.Cursor{ID: after}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(run.Entries) == 0 {
			break
		}
		for _, m := range run.Entries {
			if seen[m.Text] {
				t.Errorf("%s is stored twice", m.Text)
			}
			seen[m.Text], after = true, m.ID
		}
	}
	if len(seen) != 3*each {
		t.Errorf("%d of %d are stored", len(seen), 3*each)
	}
}

func TestPromotedReplicaBeginsAnEpoch(t *testing.T) {
	master, replica := own(t, "--aof"), own(t, "--aof")
	m, r := master.URL(t), replica.URL(t)
	for _, url := range []string{m, r} {
		cliOf(t, url, "CONFIG", "SET", "appendfsync", "always")
	}
	a := openOne(t, redis.Config{URL: m})
	before := post(t, a, "1", "one")
	if !strings.Contains(a.Promise(), "on its disk") {
		t.Errorf("the promise of a server that always syncs: %s", a.Promise())
	}
	replicate(t, r, m)
	if s, err := redis.Open(t.Context(), redis.Config{URL: r}); err == nil {
		s.Close()
		t.Error("a replica is taken as a store")
	}
	cliOf(t, r, "REPLICAOF", "NO", "ONE")
	b := openOne(t, redis.Config{URL: r})
	after := post(t, b, "2", "two")
	if after.Epoch == before.Epoch || after.Message.ID != 2 {
		t.Errorf("after the promotion: %+v, before %+v", after, before)
	}
	for _, done := range []string{"aof_rewrite_scheduled:0", "aof_rewrite_in_progress:0"} { // before that Redis does not end
		says(t, r, done)
	}
}
