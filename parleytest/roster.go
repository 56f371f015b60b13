package parleytest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/parley-server/parley"
)

// RunRoster tests every sentence of the contract of parley.Roster.
func RunRoster(t *testing.T, h StoreHarness) {
	runRoster(t, h, []rosterTest{
		{"members are put, changed, listed and taken out", testMembers},
		{"who is banned is no member, and stays out", testBan},
		{"a role changes only on its condition", testConditions},
		{"a reader who left is no member, and remembered", testRestricted},
		{"posting makes a member if it says so", testJoinByPosting},
		{"posting from many handles at once makes one member", testJoinTogether},
		{"read pointers never move back", testPointers},
		{"a new member has read everything", testNewMember},
		{"a removed channel has no members", testRemovedRoster},
		{"many members are listed in pages", testManyMembers},
	})
}

// RunIndex tests every sentence of the contracts of parley.Index and parley.Reactions.
func RunIndex(t *testing.T, h StoreHarness) {
	runRoster(t, h, []rosterTest{
		{"mentions count for whom they name", testMentions},
		{"unread equals a recount after any history", testUnreadModel},
		{"the last message is found behind changes", testLastMessage},
		{"entries are taken in once, in order, by whatever node", testProject},
		{"what retention took away is not a gap", testProjectTrimmed},
		{"facts are what entries made true", testFacts},
		{"a membership by posting does not undo a removal", testJoinedAndRemoved},
	})
	runLog(t, h, []logTest{
		{"threads hold the message and its replies", testThread},
		{"all who reacted are listed", testReactors},
	})
}

// RunRevocations tests every sentence of the contract of parley.Revocations.
func RunRevocations(t *testing.T, h StoreHarness) {
	runRoster(t, h, []rosterTest{{"revocations last, and never go back", testRevocations}})
}

func put(t *testing.T, s Store, ch parley.ChannelID, user parley.UserID, role parley.Role) (was, is parley.Member) {
	t.Helper()
	was, is, err := s.SetMember(t.Context(), ch, user, parley.MemberChange{Role: &role})
	if err != nil {
		t.Fatal(err)
	}
	return was, is
}

func read(t *testing.T, s Store, user parley.UserID, id int64) int64 {
	t.Helper()
	_, is, err := s.SetMember(t.Context(), room, user, parley.MemberChange{Read: &id})
	if err != nil {
		t.Fatal(err)
	}
	return is.ReadID
}

// standing assembles a user's inbox entry for room.
func standing(t *testing.T, s Store, user parley.UserID) parley.InboxEntry {
	t.Helper()
	m, err := memberOf(t.Context(), s, room, user)
	if err != nil {
		t.Fatal(err)
	}
	e := parley.InboxEntry{Member: m}
	counts, err := s.Unread(t.Context(), user, parley.Place{Channel: room, ReadID: m.ReadID, ReadCount: m.ReadCount})
	if err != nil || len(counts) != 1 || counts[0].Channel != room {
		t.Fatalf("%+v, %v", counts, err)
	}
	if e.Count = counts[0]; !m.Role.In() {
		e.Unread, e.Mentions = 0, 0
	}
	last, err := s.Latest(t.Context(), "nowhere", room)
	if err != nil || len(last) != 2 || last[0] != nil {
		t.Fatalf("%+v, %v", last, err)
	}
	e.Last = last[1]
	return e
}

func roles(t *testing.T, s Store, ch parley.ChannelID) string {
	t.Helper()
	ms, _, err := s.Members(t.Context(), ch, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, m := range ms {
		out += fmt.Sprintf("%s:%s ", m.User, m.Role)
	}
	return out
}

func channelsOf(t *testing.T, s Store, user parley.UserID) []parley.ChannelID {
	t.Helper()
	cs, err := s.Memberships(t.Context(), user, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func testMembers(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	if m, err := memberOf(t.Context(), s, room, "alice"); err != nil || m.Role != parley.RoleNone || m.User != "alice" {
		t.Fatalf("%+v, %v", m, err)
	}
	if was, is := put(t, s, room, "alice", parley.RoleOwner); was.Role != parley.RoleNone || is.Role != parley.RoleOwner || is.Joined == 0 {
		t.Fatalf("%+v, then %+v", was, is)
	}
	put(t, s, room, "bob", parley.RoleMember)
	put(t, s, room, "ann", parley.RoleReader)
	put(t, s, "room:2", "alice", parley.RoleMember)
	before, _ := memberOf(t.Context(), s, room, "bob")
	put(t, s, room, "bob", parley.RoleAdmin)
	mute := func(user parley.UserID, m parley.Mute) (was, is parley.Member) {
		t.Helper()
		was, is, err := s.SetMember(t.Context(), room, user, parley.MemberChange{Mute: &m})
		if err != nil {
			t.Fatal(err)
		}
		return was, is
	}
	last := parley.MuteNone
	for _, m := range []parley.Mute{parley.MuteAll, parley.MuteNone, parley.MuteButMentions, parley.MuteAll, parley.MuteAll,
		parley.MuteButMentions} {
		if was, is := mute("bob", m); was.Mute != last || is.Mute != m {
			t.Fatalf("muted %q after %q: %+v, then %+v", m, last, was, is)
		}
		last = m
	}
	mute("ann", parley.MuteAll)
	if _, is := mute("nobody", parley.MuteButMentions); is.Role != parley.RoleNone || is.Mute != parley.MuteNone {
		t.Fatalf("a stranger was changed to %+v", is)
	}
	s = h.Reopen(t, s)
	if got := roles(t, s, room); got != "alice:owner ann:reader bob:admin " {
		t.Fatal(got)
	}
	if m, err := memberOf(t.Context(), s, room, "bob"); err != nil || m.Joined != before.Joined || m.Mute != parley.MuteButMentions {
		t.Fatalf("%+v, %v; before %+v", m, err, before)
	}
	if m, err := memberOf(t.Context(), s, room, "ann"); err != nil || m.Mute != parley.MuteAll {
		t.Fatalf("%+v, %v", m, err)
	}
	ms, _, err := s.Members(t.Context(), room, "", 10)
	if err != nil || len(ms) != 3 || ms[0].Mute != parley.MuteNone || ms[1].Mute != parley.MuteAll || ms[2].Mute != parley.MuteButMentions {
		t.Fatalf("%+v, %v", ms, err)
	}
	if got := channelsOf(t, s, "alice"); !slices.Equal(got, []parley.ChannelID{room, "room:2"}) {
		t.Fatal(got)
	}
	if got, err := s.Memberships(t.Context(), "alice", room, 1); err != nil || !slices.Equal(got, []parley.ChannelID{"room:2"}) {
		t.Fatal(got, err)
	}
	put(t, s, room, "alice", parley.RoleNone)
	if got := roles(t, s, room); got != "ann:reader bob:admin " {
		t.Fatal(got)
	}
	if got := channelsOf(t, s, "alice"); !slices.Equal(got, []parley.ChannelID{"room:2"}) {
		t.Fatal(got)
	}
	if cs, err := s.Channels(t.Context(), "", 10); err != nil || len(cs) != 2 {
		t.Fatalf("a member makes a channel exist: %v, %v", cs, err)
	}
}

func testBan(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	put(t, s, room, "bob", parley.RoleMember)
	put(t, s, room, "bob", parley.RoleBanned)
	stored(t, s.Append(t.Context(), room, parley.Draft{User: "bob", Text: "x", Join: true}))
	if got := roles(t, s, room); got != "" {
		t.Fatal(got)
	}
	if got := channelsOf(t, s, "bob"); got != nil {
		t.Fatal(got)
	}
	s = h.Reopen(t, s)
	if m, err := memberOf(t.Context(), s, room, "bob"); err != nil || m.Role != parley.RoleBanned {
		t.Fatalf("%+v, %v", m, err)
	}
	put(t, s, room, "bob", parley.RoleNone)
	if m, err := memberOf(t.Context(), s, room, "bob"); err != nil || m.Role != parley.RoleNone {
		t.Fatalf("%+v, %v", m, err)
	}
}

func testJoinByPosting(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	rs := s.Append(t.Context(), room,
		parley.Draft{User: "alice", Text: "x", Join: true}, parley.Draft{User: "bob", Text: "x"},
		parley.Draft{User: parley.Guest, Text: "x", Join: true}, parley.Draft{User: "alice", Text: "x", Join: true})
	stored(t, rs)
	if got := facts(t, s, rs); !slices.Equal(got, []parley.Fact{{Kind: parley.FactJoined, User: "alice", ID: 1}}) {
		t.Fatalf("%+v", rs)
	}
	if got := roles(t, s, room); got != "alice:member " {
		t.Fatal(got)
	}
	first, _ := memberOf(t.Context(), s, room, "alice")
	if first.ReadID != 4 || first.Joined == 0 {
		t.Fatalf("%+v", first)
	}
	post(t, s, room, "not joining, but one already")
	m, err := memberOf(t.Context(), s, room, "alice")
	if err != nil || m.ReadID != 5 || m.Joined != first.Joined {
		t.Fatalf("%+v, %v", m, err)
	}
	put(t, s, room, "alice", parley.RoleNone)
	post(t, s, room, "not joining, and none")
	if got := roles(t, s, room); got != "" {
		t.Fatal(got)
	}
}

func testPointers(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	put(t, s, room, "bob", parley.RoleMember)
	post(t, s, room, "1", "2", "3", "4", "5")
	for _, step := range [][2]int64{{2, 2}, {1, 2}, {-7, 2}, {4, 4}, {0, 4}, {99, 5}, {3, 5}} {
		if got := read(t, s, "bob", step[0]); got != step[1] {
			t.Fatalf("after reading %d the pointer is %d, want %d", step[0], got, step[1])
		}
	}
	s = h.Reopen(t, s)
	if got := read(t, s, "bob", 1); got != 5 {
		t.Fatalf("after a restart the pointer is %d", got)
	}
	if got := read(t, s, "stranger", 3); got != 0 {
		t.Fatalf("a stranger has the pointer %d", got)
	}
}

func testNewMember(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	post(t, s, room, "1", "2")
	put(t, s, room, "bob", parley.RoleMember)
	if st := standing(t, s, "bob"); st.Unread != 0 || st.Member.ReadID != 2 || st.Last == nil || st.Last.ID != 2 {
		t.Fatalf("%+v", st)
	}
	post(t, s, room, "3")
	if st := standing(t, s, "bob"); st.Unread != 1 || st.Last.ID != 3 {
		t.Fatalf("%+v", st)
	}
	if st := standing(t, s, "stranger"); st.Unread != 0 || st.Member.Role != parley.RoleNone {
		t.Fatalf("%+v", st)
	}
}

func testMentions(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	put(t, s, room, "bob", parley.RoleMember)
	put(t, s, room, "alice", parley.RoleMember)
	mentions := func(want int64) {
		t.Helper()
		if st := standing(t, s, "bob"); st.Mentions != want {
			t.Fatalf("bob has %d mentions, want %d", st.Mentions, want)
		}
	}
	post(t, s, room, "hi @bob", "@bobby and x@bob", "(@bob), @bob!", "@channel all of @bob")
	mentions(3)
	if st := standing(t, s, "alice"); st.Mentions != 0 {
		t.Fatalf("alice mentioned herself: %+v", st)
	}
	stored(t, s.Append(t.Context(), room, parley.Draft{User: "alice", Data: json.RawMessage(`{"mentions":["bob","carol"]}`)}))
	mentions(4)
	change(t, s, editing(1, "hi all"))
	mentions(3)
	change(t, s, editing(2, "it was @bob."))
	mentions(4)
	change(t, s, deleting(4))
	mentions(3)
	read(t, s, "bob", 3)
	mentions(1)
	stored(t, s.Append(t.Context(), room, parley.Draft{User: "bob", Text: "@channel"}))
	mentions(0)
}

func testRemovedRoster(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	put(t, s, room, "bob", parley.RoleMember)
	put(t, s, room, "eve", parley.RoleBanned)
	post(t, s, room, "@bob", "2")
	if err := s.RemoveChannel(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	if got := roles(t, s, room); got != "" || channelsOf(t, s, "bob") != nil {
		t.Fatal(got)
	}
	put(t, s, room, "bob", parley.RoleMember)
	post(t, s, room, "@bob")
	if st := standing(t, s, "bob"); st.Unread != 1 || st.Mentions != 1 || st.Member.ReadID != 2 {
		t.Fatalf("%+v", st)
	}
}

func testRevocations(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	for _, step := range []struct{ revoke, want parley.Timestamp }{{0, 0}, {5, 5}, {3, 5}, {9, 9}} {
		if step.revoke > 0 {
			if err := s.Revoke(t.Context(), "bob", step.revoke); err != nil {
				t.Fatal(err)
			}
		}
		if at, err := s.Revoked(t.Context(), "bob"); err != nil || at != step.want {
			t.Fatalf("after %d: %d, %v; want %d", step.revoke, at, err, step.want)
		}
	}
	s = h.Reopen(t, s)
	if at, err := s.Revoked(t.Context(), "bob"); err != nil || at != 9 {
		t.Fatal(at, err)
	}
	if at, err := s.Revoked(t.Context(), "bobby"); err != nil || at != 0 {
		t.Fatal(at, err)
	}
}

func testManyMembers(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	var want []parley.UserID
	for i := range 250 {
		user := parley.UserID(fmt.Sprintf("u%03d", i))
		stored(t, s.Append(t.Context(), room, parley.Draft{User: user, Text: "x", Join: true}))
		want = append(want, user)
	}
	for _, page := range []int{1, 7, 250, 1000} {
		var got []parley.UserID
		for after := parley.UserID(""); ; {
			ms, next, err := s.Members(t.Context(), room, after, page)
			if err != nil || len(ms) > page {
				t.Fatalf("%d members, %v", len(ms), err)
			}
			for _, m := range ms {
				if m.ReadID == 0 {
					t.Fatalf("%+v", m)
				}
				got = append(got, m.User)
			}
			if after = next; after == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("in pages of %d: %v", page, got)
		}
	}
}

// testLastMessage: it is found however many changes follow, and whatever was deleted.
func testLastMessage(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	for _, text := range []string{"one", "two", "three"} {
		stored(t, s.Append(t.Context(), room, parley.Draft{User: "alice", Text: text, Join: true}))
	}
	want := func(text string) {
		t.Helper()
		if st := standing(t, s, "alice"); text == "" && st.Last != nil || text != "" && (st.Last == nil || st.Last.Text != text) {
			t.Errorf("the last message is %+v, want %q", st.Last, text)
		}
	}
	for i := range 100 {
		stored(t, s.Append(t.Context(), room, reacting(parley.UserID(fmt.Sprint("u", i)), 3, "👍")))
	}
	want("three")
	stored(t, s.Append(t.Context(), room, deleting(3)))
	want("two")
	for i := range 100 {
		stored(t, s.Append(t.Context(), room, reacting(parley.UserID(fmt.Sprint("u", i)), 1, "👍")))
	}
	want("two")
	stored(t, s.Append(t.Context(), room, deleting(2)))
	want("one")
	h.Trim(t, s, 20) // only changes remain
	want("")
	stored(t, s.Append(t.Context(), room, parley.Draft{User: "alice", Text: "four"}))
	want("four")
}

// testUnreadModel compares the counts with those of a model that knows only what was
// done, after histories of everything that may change them.
func testUnreadModel(t *testing.T, h rosterHarness) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	users := []parley.UserID{"a", "b", "c"}
	for range histories(12, h.Slow) {
		s := h.Open(t)
		m := &unreadModel{pointers: map[parley.UserID]int64{}}
		for step := range 80 {
			user := users[r.IntN(len(users))]
			switch r.IntN(12) {
			case 0, 1, 2, 3:
				d := parley.Draft{User: user, Text: []string{"x", "@a", "@b hi", "@channel", "@c @b"}[r.IntN(5)], Join: r.IntN(2) == 0}
				m.posted(stored(t, s.Append(t.Context(), room, d))[0], d.Join)
			case 4, 5, 6:
				if len(m.entries) > 0 {
					of := 1 + r.Int64N(int64(len(m.entries)))
					d := []parley.Draft{editing(of, []string{"y", "@a @c", "@channel"}[r.IntN(3)]), deleting(of), reacting(user, of, "👍")}[r.IntN(3)]
					if res := s.Append(t.Context(), room, d)[0]; res.Err == nil && !res.Unchanged {
						m.changed(res.Message)
					}
				}
			case 7, 8:
				id := r.Int64N(int64(len(m.entries) + 2))
				if got, want := read(t, s, user, id), m.read(user, id); got != want {
					t.Fatalf("seed %d, step %d: the pointer is %d, want %d", seed, step, got, want)
				}
			case 9:
				put(t, s, room, user, parley.RoleMember)
				m.join(user)
			case 10:
				put(t, s, room, user, parley.RoleNone)
				delete(m.pointers, user)
			case 11:
				switch r.IntN(4) {
				case 0:
					s = h.Reopen(t, s)
				case 1:
					h.Trim(t, s, int64(1+r.IntN(8)))
				}
			}
			m.first = boundsOf(t, s, room).First
			for _, user := range users {
				st := standing(t, s, user)
				unread, mentions := m.count(user)
				if _, in := m.pointers[user]; st.Unread != unread || st.Mentions != mentions || st.Member.Role.In() != in ||
					st.Member.ReadID != m.pointers[user] {
					t.Fatalf("seed %d, step %d: %s has %+v, want %d unread, %d mentions, pointer %d (%v)\n%+v", seed, step, user, st,
						unread, mentions, m.pointers[user], in, m)
				}
				if last := m.last(); !reflect.DeepEqual(st.Last, last) {
					t.Fatalf("seed %d, step %d: the last message is %+v, want %+v", seed, step, st.Last, last)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

type unreadModel struct {
	first    int64
	entries  []parley.Message // by id, less one; messages in their current form
	pointers map[parley.UserID]int64
}

func (m *unreadModel) posted(e parley.Message, join bool) {
	m.entries = append(m.entries, e)
	if _, in := m.pointers[e.User]; in || join {
		m.pointers[e.User] = e.ID
	}
}

func (m *unreadModel) changed(e parley.Message) {
	m.entries = append(m.entries, e)
	m.entries[e.Of-1] = *e.Target
}

func (m *unreadModel) join(user parley.UserID) {
	if _, in := m.pointers[user]; !in {
		m.pointers[user] = int64(len(m.entries))
	}
}

func (m *unreadModel) read(user parley.UserID, id int64) int64 {
	if p, in := m.pointers[user]; in {
		m.pointers[user] = max(p, min(id, int64(len(m.entries))))
	}
	return m.pointers[user]
}

func (m *unreadModel) count(user parley.UserID) (unread, mentions int64) {
	p, in := m.pointers[user]
	for _, e := range m.entries {
		if !in || e.ID <= p || e.ID < m.first || e.Change != "" || e.Deleted {
			continue
		}
		unread++
		if names := e.Mentions(); e.User != user && (slices.Contains(names, user) || slices.Contains(names, parley.Everybody)) {
			mentions++
		}
	}
	return unread, mentions
}

func (m *unreadModel) last() *parley.Message {
	for i := len(m.entries) - 1; i >= 0; i-- {
		if e := m.entries[i]; e.Change == "" && !e.Deleted && e.ID >= m.first {
			return &e
		}
	}
	return nil
}

// memberOf is a user's membership in one channel.
func memberOf(ctx context.Context, r parley.Roster, ch parley.ChannelID, user parley.UserID) (parley.Member, error) {
	ms, err := r.Member(ctx, user, ch)
	if err != nil {
		return parley.Member{}, err
	}
	return ms[0], nil
}
