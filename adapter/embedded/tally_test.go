package embedded_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
)

// A tally equals a recount of the messages, after changes, deletions, retention and a restart, also
// in a store of the previous form.
func TestTalliesEqualARecount(t *testing.T) {
	fs := vfs.NewMem()
	cfg := embedded.Config{FS: fs, TrimEvery: time.Hour}
	log := start(t, "data", cfg)
	r := rand.New(rand.NewPCG(1, 2))
	if _, _, err := log.SetMember(t.Context(), "room", "bob", parley.MemberChange{Role: ptr(parley.RoleMember)}); err != nil {
		t.Fatal(err)
	}
	texts := []string{"x", "@bob", "@channel", "@bob and @channel", "@carol"}
	check := func(when string) {
		t.Helper()
		b, err := log.Bounds(t.Context(), "room")
		if err != nil {
			t.Fatal(err)
		}
		var all []parley.Message
		for after := b[0].First - 1; after < b[0].Last; {
			run, err := runOf(t.Context(), log, "room", parley.Cursor{ID: after}, 1000)
			if err != nil {
				t.Fatal(err)
			}
			all, after = append(all, run...), run[len(run)-1].ID
		}
		ms, err := log.Member(t.Context(), "bob", "room")
		if err != nil {
			t.Fatal(err)
		}
		st, err := log.Unread(t.Context(), "bob", parley.Place{Channel: "room", ReadID: ms[0].ReadID, ReadCount: ms[0].ReadCount})
		if err != nil {
			t.Fatal(err)
		}
		var unread, mentions int64
		for i := range all {
			if m := &all[i]; m.ID > ms[0].ReadID && m.Change == "" && !m.Deleted {
				unread++
				for _, user := range m.Mentions() {
					if user == "bob" || user == parley.Everybody {
						mentions++
						break
					}
				}
			}
		}
		if st[0].Unread != unread || st[0].Mentions != mentions {
			t.Fatalf("%s: %d unread, %d mentions; a recount has %d and %d", when, st[0].Unread, st[0].Mentions, unread, mentions)
		}
	}
	last := int64(0)
	for step := range 60 {
		drafts := make([]parley.Draft, 1+r.IntN(40))
		for i := range drafts {
			drafts[i] = parley.Draft{User: "alice", Text: texts[r.IntN(len(texts))]}
		}
		for _, res := range log.Append(t.Context(), "room", drafts...) {
			if res.Err != nil {
				t.Fatal(res.Err)
			}
			last = res.Message.ID
		}
		for range r.IntN(12) {
			c := &parley.Change{Of: 1 + r.Int64N(last), Kind: parley.ChangeDelete}
			if r.IntN(2) == 0 {
				c.Kind, c.Text = parley.ChangeEdit, ptr(texts[r.IntN(len(texts))])
			}
			log.Append(t.Context(), "room", parley.Draft{User: "alice", Change: c}) // some changes are refused
		}
		switch step % 12 {
		case 3:
			if _, _, err := log.SetMember(t.Context(), "room", "bob", parley.MemberChange{Read: ptr(r.Int64N(last))}); err != nil {
				t.Fatal(err)
			}
		case 7:
			keep := parley.Settings{Retention: &parley.Retention{Messages: 200 + r.Int64N(200)}}
			if _, _, err := log.SetChannel(t.Context(), "room", keep.Replace); err != nil {
				t.Fatal(err)
			}
			if err := log.Retain(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 11:
			if step > 30 {
				if err := log.AgeIndexes("room"); err != nil {
					t.Fatal(err)
				}
			}
			log.stop(t)
			log = start(t, "data", cfg)
		}
		check(fmt.Sprintf("step %d", step))
	}
	if err := log.RemoveChannel(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	if n, err := log.Holds("room", ""); err != nil || n != 0 {
		t.Fatalf("%d rows of a removed channel, %v", n, err)
	}
}

// Entries removed by retention leave no row of a tally behind.
func TestTrimmedTalliesAreGone(t *testing.T) {
	log := start(t, "data", embedded.Config{FS: vfs.NewMem(), TrimEvery: time.Hour})
	if _, _, err := log.SetChannel(t.Context(), "room", parley.Settings{Retention: &parley.Retention{Messages: 5}}.Replace); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		for j := range 17 {
			text := "x"
			if j == i%17 {
				text = fmt.Sprintf("@user%d", i)
			}
			log.Append(t.Context(), "room", parley.Draft{User: "alice", Text: text})
		}
		if err := log.Retain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		log.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "x"})
	}
	if err := log.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := log.Holds("room", "user"); err != nil || n != 0 {
		t.Fatalf("%d rows name users whose mentions are gone, %v", n, err)
	}
}

func ptr[T any](v T) *T { return &v }
