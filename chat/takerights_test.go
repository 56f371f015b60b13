package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/feed"
)

// hooked is a store whose changes of rights call functions of a test.
type hooked struct {
	*embedded.Log
	mu     sync.Mutex
	before func() error // its error refuses the change
	after  func() error // its error is returned after the change was made
}

func (h *hooked) hook(f *func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if *f == nil {
		return nil
	}
	return (*f)()
}

func (h *hooked) around(change func() error) error {
	if err := h.hook(&h.before); err != nil {
		return err
	}
	return errors.Join(change(), h.hook(&h.after))
}

func (h *hooked) Append(ctx context.Context, channel parley.ChannelID, ds ...parley.Draft) []parley.Result {
	if channel.Internal() && h.hook(&h.before) != nil {
		rs := make([]parley.Result, len(ds))
		for i := range rs {
			rs[i].Err = parley.ErrUnavailable
		}
		return rs
	}
	return h.Log.Append(ctx, channel, ds...)
}

func (h *hooked) SetMember(ctx context.Context, channel parley.ChannelID, user parley.UserID, c parley.MemberChange) (
	was, is parley.Member, err error) {
	err = h.around(func() (err error) { was, is, err = h.Log.SetMember(ctx, channel, user, c); return err })
	return was, is, err
}

func (h *hooked) SetChannel(ctx context.Context, channel parley.ChannelID, change func(*parley.Settings) error) (
	was, is parley.Settings, err error) {
	err = h.around(func() (err error) { was, is, err = h.Log.SetChannel(ctx, channel, change); return err })
	return was, is, err
}

func (h *hooked) RemoveChannel(ctx context.Context, channel parley.ChannelID) error {
	return h.around(func() error { return h.Log.RemoveChannel(ctx, channel) })
}

func (h *hooked) Revoke(ctx context.Context, user parley.UserID, until parley.Timestamp) error {
	return h.around(func() error { return h.Log.Revoke(ctx, user, until) })
}

// cluster is two nodes over one store. What is done on one node, the other follows only by
// reading the store.
type cluster struct {
	store *hooked
	nodes [2]*chat.Service
	told  [2]chan string // the orders that each node follows: "channel/user"
	free  atomic.Uint64
}

const floor = 1 << 20

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{}
	c.free.Store(10 * floor)
	log, err := embedded.Open("data", embedded.Config{FS: vfs.NewMem(), FreeFloor: floor, Logger: slog.New(slog.DiscardHandler),
		FreeSpace: func() (uint64, error) { return c.free.Load(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	c.store = &hooked{Log: log}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	run := func(f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	run(log.Run)
	for i := range c.nodes {
		c.told[i] = make(chan string, 1000)
		c.nodes[i] = chat.New(c.store, feed.New(c.store, feed.Config{}), chat.Config{})
		c.nodes[i].OnRights(func(channel parley.ChannelID, user parley.UserID) { c.told[i] <- string(channel) + "/" + string(user) })
		run(c.nodes[i].Run)
	}
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// follows waits until a node follows an order that comes after now.
func (c *cluster) follows(t *testing.T, node int, order string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case got := <-c.told[node]:
			if got == order {
				return
			}
		case <-late:
			t.Fatalf("node %d does not follow the order about %s", node, order)
		}
	}
}

// taking are the ways to take rights away. Each is set up, done and checked.
var taking = []struct {
	name, order string
	set         func(t *testing.T, c *cluster)
	do          func(ctx context.Context, s *chat.Service) error
	done        func(t *testing.T, c *cluster) bool
}{
	{"revoke", "/bob", nil,
		func(ctx context.Context, s *chat.Service) error { return s.Revoke(ctx, dev("root"), "bob") },
		func(t *testing.T, c *cluster) bool { at, _ := c.store.Revoked(t.Context(), "bob"); return at != 0 }},
	{"kick", "room/bob", withRole(parley.RoleMember),
		func(ctx context.Context, s *chat.Service) error {
			return s.RemoveMember(ctx, dev("root"), "room", "bob")
		}, roleIs(parley.RoleNone)},
	{"leave", "room/bob", withRole(parley.RoleAdmin),
		func(ctx context.Context, s *chat.Service) error {
			return s.RemoveMember(ctx, dev("bob"), "room", "bob")
		}, roleIs(parley.RoleNone)},
	{"ban", "room/bob", withRole(parley.RoleMember),
		func(ctx context.Context, s *chat.Service) error {
			return s.SetBan(ctx, dev("root"), "room", "bob", true)
		}, roleIs(parley.RoleBanned)},
	{"ban a stranger", "room/bob", nil,
		func(ctx context.Context, s *chat.Service) error {
			return s.SetBan(ctx, dev("root"), "room", "bob", true)
		}, roleIs(parley.RoleBanned)},
	{"role", "room/bob", withRole(parley.RoleAdmin),
		func(ctx context.Context, s *chat.Service) error {
			_, err := s.PutMember(ctx, dev("root"), "room", "bob", parley.RoleMember)
			return err
		}, roleIs(parley.RoleMember)},
	{"reader", "room/bob", nil,
		func(ctx context.Context, s *chat.Service) error {
			_, err := s.PutMember(ctx, dev("root"), "room", "bob", parley.RoleReader)
			return err
		}, roleIs(parley.RoleReader)},
	{"kind", "room/", func(t *testing.T, c *cluster) {
		role := parley.RoleOwner
		if _, _, err := c.store.SetMember(t.Context(), "room", "root", parley.MemberChange{Role: &role}); err != nil {
			t.Fatal(err)
		}
	},
		func(ctx context.Context, s *chat.Service) error {
			return s.Configure(ctx, dev("root"), "room", func(set *parley.Settings) { set.Kind = parley.KindMembers })
		},
		func(t *testing.T, c *cluster) bool {
			set, _ := settingsOf(t.Context(), c.store, "room")
			return set.Kind == parley.KindMembers
		}},
	{"delete", "room/", func(t *testing.T, c *cluster) {
		if _, _, err := c.store.SetChannel(t.Context(), "room", parley.Settings{Kind: parley.KindMembers}.Replace); err != nil {
			t.Fatal(err)
		}
		withRole(parley.RoleMember)(t, c)
	},
		func(ctx context.Context, s *chat.Service) error {
			return s.Remove(ctx, access.Caller{User: "root", As: &access.Credentials{Any: true, Service: true}}, "room")
		},
		func(t *testing.T, c *cluster) bool {
			set, _ := settingsOf(t.Context(), c.store, "room")
			return set.Kind == "" && roleIs(parley.RoleNone)(t, c)
		}},
}

func withRole(role parley.Role) func(*testing.T, *cluster) {
	return func(t *testing.T, c *cluster) {
		t.Helper()
		if _, _, err := c.store.SetMember(t.Context(), "room", "bob", parley.MemberChange{Role: &role}); err != nil {
			t.Fatal(err)
		}
	}
}

func roleIs(role parley.Role) func(*testing.T, *cluster) bool {
	return func(t *testing.T, c *cluster) bool {
		m, err := memberOf(t.Context(), c.store, "room", "bob")
		return err == nil && m.Role == role
	}
}

func eachTaking(t *testing.T, test func(t *testing.T, c *cluster, do func(context.Context, *chat.Service) error, order string,
	done func() bool)) {
	for _, way := range taking {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t)
			if way.set != nil {
				way.set(t, c)
			}
			test(t, c, way.do, way.order, func() bool { return way.done(t, c) })
		})
	}
}

// A connection that breaks between a change and its consequences must not prevent the
// consequences.
func TestTakenRightsAreFollowedThoughTheCallerIsGone(t *testing.T) {
	eachTaking(t, func(t *testing.T, c *cluster, do func(context.Context, *chat.Service) error, order string, done func() bool) {
		ctx, cancel := context.WithCancel(t.Context())
		c.store.after = func() error { cancel(); return nil }
		if err := do(ctx, c.nodes[0]); err != nil {
			t.Errorf("the answer to a change that was made: %v", err)
		}
		c.follows(t, 0, order)
		c.follows(t, 1, order)
		if !done() {
			t.Error("it was not done")
		}
	})
}

// A node that ends between a change and its consequences, or does not know whether the
// change was made, leaves an order that all nodes keep following.
func TestTakenRightsAreFollowedThoughTheOutcomeIsUnknown(t *testing.T) {
	eachTaking(t, func(t *testing.T, c *cluster, do func(context.Context, *chat.Service) error, order string, done func() bool) {
		var made atomic.Bool
		c.store.after = func() error {
			if done() {
				made.Store(true)
				return parley.ErrUnknown
			}
			return nil
		}
		if err := do(t.Context(), c.nodes[0]); !errors.Is(err, parley.ErrUnknown) {
			t.Errorf("the answer to a change of which nobody knows whether it was made: %v", err)
		}
		if !made.Load() {
			t.Fatal("it was not done")
		}
		c.follows(t, 0, order)
		for range 3 { // again and again
			c.follows(t, 1, order)
		}
	})
}

func TestRightsAreNotTakenWithoutAnOrder(t *testing.T) {
	eachTaking(t, func(t *testing.T, c *cluster, do func(context.Context, *chat.Service) error, order string, done func() bool) {
		c.store.before = func() error { return parley.ErrUnavailable }
		if err := do(t.Context(), c.nodes[0]); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("the answer is %v", err)
		}
		if done() {
			t.Error("it was done although no order could be written")
		}
	})
}

// A user who fills the disk can still be removed.
func TestRightsAreTakenOnALowDisk(t *testing.T) {
	eachTaking(t, func(t *testing.T, c *cluster, do func(context.Context, *chat.Service) error, order string, done func() bool) {
		c.free.Store(floor - 1)
		full := strings.Repeat("x", 64<<10)
		for refused := false; !refused; { // the store checks the disk after many writes
			err := c.store.Append(t.Context(), "other", parley.Draft{User: "eve", Text: full})[0].Err
			refused = errors.Is(err, parley.ErrUnavailable)
		}
		if err := do(t.Context(), c.nodes[0]); err != nil {
			t.Errorf("on a low disk: %v", err)
		}
		c.follows(t, 0, order)
		c.follows(t, 1, order)
		if !done() {
			t.Error("it was not done")
		}
	})
}

// The members of a direct channel are created together, or else by its next message.
func TestDirectChannelAlwaysHasBothMembers(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	alice := access.Caller{User: "alice", As: &access.Credentials{}}
	n := 0
	c.store.before = func() error {
		if n++; n == 2 { // the order of the two is not fixed: one member each
			return parley.ErrUnavailable
		}
		return nil
	}
	if _, err := c.nodes[0].Post(t.Context(), alice, "dm:alice:bob", parley.Draft{Text: "hi"}); err == nil {
		t.Fatal("it was stored")
	}
	if _, err := c.nodes[0].Post(t.Context(), alice, "dm:alice:bob", parley.Draft{Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	for _, user := range []parley.UserID{"alice", "bob"} {
		if m, err := memberOf(t.Context(), c.store, "dm:alice:bob", user); err != nil || m.Role != parley.RoleMember {
			t.Errorf("%s is %q, %v", user, m.Role, err)
		}
	}
}

// Settings that are changed at the same time are all changed: no caller overwrites
// another's change with what it read before.
func TestSettingsChangedTogetherAreAllChanged(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	for range 20 {
		if err := c.nodes[0].Remove(t.Context(), dev("root"), "room"); err != nil {
			t.Fatal(err)
		}
		var together sync.WaitGroup
		for i, change := range []func(*parley.Settings){
			func(s *parley.Settings) { s.Kind = parley.KindMembers },
			func(s *parley.Settings) { s.Title = "title" },
			func(s *parley.Settings) { s.Topic = "topic" },
			func(s *parley.Settings) { s.Data = json.RawMessage(`{"a":1}`) },
			func(s *parley.Settings) { s.Retention = &parley.Retention{Messages: 7} },
		} {
			together.Go(func() {
				back := access.Caller{User: "root", As: &access.Credentials{Any: true, Service: true}}
				if err := c.nodes[i%2].Configure(t.Context(), back, "room", change); err != nil {
					t.Error(err)
				}
			})
		}
		together.Wait()
		set, err := settingsOf(t.Context(), c.store, "room")
		if err != nil || set.Kind != parley.KindMembers || set.Title != "title" || set.Topic != "topic" || set.Data == nil ||
			set.Retention == nil {
			t.Fatalf("%+v, %v", set, err)
		}
	}
}

// A ban is not undone by a join that was allowed before the ban.
func TestABanIsNotUndoneByAJoinUnderWay(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	bob := access.Caller{User: "bob", As: &access.Credentials{Listed: true,
		Grants: []access.Grant{{Pattern: "*", Rights: access.Read | access.Write}}}}
	ban := parley.RoleBanned
	c.store.before = func() error { // after the check whether bob may join
		_, _, err := c.store.Log.SetMember(context.Background(), "room", "bob", parley.MemberChange{Role: &ban})
		return err
	}
	if _, err := c.nodes[0].PutMember(t.Context(), bob, "room", "bob", ""); err == nil {
		t.Error("a banned user joined")
	}
	if !roleIs(parley.RoleBanned)(t, c) {
		t.Error("the ban is gone")
	}
}

// A user who was made a reader stays a reader.
func TestAReaderStaysOneAfterLeaving(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	s := c.nodes[0]
	bob := access.Caller{User: "bob", As: &access.Credentials{Listed: true,
		Grants: []access.Grant{{Pattern: "*", Rights: access.Read | access.Write}}}}
	may := func(want bool, when string) {
		t.Helper()
		if err := s.Authorize(t.Context(), bob, access.Write, "room"); (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(by access.Caller, role parley.Role, want parley.Role) {
		t.Helper()
		m, err := s.PutMember(t.Context(), by, "room", "bob", role)
		if must(err); m.Role != want {
			t.Errorf("bob is %q, want %q", m.Role, want)
		}
	}
	put(dev("root"), parley.RoleReader, parley.RoleReader)
	for _, role := range []parley.Role{"", parley.RoleMember} {
		must(s.RemoveMember(t.Context(), bob, "room", "bob"))
		may(false, "after leaving")
		if ms, _, err := s.Members(t.Context(), bob, "room", "", 10); err != nil || len(ms) != 0 {
			t.Errorf("after leaving the members are %+v, %v", ms, err)
		}
		put(bob, role, parley.RoleReader)
		may(false, "after joining again")
	}
	must(s.RemoveMember(t.Context(), dev("root"), "room", "bob")) // a kick must not promote
	may(false, "after a kick")
	if _, err := s.Post(t.Context(), bob, "room", parley.Draft{Text: "x"}); err == nil {
		t.Error("a reader who left posts")
	}
	put(dev("root"), parley.RoleMember, parley.RoleMember)
	may(true, "after an administrator decided otherwise")
}

// A direct channel's members may name it, but not destroy what the other one has.
func TestADirectChannelIsNotItsMembersToTrim(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	alice := access.Caller{User: "alice", As: &access.Credentials{}}
	boss := access.Caller{User: "alice", As: &access.Credentials{Listed: true,
		Grants: []access.Grant{{Pattern: "dm:*", Rights: access.Administer}}}}
	const room = "dm:alice:bob"
	for _, step := range []struct {
		by     access.Caller
		change func(*parley.Settings)
		ok     bool
	}{
		{alice, func(*parley.Settings) {}, true},
		{alice, func(s *parley.Settings) { s.Title = "us" }, true},
		{alice, func(s *parley.Settings) { s.Retention = &parley.Retention{Messages: 1} }, false},
		{alice, func(s *parley.Settings) { s.Retention = &parley.Retention{Seconds: 1} }, false},
		{boss, func(s *parley.Settings) { s.Retention = &parley.Retention{Messages: 100} }, true},
		{alice, func(s *parley.Settings) { s.Retention = nil }, false},
		{alice, func(s *parley.Settings) { s.Topic, s.Retention = "t", &parley.Retention{Messages: 100} }, true}, // unchanged
	} {
		if err := c.nodes[0].Configure(t.Context(), step.by, room, step.change); (err == nil) != step.ok {
			t.Errorf("%+v: %v", step.by.As, err)
		}
	}
	if err := c.nodes[0].Remove(t.Context(), alice, room); err == nil {
		t.Error("a member removed a direct channel")
	}
	if set, err := settingsOf(t.Context(), c.store, room); err != nil || set.Title != "us" || set.Topic != "t" ||
		set.Retention == nil || set.Retention.Messages != 100 {
		t.Errorf("%+v, %v", set, err)
	}
}
