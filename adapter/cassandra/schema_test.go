package cassandra_test

import (
	"errors"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/cassandra"
)

// TestASchemaOfAnEarlierVersionIsMigrated: what it says is read as before, also if the first try to migrate ended in the middle.
func TestASchemaOfAnEarlierVersionIsMigrated(t *testing.T) {
	at := server.URL(t)
	cfg := cassandra.Config{URL: "cassandra://" + at + "/earlier", Bucket: 64}
	if err := cassandra.InitEarlier(t.Context(), cfg, 1); err != nil {
		t.Fatal(err)
	}
	if s, err := cassandra.Open(t.Context(), cfg); !errors.Is(err, cassandra.ErrOlder) {
		t.Fatalf("opened %v, %v", s, err)
	}
	c := gocql.NewCluster(at)
	c.Keyspace = "earlier"
	raw, err := c.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	do := func(statement string) {
		t.Helper()
		if err := raw.Query(statement).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	do(`INSERT INTO members (channel, user, version, role, joined, removals, muted) VALUES ('room', 'alice', 1, 'member', 5, 0, true)`)
	do(`INSERT INTO members (channel, user, version, role, joined, removals, muted) VALUES ('room', 'bob', 1, 'member', 5, 0, false)`)
	for range 2 {
		if is, err := cassandra.Migrate(t.Context(), cfg); err != nil || is.Version != is.Latest {
			t.Fatalf("%+v, %v", is, err)
		}
		do(`INSERT INTO parley_schema (name, value) VALUES ('version', '1')`)
	}
	if _, err := cassandra.Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s := open(t, cfg, 1)[0]
	want := func(user parley.UserID, mute parley.Mute) {
		t.Helper()
		if m, err := s.Member(t.Context(), user, "room"); err != nil || m[0].Role != parley.RoleMember || m[0].Mute != mute {
			t.Fatalf("%+v, %v; want %q", m, err, mute)
		}
	}
	want("alice", parley.MuteAll)
	want("bob", parley.MuteNone)
	for _, mute := range []parley.Mute{parley.MuteButMentions, parley.MuteAll, parley.MuteNone} {
		if _, _, err := s.SetMember(t.Context(), "room", "alice", parley.MemberChange{Mute: &mute}); err != nil {
			t.Fatal(err)
		}
		want("alice", mute)
	}
	mute := parley.MuteButMentions
	if _, _, err := s.SetMember(t.Context(), "room", "alice", parley.MemberChange{Mute: &mute}); err != nil {
		t.Fatal(err)
	}
	do(`UPDATE members SET muted = false WHERE channel = 'room' AND user = 'alice'`) // as a node of the earlier version does
	want("alice", parley.MuteNone)
}
