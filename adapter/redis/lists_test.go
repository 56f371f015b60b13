package redis_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-server/parley"
)

// TestListsNameAChannelRightAfterThePost: what belongs to other slots is there when Append returns, without Project.
func TestListsNameAChannelRightAfterThePost(t *testing.T) {
	s := openOne(t, config(t))
	for channel, draft := range map[parley.ChannelID]parley.Draft{
		"plain": {User: "alice", Text: "x", Join: true},
		"named": {User: "alice", Text: "@bob", Join: true, Key: "k"},
	} {
		r := s.Append(t.Context(), channel, draft, parley.Draft{User: "bob", Text: "y", Join: true})
		if r[0].Err != nil || !r[0].Derived || !r[1].Derived || len(r[0].Facts) == 0 || r[0].Facts[0].Kind != parley.FactJoined {
			t.Fatalf("%s: %+v", channel, r)
		}
		for _, user := range []parley.UserID{"alice", "bob"} {
			if of, err := s.Memberships(t.Context(), user, "", 10); err != nil || !slices.Contains(of, channel) {
				t.Errorf("%s is in %v, %v", user, of, err)
			}
		}
		if all, err := s.OpenChannels(t.Context(), "", 10); err != nil || !slices.Contains(all, channel) {
			t.Errorf("the channels are %v, %v", all, err)
		}
		if at, err := s.Position(t.Context(), channel); err != nil || at[0] != 2 {
			t.Errorf("the position is %v, %v", at, err)
		}
	}
}

// TestAFirstPostIsOneCall: on one server the lists are told by the script that appends.
func TestAFirstPostIsOneCall(t *testing.T) {
	s := openOne(t, config(t))
	before := scriptCalls(t)
	if r := s.Append(t.Context(), "new", parley.Draft{User: "alice", Text: "x", Join: true})[0]; r.Err != nil || !r.Derived {
		t.Fatalf("%+v", r)
	}
	if n := scriptCalls(t) - before; n != 1 {
		t.Errorf("the first message of a channel, by which its author joined, took %d scripts", n)
	}
}

// scriptCalls is how many scripts the server has run.
func scriptCalls(t *testing.T) int {
	t.Helper()
	_, stats, _ := strings.Cut(cli(t, "INFO", "commandstats"), "cmdstat_evalsha:calls=")
	calls, _, _ := strings.Cut(stats, ",")
	n, err := strconv.Atoi(calls)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestListsAreToldByTheNextWhoProjects: a node that died before it told them leaves a note in the channel.
func TestListsAreToldByTheNextWhoProjects(t *testing.T) {
	cfg := config(t)
	a, b := openOne(t, cfg), openOne(t, cfg)
	// Lists whose key has another type cannot be told.
	cli(t, "SET", cfg.Prefix+"{channels}:versions", "x")
	r := a.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "x", Join: true})[0]
	if r.Err != nil || r.Derived {
		t.Fatalf("%+v", r)
	}
	if at, err := b.Position(t.Context(), "room"); err != nil || at[0] != 0 {
		t.Fatalf("the position is %v, %v", at, err)
	}
	cli(t, "DEL", cfg.Prefix+"{channels}:versions")
	project(t, b)
	if all, err := b.Channels(t.Context(), "", 10); err != nil || !slices.Equal(all, []parley.ChannelID{"room"}) {
		t.Errorf("the channels are %v, %v", all, err)
	}
	if at, err := b.Position(t.Context(), "room"); err != nil || at[0] != 1 {
		t.Errorf("the position is %v, %v", at, err)
	}
}
