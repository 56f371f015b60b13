package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/wire"
)

// counting is a store that counts its calls.
type counting struct {
	*mem.Handle
	asked atomic.Int64
}

func (c *counting) Read(ctx context.Context, ch parley.ChannelID, after parley.Cursor, limit int) (parley.Run, error) {
	c.asked.Add(1)
	return c.Handle.Read(ctx, ch, after, limit)
}

func (c *counting) Bounds(ctx context.Context, chs ...parley.ChannelID) ([]parley.Bounds, error) {
	c.asked.Add(1)
	return c.Handle.Bounds(ctx, chs...)
}

func (c *counting) Settings(ctx context.Context, chs ...parley.ChannelID) ([]parley.Settings, error) {
	c.asked.Add(1)
	return c.Handle.Settings(ctx, chs...)
}

func (c *counting) Member(ctx context.Context, u parley.UserID, chs ...parley.ChannelID) ([]parley.Member, error) {
	c.asked.Add(1)
	return c.Handle.Member(ctx, u, chs...)
}

func (c *counting) Memberships(ctx context.Context, u parley.UserID, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	c.asked.Add(1)
	return c.Handle.Memberships(ctx, u, after, limit)
}

func (c *counting) Unread(ctx context.Context, u parley.UserID, ps ...parley.Place) ([]parley.Count, error) {
	c.asked.Add(1)
	return c.Handle.Unread(ctx, u, ps...)
}

func (c *counting) Latest(ctx context.Context, chs ...parley.ChannelID) ([]*parley.Message, error) {
	c.asked.Add(1)
	return c.Handle.Latest(ctx, chs...)
}

// real is a service over a whole store, which runs until the test ends.
func real(t *testing.T, cfg chat.Config) (*chat.Service, *hub.Hub, *counting) {
	t.Helper()
	store := &counting{Handle: mem.NewStore(mem.StoreConfig{}).Open()}
	f := feed.New(store, feed.Config{Hub: hub.Config{OnRead: cfg.Namespaces.OnRead}})
	h := f.Hub()
	s := chat.New(store, f, cfg)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1) // buffered for its only sender
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, h, store
}

func say(t *testing.T, s *chat.Service, user parley.UserID, channel parley.ChannelID, text string) parley.Message {
	t.Helper()
	r, err := s.Post(t.Context(), dev(user), channel, parley.Draft{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return r.Message
}

// Even the last of many members is notified.
func TestRemovalOfAChannelNotifiesAllMembers(t *testing.T) {
	s, h, _ := real(t, chat.Config{})
	const last = 1000
	for i := range last + 1 {
		if _, err := s.PutMember(t.Context(), dev("root"), "room", parley.UserID(fmt.Sprintf("u%04d", i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	got := watch(t, h, parley.ChannelID(fmt.Sprintf("@u%04d", last)), "")
	if err := s.Remove(t.Context(), dev("root"), "room"); err != nil {
		t.Fatal(err)
	}
	if kinds := got(); !slices.Equal(kinds, []string{"member-removed"}) {
		t.Errorf("the last member was told %v", kinds)
	}
}

func TestInboxOfAThousandChannelsNeedsFewReads(t *testing.T) {
	s, _, store := real(t, chat.Config{})
	const channels = 1000
	var items []chat.Item
	for i := range channels {
		items = append(items,
			chat.Item{Caller: dev("bob"), Channel: parley.ChannelID(fmt.Sprintf("room:%d", i)), Draft: parley.Draft{Text: "mine"}},
			chat.Item{Caller: dev("alice"), Channel: parley.ChannelID(fmt.Sprintf("room:%d", i)), Draft: parley.Draft{Text: "hello @bob"}})
	}
	for _, r := range s.PostAll(t.Context(), items) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	say(t, s, "carol", "room:500", "the newest")
	for limit, most := range map[int]int64{1000: 70, 100: 20 * 10} {
		store.asked.Store(0)
		var got []parley.InboxEntry
		for next := ""; ; {
			in, err := s.Inbox(t.Context(), dev("bob"), next, limit)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, in.Channels...)
			if next = in.Next; next == "" {
				break
			}
		}
		if asked := store.asked.Load(); asked > most {
			t.Errorf("in pages of %d the store was asked %d times", limit, asked)
		}
		seen := map[parley.ChannelID]bool{}
		for i, st := range got {
			if seen[st.Channel] || st.Last == nil || i > 0 && st.Last.Time > got[i-1].Last.Time {
				t.Fatalf("in pages of %d place %d is %+v after %+v", limit, i, st, got[max(i-1, 0)])
			}
			seen[st.Channel] = true
			want := int64(1)
			if i == 0 {
				want = 2
			}
			if st.Unread != want || st.Mentions != 1 {
				t.Fatalf("%+v", st)
			}
		}
		if len(got) != channels || got[0].Channel != "room:500" || got[0].Last.Text != "the newest" {
			t.Errorf("%d channels, the first %+v", len(got), got[0])
		}
	}
}

// follows collects what a user's own channel receives.
func follows(t *testing.T, s *chat.Service, h *hub.Hub, user parley.UserID) func() []string {
	own := parley.ChannelID("@" + user)
	s.Enter(own, dev(user), parley.TransportWebSocket)
	t.Cleanup(func() { s.Leave(own, dev(user), parley.TransportWebSocket) })
	return watch(t, h, own, "")
}

func TestUnreadIsSentToTheUsersConnections(t *testing.T) {
	spaces, err := chat.NewNamespaces([]chat.Namespace{{Prefix: "big:", Fanout: chat.Tiered}})
	if err != nil {
		t.Fatal(err)
	}
	s, h, _ := real(t, chat.Config{Namespaces: spaces})
	say(t, s, "bob", "room", "joining")
	say(t, s, "bob", "big:1", "joining")
	told := follows(t, s, h, "bob")
	expect := func(what string, want ...string) {
		t.Helper()
		var got []string
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(20 * time.Second); len(got) < len(want) && time.Now().Before(deadline); <-tick.C {
			got = append(got, told()...)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("%s: told %v, want %v", what, got, want)
		}
	}
	say(t, s, "bob", "new", "joining")
	expect("he joined by posting", "member-added")
	say(t, s, "alice", "room", "hi")
	expect("a message", "unread")
	if _, _, err := s.MarkRead(t.Context(), dev("bob"), "room", 99); err != nil {
		t.Fatal(err)
	}
	expect("he read it elsewhere", "unread")
	say(t, s, "alice", "big:1", "hi")
	expect("a message that is not counted", "more")
	if _, err := s.PutMember(t.Context(), dev("alice"), "room:2", "bob", parley.RoleMember); err != nil {
		t.Fatal(err)
	}
	expect("he was put somewhere", "member-added")
	say(t, s, "alice", "room:2", "hi")
	expect("a message there", "unread")
	if err := s.RemoveMember(t.Context(), dev("alice"), "room:2", "bob"); err != nil {
		t.Fatal(err)
	}
	expect("he was kicked", "member-removed")
}

// Direct channels belong to their two users, whatever the namespaces configure.
func TestDirectChannelsAreAlwaysForMembers(t *testing.T) {
	spaces, err := chat.NewNamespaces([]chat.Namespace{{Prefix: "dm:", MaxText: 5}, {Prefix: "dm:alice:", MaxText: 6}})
	if err != nil {
		t.Fatal(err)
	}
	s, _, _ := real(t, chat.Config{Namespaces: spaces})
	for _, channel := range []parley.ChannelID{"dm:alice:bob", "dm:bob:carol"} {
		if _, err := s.Post(t.Context(), dev("dave"), channel, parley.Draft{Text: "x"}); err == nil ||
			parley.AsError(err).Code != parley.CodeForbidden {
			t.Errorf("dave posts to %s: %v", channel, err)
		}
		if _, err := s.Post(t.Context(), dev("bob"), channel, parley.Draft{Text: "1234567"}); err == nil ||
			parley.AsError(err).Code != parley.CodeTooLarge {
			t.Errorf("7 bytes to %s: %v", channel, err)
		}
	}
}

func TestTiersOfNamespaces(t *testing.T) {
	spaces, err := chat.NewNamespaces(
		[]chat.Namespace{
			{Prefix: "a:", Each: 7},
			{Prefix: "b:", Batch: 50},
			{Prefix: "c:", Each: 9000},
			{Prefix: "d:", Each: 2, Batch: 4},
			{Prefix: "e:", Quiet: true},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, channel := range []parley.ChannelID{"a:1", "b:1", "c:1", "d:1", "e:1", "other"} {
		each, batch := spaces.Tiers(channel)
		got += fmt.Sprint(each, ",", batch, " ")
	}
	if want := "7,5000 50,50 9000,9000 2,4 0,-1 100,5000 "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The announced total equals the sum of the inbox: including muted channels and those
// without announced counts, and without channels that were left.
func TestTotalEqualsTheInbox(t *testing.T) {
	spaces, err := chat.NewNamespaces([]chat.Namespace{{Prefix: "big:", Fanout: chat.Tiered}, {Prefix: "feed:", Fanout: chat.OnRead}})
	if err != nil {
		t.Fatal(err)
	}
	s, h, _ := real(t, chat.Config{Namespaces: spaces})
	for _, channel := range []parley.ChannelID{"room", "quiet", "left", "big:1", "feed:1"} {
		if _, err := s.PutMember(t.Context(), dev("bob"), channel, "bob", ""); err != nil {
			t.Fatal(err)
		}
	}
	say(t, s, "alice", "left", "before he came")
	session := &hub.Session{}
	h.Open(session, wire.FormWS, silent{})
	t.Cleanup(session.Close)
	if _, err := session.Follow(t.Context(), "@bob", nil); err != nil {
		t.Fatal(err)
	}
	s.Enter("@bob", dev("bob"), parley.TransportWebSocket)
	t.Cleanup(func() { s.Leave("@bob", dev("bob"), parley.TransportWebSocket) })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	told := func(kind string) (frame string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
			b, err := session.Next("", 1<<20, 1)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), `"type":"`+kind+`"`) {
				return string(b)
			}
		}
		t.Fatalf("no %s was told", kind)
		return ""
	}
	expect := func(what string, total int) {
		t.Helper()
		frame := told("unread")
		in, err := s.Inbox(t.Context(), dev("bob"), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, st := range in.Channels {
			sum += int(st.Unread)
		}
		if sum != total || !strings.Contains(frame, fmt.Sprintf(`"total":%d}`, total)) {
			t.Errorf("%s: told %s, the inbox has %d, want %d", what, frame, sum, total)
		}
	}
	say(t, s, "alice", "room", "one")
	expect("a message", 2)
	say(t, s, "alice", "quiet", "two")
	expect("another", 3)
	if err := s.Mute(t.Context(), dev("bob"), "quiet", parley.MuteAll); err != nil {
		t.Fatal(err)
	}
	say(t, s, "alice", "quiet", "three")
	expect("one in a muted channel", 4)
	for _, channel := range []parley.ChannelID{"big:1", "feed:1"} {
		say(t, s, "alice", channel, "not counted")
		told("more")
	}
	say(t, s, "alice", "room", "four")
	expect("after some that are not counted", 7)
	if err := s.RemoveMember(t.Context(), dev("bob"), "left", "bob"); err != nil {
		t.Fatal(err)
	}
	told("member-removed")
	if _, _, err := s.MarkRead(t.Context(), dev("bob"), "room", 1); err != nil {
		t.Fatal(err)
	}
	expect("one was left, and one read", 5)
}

func TestNamespacesSayWhoPostsWhat(t *testing.T) {
	spaces, err := chat.NewNamespaces(
		[]chat.Namespace{
			{Prefix: "news:", Publish: parley.RoleOwner, MaxText: 5, MaxData: 10},
			{Prefix: "news:open:", MaxText: 3},
			{Prefix: "club:", Kind: parley.KindMembers},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	s, _, _ := real(t, chat.Config{Namespaces: spaces})
	if _, err := s.PutMember(t.Context(), dev("alice"), "news:1", "alice", parley.RoleOwner); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user    parley.UserID
		channel parley.ChannelID
		text    string
		code    parley.Code
	}{
		{"alice", "news:1", "hello", ""}, {"bob", "news:1", "hello", parley.CodeForbidden}, {"alice", "news:1", "hello!", parley.CodeTooLarge},
		{"bob", "news:open:1", "hi!", ""}, {"bob", "news:open:1", "hey!", parley.CodeTooLarge}, {"bob", "club:1", "x", parley.CodeForbidden},
		{"bob", "dm:bob:carol", "x", ""}, {"bob", "dm:alice:carol", "x", parley.CodeForbidden},
	} {
		_, err := s.Post(t.Context(), dev(c.user), c.channel, parley.Draft{Text: c.text})
		if c.code == "" && err != nil || c.code != "" && (err == nil || parley.AsError(err).Code != c.code) {
			t.Errorf("%s to %s: %v, want %q", c.user, c.channel, err, c.code)
		}
	}
	for _, c := range []struct {
		user parley.UserID
		data string
		code parley.Code
	}{{"alice", `{"a":1}`, ""}, {"alice", `{"a":"bcdefg"}`, parley.CodeTooLarge}, {"bob", `{"a":1}`, parley.CodeForbidden}} {
		err := s.Event(t.Context(), dev(c.user), "news:1", "score", json.RawMessage(c.data), "")
		if c.code == "" && err != nil || c.code != "" && (err == nil || parley.AsError(err).Code != c.code) {
			t.Errorf("an event %s of %s: %v, want %q", c.data, c.user, err, c.code)
		}
	}
	if err := s.Typing(t.Context(), dev("bob"), "news:1", ""); err == nil || parley.AsError(err).Code != parley.CodeForbidden {
		t.Errorf("typing in a channel where one may not post: %v", err)
	}
	if err := s.Typing(t.Context(), dev("alice"), "news:1", ""); err != nil {
		t.Errorf("typing in a channel where one may post: %v", err)
	}
	longer, data := "hello!", json.RawMessage(`{"a":"bcdefg"}`)
	for _, c := range []parley.Change{{Of: 1, Kind: parley.ChangeEdit, Text: &longer}, {Of: 1, Kind: parley.ChangeEdit, Data: &data}} {
		if _, _, err := s.Change(t.Context(), dev("alice"), "news:1", c); err == nil || parley.AsError(err).Code != parley.CodeTooLarge {
			t.Errorf("edited to more than the namespace allows: %v", err)
		}
	}
	if in, err := s.Inbox(t.Context(), dev("carol"), "", 10); err != nil || len(in.Channels) != 1 ||
		in.Channels[0].Channel != "dm:bob:carol" ||
		in.Channels[0].Unread != 1 {
		t.Errorf("the other of a direct channel has %+v, %v", in, err)
	}
	for _, bad := range []chat.Namespace{{}, {Prefix: "a b"}, {Prefix: "dm:alice:", Kind: parley.KindPublic}, {Prefix: "@",
		Kind: parley.KindMembers}, {Prefix: "x:", Each: 10, Batch: 9}, {Prefix: "x:", Quiet: true, Each: 1}, {Prefix: "x:", Fanout: "reed"},
		{Prefix: "x:", Kind: "secret"}, {Prefix: "dm:", Kind: parley.KindPublic}, {Prefix: "x:", MaxText: 1 << 20},
		{Prefix: "x:", Publish: "reader"}} {
		if _, err := chat.NewNamespaces([]chat.Namespace{bad}); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if _, err := chat.NewNamespaces([]chat.Namespace{{Prefix: "x:"}, {Prefix: "x:"}}); err == nil ||
		!strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
}

// A message right after a user's own channel was opened is announced, even in a channel that the
// user joined in the meantime.
func TestAMessageBeforeTheFirstCountIsAnnounced(t *testing.T) {
	for name, join := range map[string]struct{ before, after, again bool }{
		"a member before": {before: true}, "a member after": {after: true}, "one who left and came back": {before: true, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, h, _ := real(t, chat.Config{})
			put := func() {
				t.Helper()
				if _, err := s.PutMember(t.Context(), dev("root"), "room", "bob", ""); err != nil {
					t.Fatal(err)
				}
			}
			if join.before {
				put()
			}
			session := &hub.Session{}
			h.Open(session, wire.FormWS, silent{})
			t.Cleanup(session.Close)
			if _, err := session.Follow(t.Context(), "@bob", nil); err != nil {
				t.Fatal(err)
			}
			s.Enter("@bob", dev("bob"), parley.TransportWebSocket)
			t.Cleanup(func() { s.Leave("@bob", dev("bob"), parley.TransportWebSocket) })
			if join.again {
				if err := s.RemoveMember(t.Context(), dev("root"), "room", "bob"); err != nil {
					t.Fatal(err)
				}
			}
			if join.after || join.again {
				put()
			}
			say(t, s, "alice", "room", "x")
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for deadline := time.Now().Add(5 * time.Second); ; <-tick.C {
				b, err := session.Next("", 1<<20, 1)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(b), `"type":"unread"`) {
					if !strings.Contains(string(b), `"unread":1`) || !strings.Contains(string(b), `"total":1`) {
						t.Fatalf("%s", b)
					}
					return
				}
				if time.Now().After(deadline) {
					t.Fatal("the message was not announced")
				}
			}
		})
	}
}
