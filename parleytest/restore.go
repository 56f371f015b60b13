package parleytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/parley-server/parley"
)

// RunRestore tests every sentence of the contract of parley.Archive: a system is moved from one store to another.
func RunRestore(t *testing.T, h StoreHarness) {
	for name, test := range map[string]func(*testing.T, *move){
		"entries are restored as they were read":               testRestored,
		"what is appended afterwards is as in the first store": testRestoredGoesOn,
		"a channel that was trimmed begins where it began":     testRestoredTrimmed,
		"a channel that is empty goes on after its last id":    testRestoredEmpty,
		"a run that is repeated is passed over":                testRestoredAgain,
		"places are restored as they were":                     testRestoredPlaces,
		"all channels and revocations are listed":              testEach,
	} {
		t.Run(name, func(t *testing.T) {
			from := newNodes(h.Open(t, nil))
			test(t, &move{from: from, handles: h.Open(t, nil), harness: h})
		})
	}
}

// move is a transfer between two stores.
type move struct {
	from    *nodes
	handles []Store // of the destination store
	harness StoreHarness
	turn    int
}

// to is the destination store, through alternating handles.
func (m *move) to() Store { m.turn++; return m.handles[m.turn%len(m.handles)] }

func archive(s Store) parley.Archive { return s.(parley.Archive) }

// archived is the handle of the source store that lists.
func (m *move) archived() parley.Archive { return archive(m.from.next()) }

// manyUsers returns n users, of whom some react.
func manyUsers(n int) (users []parley.UserID) {
	for i := range n {
		users = append(users, parley.UserID(fmt.Sprintf("user-%03d", i)))
	}
	return users
}

// fill appends entries of every kind to room.
func (m *move) fill(t *testing.T) {
	t.Helper()
	s := m.from
	put(t, s, room, "owner", parley.RoleOwner)
	stored(t, s.Append(t.Context(), room,
		parley.Draft{User: "alice", Name: "Alice", Text: "one @bob \u2028 \x00", Key: "k1", Join: true},
		parley.Draft{User: "bob", Text: "two @alice @channel", Data: json.RawMessage(`{"a": 1}`), Join: true},
		parley.Draft{User: "carol", Text: "three", Key: "k3", Thread: 1},
		parley.Draft{User: "guest", Data: json.RawMessage(`{"n":1}`)},
		parley.Draft{User: "alice", Text: "five @bob", Thread: 3, Key: "k5"},
		parley.Draft{User: "alice", Text: "six", Thread: 2}))
	change(t, s, reacting("bob", 1, "👍"))
	for _, user := range manyUsers(22) {
		change(t, s, reacting(user, 1, "❤"))
	}
	change(t, s, editing(1, "uno @carol"))
	change(t, s, unreacting("bob", 1, "👍"))
	change(t, s, reacting("carol", 1, "🎉"))
	change(t, s, editing(1, "eins @dora"))
	change(t, s, unreacting("user-003", 1, "❤"))
	change(t, s, editing(5, "fünf @bob"))
	change(t, s, reacting("bob", 5, "👍"))
	change(t, s, deleting(5))
	change(t, s, deleting(4))
	change(t, s, reacting("alice", 6, "👍"))
	post(t, s, room, "seven", "eight @bob")
	if err := s.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// entries reads room in the form in which it is restored.
func (m *move) entries(t *testing.T, s Store) []parley.Message {
	t.Helper()
	b := boundsOf(t, s, room)
	all := readAll(t, s, room, b.First-1)
	for i := range all {
		for k := range all[i].Reactions {
			r := &all[i].Reactions[k]
			if int64(len(r.Users)) == r.Count {
				continue
			}
			is, err := s.Reactors(t.Context(), room, all[i].ID, r.Emoji, "", "", 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, user := range is.Users {
				if !slices.Contains(r.Users, user) {
					r.Users = append(r.Users, user)
				}
			}
		}
	}
	return all
}

// move restores room, some entries at a time.
func (m *move) move(t *testing.T, some int) {
	t.Helper()
	if err := m.from.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := boundsOf(t, m.from, room)
	at := parley.Origin{ID: b.First - 1, Count: b.Before}
	if b.First > b.Last {
		at.Time = b.Time
	}
	all := m.entries(t, m.from)
	if len(all) == 0 {
		m.restore(t, at, nil)
	}
	for part := range slices.Chunk(all, some) {
		m.restore(t, at, part)
	}
	err := m.archived().EachPlace(t.Context(), room, func(is parley.Member) error {
		return archive(m.to()).RestorePlace(t.Context(), room, is)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (m *move) restore(t *testing.T, at parley.Origin, part []parley.Message) {
	t.Helper()
	if err := archive(m.to()).Restore(t.Context(), room, at, part); err != nil {
		t.Fatal(err)
	}
}

// same demands that both stores return the same for room.
func (m *move) same(t *testing.T) {
	t.Helper()
	if err := m.from.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask := func(s Store) (is struct {
		Bounds  parley.Bounds
		Entries []parley.Message
		Found   []parley.Message
		Threads []parley.Thread
		Counts  []parley.Count
		Latest  *parley.Message
		Members []parley.Member
		Lists   [][]parley.ChannelID
		At      []int64
		Exists  []parley.ChannelID
	}) {
		t.Helper()
		ctx := t.Context()
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		is.Bounds = boundsOf(t, s, room)
		is.Bounds.Epoch = ""
		is.Entries = m.entries(t, s)
		for i := range is.Entries {
			is.Entries[i].Join = false
			if target := is.Entries[i].Target; target != nil {
				target.Join = false
			}
		}
		for _, key := range []string{"k1", "k3", "k5", "k9"} {
			for _, user := range []parley.UserID{"alice", "carol"} {
				found, _, err := s.Lookup(ctx, room, user, key)
				check(err)
				found.Join = false
				is.Found = append(is.Found, found)
			}
		}
		for root := int64(1); root < 7; root++ {
			th, err := s.Thread(ctx, room, root, parley.ThreadQuery{Limit: 100})
			check(err)
			for i := range th.Replies {
				th.Replies[i].Join = false
			}
			if th.Root != nil {
				th.Root.Join = false
			}
			is.Threads = append(is.Threads, th)
		}
		for _, user := range []parley.UserID{"alice", "bob", "carol", "dora", "owner", "guest"} {
			m, err := memberOf(ctx, s, room, user)
			check(err)
			is.Members = append(is.Members, m)
			for _, read := range []int64{0, 1, 3, m.ReadID} {
				count := int64(0)
				if read == m.ReadID {
					count = m.ReadCount
				} else if read >= is.Bounds.First && int(read-is.Bounds.First) < len(is.Entries) {
					count = is.Entries[read-is.Bounds.First].Count
				}
				counts, err := s.Unread(ctx, user, parley.Place{Channel: room, ReadID: read, ReadCount: count})
				check(err)
				is.Counts = append(is.Counts, counts...)
			}
			list, err := s.Memberships(ctx, user, "", 100)
			check(err)
			is.Lists = append(is.Lists, list)
		}
		last, err := s.Latest(ctx, room)
		check(err)
		if is.Latest = last[0]; is.Latest != nil {
			is.Latest.Join = false
		}
		is.At, err = s.Position(ctx, room)
		check(err)
		is.Exists, err = s.Channels(ctx, "", 100)
		check(err)
		return is
	}
	want, got := reflect.ValueOf(ask(m.from)), reflect.ValueOf(ask(m.to()))
	for i := range want.NumField() {
		if a, b := want.Field(i).Interface(), got.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: it was %s\nand is %s", want.Type().Field(i).Name, asJSON(t, a), asJSON(t, b))
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testRestored(t *testing.T, m *move) {
	m.fill(t)
	m.move(t, 1000)
	m.same(t)
}

func testRestoredGoesOn(t *testing.T, m *move) {
	m.fill(t)
	m.move(t, 3)
	text := "another"
	for i, d := range []parley.Draft{
		{User: "alice", Text: "again", Key: "k1"},
		{User: "carol", Text: "again", Key: "k3"},
		{User: "alice", Text: "again", Key: "k5"},
		{User: "alice", Text: "new @bob", Key: "k9", Thread: 5},
		{User: "alice", Change: &parley.Change{Of: 1, Kind: parley.ChangeEdit, Text: &text}},
		unreacting("user-021", 1, "❤"),
		unreacting("user-003", 1, "❤"),
		reacting("carol", 1, "🎉"),
		reacting("dora", 1, "👍"),
		reacting("dora", 5, "👍"),
		deleting(1),
		deleting(6),
		{User: "bob", Text: "to a deleted one", Thread: 1, Join: true},
	} {
		was, is := m.from.Append(t.Context(), room, d)[0], m.to().Append(t.Context(), room, d)[0]
		if was.Duplicate != is.Duplicate || was.Unchanged != is.Unchanged || was.Message.ID != is.Message.ID ||
			(was.Err == nil) != (is.Err == nil) || was.Message.Text != is.Message.Text || was.Message.Thread != is.Message.Thread ||
			was.Message.Count != is.Message.Count || was.Message.Deleted != is.Message.Deleted {
			t.Errorf("draft %d: it was %+v, and is %+v", i, was, is)
		}
		if a, b := was.Message.Target, is.Message.Target; (a == nil) != (b == nil) || a != nil && !reflect.DeepEqual(*a, *b) {
			t.Errorf("draft %d: its message was %+v, and is %+v", i, a, b)
		}
	}
	was, is := m.entries(t, m.from), m.entries(t, m.to())
	for i := range was {
		for _, e := range []*parley.Message{&was[i], &is[i]} {
			if e.Join = false; e.ID > boundsOf(t, m.from, room).Last-11 {
				e.Time = 0
			}
		}
		if !reflect.DeepEqual(was[i], is[i]) {
			t.Errorf("it was %s\nand is %s", asJSON(t, was[i]), asJSON(t, is[i]))
		}
	}
}

// more appends more messages to room than its store keeps in one piece.
func (m *move) more(t *testing.T) {
	t.Helper()
	var texts []string
	for i := range 80 {
		texts = append(texts, fmt.Sprint("more ", i))
	}
	post(t, m.from, room, texts...)
}

// trim makes room keep only some messages.
func (m *move) trim(t *testing.T, keep int64) {
	t.Helper()
	if _, _, err := m.from.SetChannel(t.Context(), room, parley.Settings{Retention: &parley.Retention{Messages: keep}}.Replace); err != nil {
		t.Fatal(err)
	}
	for range m.from.handles {
		if m.harness.Trim != nil {
			m.harness.Trim(t, m.from.next())
		}
	}
}

func testRestoredTrimmed(t *testing.T, m *move) {
	m.fill(t)
	m.more(t)
	change(t, m.from, reacting("bob", 2, "👍"))
	m.trim(t, 30)
	eventually(t, "room is trimmed", func() bool { return boundsOf(t, m.from, room).First > 64 })
	m.move(t, 7)
	m.same(t)
	m.restore(t, parley.Origin{}, nil)
	if a, b := post(t, m.from, room, "x")[0], post(t, m.to(), room, "x")[0]; a.ID != b.ID || a.Count != b.Count {
		t.Errorf("next came %+v, and comes %+v", a, b)
	}
}

func testRestoredEmpty(t *testing.T, m *move) {
	m.fill(t)
	m.more(t)
	if err := m.from.RemoveChannel(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	eventually(t, "room is empty", func() bool { b := boundsOf(t, m.from, room); return b.First > b.Last })
	m.move(t, 1)
	m.move(t, 1)
	m.same(t)
	a, b := post(t, m.from, room, "x")[0], post(t, m.to(), room, "x")[0]
	if a.ID != b.ID || a.Count != b.Count || b.Time <= boundsOf(t, m.to(), room).Time-1 {
		t.Errorf("next came %+v, and comes %+v", a, b)
	}
}

func testRestoredAgain(t *testing.T, m *move) {
	m.fill(t)
	all := m.entries(t, m.from)
	err := archive(m.to()).Restore(t.Context(), room, parley.Origin{}, all[1:])
	if !errors.Is(err, parley.ErrGap) {
		t.Errorf("without the first entry: %v", err)
	}
	for n := 1; n <= len(all); n += 5 {
		m.restore(t, parley.Origin{}, all[:n])
		m.restore(t, parley.Origin{}, all[n/2:n])
	}
	if err := archive(m.to()).Restore(t.Context(), room, parley.Origin{}, all[:0]); err != nil {
		t.Error(err)
	}
	m.move(t, 1000)
	m.move(t, 4)
	m.same(t)
}

func testRestoredPlaces(t *testing.T, m *move) {
	m.fill(t)
	put(t, m.from, room, "eve", parley.RoleBanned)
	put(t, m.from, room, "dora", parley.RoleReader)
	put(t, m.from, room, "dora", parley.RoleRestricted)
	put(t, m.from, room, "carol", parley.RoleNone)
	put(t, m.from, room, "frank", parley.RoleAdmin)
	mute := parley.MuteButMentions
	if _, _, err := m.from.SetMember(t.Context(), room, "frank", parley.MemberChange{Mute: &mute}); err != nil {
		t.Fatal(err)
	}
	read(t, m.from, "owner", 3)
	m.move(t, 1000)
	m.move(t, 1000)
	m.same(t)
	var was, is []parley.Member
	collect := func(all *[]parley.Member) func(parley.Member) error {
		return func(one parley.Member) error { *all = append(*all, one); return nil }
	}
	if err := errors.Join(m.archived().EachPlace(t.Context(), room, collect(&was)),
		archive(m.to()).EachPlace(t.Context(), room, collect(&is))); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(was, is) || len(was) != 6 || was[3].User != "eve" || was[3].Role != parley.RoleBanned {
		t.Errorf("places were %+v\nand are %+v", was, is)
	}
	if r := m.to().Append(t.Context(), room, parley.Draft{User: "eve", Text: "x", Join: true})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	if err := settleOne(t.Context(), m.to(), room); err != nil {
		t.Fatal(err)
	}
	if one, err := memberOf(t.Context(), m.to(), room, "eve"); err != nil || one.Role != parley.RoleBanned {
		t.Errorf("a banned user is %+v, %v", one, err)
	}
	failed := errors.New("failed")
	if err := archive(m.to()).EachPlace(t.Context(), room, func(parley.Member) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("the error of do is %v", err)
	}
}

// settleOne projects what was appended to a channel.
func settleOne(ctx context.Context, s Store, channel parley.ChannelID) error {
	_, err := project(ctx, func() Store { return s }, channel, 100)
	return err
}

func testEach(t *testing.T, m *move) {
	post(t, m.from, "b", "x")
	post(t, m.from, "a", "x")
	post(t, m.from, "$own", "x")
	post(t, m.from, "gone", "x")
	if _, _, err := m.from.SetChannel(t.Context(), "set", parley.Settings{Title: "T"}.Replace); err != nil {
		t.Fatal(err)
	}
	put(t, m.from, "members", "alice", parley.RoleMember)
	if err := m.from.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.from.RemoveChannel(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	got := map[parley.ChannelID]bool{}
	err := m.archived().EachChannel(t.Context(), func(name parley.ChannelID, exists bool) error {
		if _, again := got[name]; again {
			t.Errorf("%s comes twice", name)
		}
		got[name] = exists
		_, err := m.archived().(Store).Bounds(t.Context(), name) // it may call the store
		return err
	})
	want := map[parley.ChannelID]bool{"a": true, "b": true, "$own": true, "set": true, "members": true, "gone": false}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("channels %v, %v; want %v", got, err, want)
	}
	failed := errors.New("failed")
	if err := m.archived().EachChannel(t.Context(), func(parley.ChannelID, bool) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("the error of do is %v", err)
	}
	for user, until := range map[parley.UserID]parley.Timestamp{"alice": 1_774_684_800_000_001, "bob": 2} {
		if err := m.from.Revoke(t.Context(), user, until); err != nil {
			t.Fatal(err)
		}
	}
	revoked := map[parley.UserID]parley.Timestamp{}
	err = m.archived().EachRevocation(t.Context(), func(user parley.UserID, until parley.Timestamp) error {
		revoked[user] = until
		return nil
	})
	if err != nil || len(revoked) != 2 || revoked["alice"] != 1_774_684_800_000_001 || revoked["bob"] != 2 {
		t.Errorf("revocations %v, %v", revoked, err)
	}
}
