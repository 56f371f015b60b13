package redis_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/testenv"
)

// replicate makes one server the replica of another, and returns when it is in step.
func replicate(t *testing.T, replica, master string) {
	t.Helper()
	cliOf(t, master, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
	host, port, _ := strings.Cut(strings.TrimPrefix(master, "redis://"), ":")
	cliOf(t, replica, "REPLICAOF", host, port)
	says(t, replica, "master_link_status:up")
}

// says waits until a server says something of itself.
func says(t *testing.T, url, what string) {
	t.Helper()
	for late := time.Now().Add(testenv.Patience); !strings.Contains(cliOf(t, url, "INFO", "everything"), what); {
		if time.Now().After(late) {
			t.Fatalf("the server does not say %s", what)
		}
	}
}

func TestAppendWaitsForReplicas(t *testing.T) {
	master, replica := own(t), own(t)
	m, r := master.URL(t), replica.URL(t)
	replicate(t, r, m)
	s := openOne(t, redis.Config{URL: m, Replicas: 1, ReplicasTimeout: 300 * time.Millisecond})
	if is := s.Promise(); !strings.Contains(is, "on 1 replica") {
		t.Errorf("the promise is %q", is)
	}
	post(t, s, "1", "one")
	if n := strings.TrimSpace(cliOf(t, r, "HEXISTS", "{room}:log", "\x01alice")); n != "1" {
		t.Errorf("the replica does not have what is acknowledged: %s", n)
	}
	change := parley.Draft{User: "alice", Change: &parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "👍"}}
	if c := s.Append(t.Context(), "room", change)[0]; c.Err != nil {
		t.Error(c.Err)
	}
	freeze(t, replica, "")
	for what, d := range map[string]parley.Draft{
		"a message": {User: "alice", Key: "2", Text: "two"},
		"a change":  {User: "alice", Change: &parley.Change{Of: 1, Kind: parley.ChangeReact, Emoji: "🎉"}},
		"a repeat":  {User: "alice", Key: "1", Text: "one"},
	} {
		if r := s.Append(t.Context(), "room", d)[0]; !errors.Is(r.Err, parley.ErrUnknown) {
			t.Errorf("%s that no replica has: %+v", what, r)
		}
	}
	other := openOne(t, redis.Config{URL: m, Prefix: "other:"})
	post(t, other, "1", "one") // which waits for none
}
