package parleytest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/parley-server/parley"
)

// testAllHandles: an entry that one handle returns is returned by all.
func testAllHandles(t *testing.T, h logHarness) {
	log := h.Open(t, nil).(*nodes)
	for i := range 3 * len(log.handles) {
		m := post(t, log.handles[i%len(log.handles)], room, fmt.Sprint(i))[0]
		for k, other := range log.handles {
			run, err := other.Read(t.Context(), room, parley.Cursor{ID: m.ID - 1}, 10)
			if err != nil || len(run.Entries) != 1 || !reflect.DeepEqual(run.Entries[0], m) {
				t.Fatalf("handle %d reads %+v, %v; want %+v", k, run, err, m)
			}
			if b := boundsOf(t, other, room); b.Last != m.ID || b.Epoch != run.Epoch {
				t.Fatalf("handle %d has %+v", k, b)
			}
		}
	}
}

// testProject calls Project as feeds of several nodes may: in parts, repeatedly, concurrently, and wrongly.
func testProject(t *testing.T, h rosterHarness) {
	s := h.Open(t).(*nodes)
	one, other := s.handles[0], s.handles[len(s.handles)-1]
	position := func(want int64) {
		t.Helper()
		for _, h := range s.handles {
			if at, err := h.Position(t.Context(), "nowhere", room); err != nil || len(at) != 2 || at[0] != 0 || at[1] != want {
				t.Fatalf("the position is %v, %v; want %d", at, err, want)
			}
		}
	}
	position(0)
	rs := one.Append(t.Context(), room, parley.Draft{User: "alice", Text: "1", Join: true},
		parley.Draft{User: "bob", Text: "@alice", Join: true},
		parley.Draft{User: "carol", Text: "3", Join: true}, parley.Draft{User: "carol", Text: "4", Join: true}, deleting(3))
	stored(t, rs)
	run, err := other.Read(t.Context(), room, parley.Cursor{}, 10)
	if err != nil || len(run.Entries) != 5 {
		t.Fatal(run, err)
	}
	if _, err := other.Project(t.Context(), room, parley.Run{Epoch: "another", Entries: run.Entries}); !errors.Is(err, parley.ErrEpoch) {
		t.Errorf("entries of another epoch: %v", err)
	}
	part := func(from, to int) parley.Run { return parley.Run{Epoch: run.Epoch, Entries: run.Entries[from:to]} }
	if at, err := one.Position(t.Context(), room); err == nil && at[0] == 5 {
		if fs, err := other.Project(t.Context(), room, run); err != nil || len(fs) != 0 {
			t.Errorf("there was nothing to take in: %v, %v", fs, err)
		}
	} else {
		position(0)
		if _, err := other.Project(t.Context(), room, part(1, 3)); !errors.Is(err, parley.ErrGap) {
			t.Errorf("a run with a gap before it: %v", err)
		}
		position(0)
		var all []parley.Fact
		for i, p := range [][2]int{{0, 2}, {0, 2}, {1, 3}, {2, 2}, {0, 5}, {3, 5}} {
			fs, err := s.handles[i%len(s.handles)].Project(t.Context(), room, part(p[0], p[1]))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fs...)
			position([]int64{2, 2, 3, 3, 5, 5}[i])
		}
		if want := []string{"1 alice joined", "2 bob joined", "2 alice mentioned", "3 carol joined"}; !slices.Equal(factNames(all), want) {
			t.Errorf("the facts are %v, want %v", factNames(all), want)
		}
	}
	position(5)
	for _, user := range []parley.UserID{"alice", "bob", "carol"} {
		m, err := memberOf(t.Context(), other, room, user)
		if err != nil || m.Role != parley.RoleMember {
			t.Errorf("%+v, %v", m, err)
		}
	}
	if st := standing(t, other, "alice"); st.Unread != 2 || st.Mentions != 1 {
		t.Errorf("%+v", st)
	}
	// Concurrent calls of several nodes do no harm.
	stored(t, one.Append(t.Context(), room, parley.Draft{User: "dora", Text: "@alice", Join: true},
		parley.Draft{User: "dora", Text: "x", Thread: 1}))
	var wait sync.WaitGroup
	for _, h := range s.handles {
		wait.Go(func() {
			if _, err := project(t.Context(), func() Store { return h }, room, 1); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	position(7)
	if st := standing(t, other, "alice"); st.Unread != 4 || st.Mentions != 2 {
		t.Errorf("%+v", st)
	}
	if got := replies(t, other, 1); got != 1 {
		t.Errorf("%d replies", got)
	}
}

// testProjectTrimmed: entries that were trimmed before they were projected are not a gap.
func testProjectTrimmed(t *testing.T, h rosterHarness) {
	s := h.Open(t).(*nodes)
	one, other := s.handles[0], s.handles[len(s.handles)-1]
	for i := range 40 {
		stored(t, one.Append(t.Context(), room, parley.Draft{User: "alice", Text: fmt.Sprint("@bob ", i), Join: true}))
	}
	h.Trim(t, s, 5)
	b := boundsOf(t, one, room)
	at, err := other.Position(t.Context(), room)
	if err != nil || at[0] < b.First-1 || b.First == 1 {
		t.Fatalf("the position is %v, %v, and the channel holds %+v", at, err, b)
	}
	if _, err := project(t.Context(), s.next, room, 2); err != nil {
		t.Fatal(err)
	}
	if at, err := one.Position(t.Context(), room); err != nil || at[0] != b.Last {
		t.Errorf("the position is %v, %v, want %d", at, err, b.Last)
	}
	if m, err := memberOf(t.Context(), other, room, "alice"); err != nil || m.ReadID != b.Last || m.ReadCount != b.Last {
		t.Errorf("%+v, %v", m, err)
	}
}

func factNames(fs []parley.Fact) (names []string) {
	kinds := map[parley.FactKind]string{parley.FactJoined: "joined", parley.FactMentioned: "mentioned"}
	for _, f := range fs {
		names = append(names, fmt.Sprint(f.ID, " ", f.User, " ", kinds[f.Kind]))
	}
	return names
}

func testFacts(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	want := func(names ...string) func(...parley.Draft) {
		return func(ds ...parley.Draft) {
			t.Helper()
			got := factNames(facts(t, s, s.Append(t.Context(), room, ds...)))
			slices.Sort(got)
			if !slices.Equal(got, names) {
				t.Errorf("the facts are %q, want %q", got, names)
			}
		}
	}
	joining := func(text string) parley.Draft { return parley.Draft{User: "alice", Text: text, Join: true} }
	want("1 alice joined")(joining("x"))
	want()(joining("x @alice"))
	want("3 bob mentioned", "3 carol mentioned")(joining("@bob and @carol, @bob"))
	want("4 channel mentioned")(joining("@channel"))
	want()(editing(3, "@bob"))
	want("6 dora mentioned")(editing(3, "@bob @dora"))
	want()(deleting(3), reacting("bob", 1, "👍"))
	want()(parley.Draft{User: "bob", Text: "x"}, parley.Draft{User: parley.Guest, Text: "x", Join: true})
}

// testJoinedAndRemoved: a removal works whether or not the membership was already projected.
func testJoinedAndRemoved(t *testing.T, h rosterHarness) {
	s := h.Open(t).(*nodes)
	one, other := s.handles[0], s.handles[len(s.handles)-1]
	for i, role := range []parley.Role{parley.RoleNone, parley.RoleBanned, parley.RoleRestricted} {
		user := parley.UserID(fmt.Sprint("u", i))
		stored(t, one.Append(t.Context(), room, parley.Draft{User: user, Text: "x", Join: true}))
		put(t, other, room, user, role)
		if _, err := project(t.Context(), s.next, room, 10); err != nil {
			t.Fatal(err)
		}
		if m, err := memberOf(t.Context(), one, room, user); err != nil || m.Role != role {
			t.Errorf("after its removal %s is %+v, %v", user, m, err)
		}
		if got := channelsOf(t, one, user); len(got) != 0 {
			t.Errorf("%s is in %v", user, got)
		}
	}
	stored(t, other.Append(t.Context(), room, parley.Draft{User: "u0", Text: "again", Join: true}))
	if _, err := project(t.Context(), s.next, room, 10); err != nil {
		t.Fatal(err)
	}
	if m, err := memberOf(t.Context(), one, room, "u0"); err != nil || m.Role != parley.RoleMember || m.ReadID != 4 {
		t.Errorf("after another message u0 is %+v, %v", m, err)
	}
}

// testJoinTogether: a user who posts to many nodes at the same time joins once.
func testJoinTogether(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	const each = 10
	var mu sync.Mutex
	var all []parley.Result
	var wait sync.WaitGroup
	for i := range 4 * each {
		wait.Go(func() {
			rs := s.Append(t.Context(), room, parley.Draft{User: parley.UserID(fmt.Sprint("u", i%4)), Text: "x", Join: true})
			mu.Lock()
			defer mu.Unlock()
			all = append(all, rs...)
		})
	}
	wait.Wait()
	stored(t, all)
	got := factNames(facts(t, s, all))
	if len(got) != 4 {
		t.Errorf("4 users joined as %v", got)
	}
	if got := roles(t, s, room); got != "u0:member u1:member u2:member u3:member " {
		t.Error(got)
	}
	ms, _, err := s.Members(t.Context(), room, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	latest := map[parley.UserID]int64{}
	for i := range all {
		m := &all[i].Message
		latest[m.User] = max(latest[m.User], m.ID)
	}
	for _, m := range ms {
		if m.ReadID != latest[m.User] || m.ReadCount != m.ReadID {
			t.Errorf("%+v, want the pointer at %d", m, latest[m.User])
		}
	}
}
