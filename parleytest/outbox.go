package parleytest

import (
	"context"
	"fmt"
	"testing"

	"github.com/parley-server/parley"
)

// RunOutbox tests every sentence of the contract of parley.Outbox. open returns handles of one
// empty store, one for each of several nodes.
func RunOutbox(t *testing.T, open func(t *testing.T) []parley.Outbox) {
	handles := open(t)
	turn := 0
	next := func() parley.Outbox { turn++; return handles[turn%len(handles)] }
	want := func(node string, after parley.ChannelID, limit int, channels ...parley.ChannelID) {
		t.Helper()
		for range handles {
			if got, err := next().Unfinished(t.Context(), node, after, limit); err != nil || fmt.Sprint(got) != fmt.Sprint(channels) {
				t.Fatalf("unfinished of %s after %q: %v, %v; want %v", node, after, got, err, channels)
			}
		}
	}
	nodes := func(want ...string) {
		t.Helper()
		for range handles {
			got, err := next().UnfinishedNodes(t.Context())
			seen := map[string]bool{}
			for _, node := range got {
				seen[node] = true
			}
			if err != nil || len(seen) != len(want) || len(got) != len(want) {
				t.Fatalf("nodes: %v, %v; want %v", got, err, want)
			}
			for _, node := range want {
				if !seen[node] {
					t.Fatalf("nodes: %v, want %v", got, want)
				}
			}
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want("a", "", 10)
	nodes()
	do(next().PutUnfinished(t.Context(), "a", "room:2", "room:1", "dm:x:y"))
	do(next().PutUnfinished(t.Context(), "a", "room:1"))
	do(next().PutUnfinished(t.Context(), "b", "room:1"))
	want("a", "", 10, "dm:x:y", "room:1", "room:2")
	want("a", "", 2, "dm:x:y", "room:1")
	want("a", "room:1", 10, "room:2")
	want("b", "", 10, "room:1")
	nodes("a", "b")
	do(next().RemoveUnfinished(t.Context(), "a", "room:1", "never"))
	do(next().RemoveUnfinished(t.Context(), "nobody", "room:1"))
	want("a", "", 10, "dm:x:y", "room:2")
	want("b", "", 10, "room:1")
	do(next().RemoveUnfinished(t.Context(), "b", "room:1"))
	nodes("a")
	if noting, ok := next().(parley.NotingOutbox); ok {
		log := noting.(parley.Log)
		for _, drafts := range [][]parley.Draft{
			{{User: "alice", Text: "one"}},
			{{User: "alice", Key: "k", Text: "two"}, {User: "bob", Text: "three"}},
			{{User: "alice", Key: "k", Text: "two"}},
			{{Change: &parley.Change{Of: 1, Kind: parley.ChangeDelete}, User: "alice"}},
		} {
			do(next().RemoveUnfinished(t.Context(), "d", "room:3"))
			for _, r := range noting.AppendNoted(t.Context(), "d", "room:3", drafts...) {
				do(r.Err)
			}
			want("d", "", 10, "room:3")
		}
		run, err := log.Read(t.Context(), "room:3", parley.Cursor{}, 10)
		if err != nil || len(run.Entries) != 4 || run.Entries[1].Text != "two" {
			t.Errorf("stored are %+v, %v", run.Entries, err)
		}
		for _, r := range log.Append(t.Context(), "room:4", parley.Draft{User: "alice", Text: "one"}) {
			do(r.Err)
		}
		want("d", "", 10, "room:3")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if next().PutUnfinished(ended, "c", "room") == nil {
		t.Error("an ended context is no error")
	}
	if _, err := next().Unfinished(ended, "a", "", 1); err == nil {
		t.Error("an ended context is no error")
	}
}
