package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/push"
	"github.com/parley-server/parley/worker"
)

// sent is what a provider accepted.
type sent struct {
	device string
	n      parley.Notification
	at     time.Time
}

// provider is a Notifier in the process, and a list of devices.
type provider struct {
	mu      sync.Mutex
	answer  func(d parley.Device, n parley.Notification) error // nil: accepted
	sent    []sent
	tries   int
	devices map[parley.UserID][]parley.Device
	visible map[parley.UserID]bool
	failed  map[string]parley.Timestamp
}

// Notify implements parley.Notifier.
func (p *provider) Notify(ctx context.Context, d parley.Device, n parley.Notification) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.answer != nil {
		if err := p.answer(d, n); err != nil {
			return err
		}
	}
	p.sent = append(p.sent, sent{d.ID, n, time.Now()})
	return nil
}

// Devices implements push.Devices.
func (p *provider) Devices(_ context.Context, user parley.UserID) ([]parley.Device, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.devices[user]), nil
}

// RemoveDevice implements push.Devices.
func (p *provider) RemoveDevice(_ context.Context, d parley.Device) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.devices[d.User] = slices.DeleteFunc(p.devices[d.User], func(is parley.Device) bool { return is.ID == d.ID })
	return nil
}

// MarkFailed implements push.Devices.
func (p *provider) MarkFailed(_ context.Context, d parley.Device, at parley.Timestamp) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed[d.ID] = at
	return nil
}

func (p *provider) has(user parley.UserID, id string, platform parley.Platform) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.devices[user] = append(p.devices[user], parley.Device{User: user, ID: id, Platform: platform, App: "default", Token: "secret-" + id})
}

func (p *provider) sees(user parley.UserID, visible bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.visible[user] = visible
}

func (p *provider) answers(f func(d parley.Device, n parley.Notification) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// take returns what was sent since the last take.
func (p *provider) take() []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.sent
	p.sent = nil
	return all
}

// node is a node that pushes.
type node struct {
	*push.Pusher
	*mem.Handle
	t   *testing.T
	end context.CancelFunc
}

func start(t *testing.T, store *mem.Store, p *provider, change ...func(*push.Config)) *node {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	h := store.Open()
	cfg := push.Config{Store: h, Devices: p, Node: fmt.Sprintf("%p", h),
		Notifiers: map[push.Target]parley.Notifier{
			{Platform: parley.PlatformAPNs, App: "default"}: p, {Platform: parley.PlatformWebPush, App: "default"}: p},
		Visible: func(_ context.Context, users ...parley.UserID) ([]bool, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			all := make([]bool, len(users))
			for i, u := range users {
				all[i] = p.visible[u]
			}
			return all, nil
		}}
	for _, f := range change {
		f(&cfg)
	}
	n := &node{push.New(cfg), h, t, end}
	go func() { _ = n.Run(ctx) }()
	time.Sleep(time.Millisecond)
	return n
}

// post stores a message and notifies push, as a feed does.
func (n *node) post(channel parley.ChannelID, user parley.UserID, text string) int64 {
	n.t.Helper()
	return n.store(channel, parley.Draft{User: user, Text: text, Join: true})
}

func (n *node) store(channel parley.ChannelID, d parley.Draft) int64 {
	n.t.Helper()
	r := n.Append(n.t.Context(), channel, d)
	if r[0].Err != nil {
		n.t.Fatal(r[0].Err)
	}
	if err := n.Take(n.t.Context(), channel); err != nil {
		n.t.Fatal(err)
	}
	n.Grown(channel)
	return r[0].Message.ID
}

func (n *node) joins(channel parley.ChannelID, users ...parley.UserID) {
	n.t.Helper()
	for _, user := range users {
		role := parley.RoleMember
		n.set(channel, user, parley.MemberChange{Role: &role})
	}
}

func (n *node) set(channel parley.ChannelID, user parley.UserID, c parley.MemberChange) {
	n.t.Helper()
	if _, _, err := n.SetMember(n.t.Context(), channel, user, c); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) reads(channel parley.ChannelID, user parley.UserID, id int64) {
	n.t.Helper()
	n.set(channel, user, parley.MemberChange{Read: &id})
	n.Pusher.Read(user)
}

// decided lists the decisions about a user, oldest first.
func (n *node) decided(user parley.UserID) (all []string) {
	for _, d := range n.Decisions(user, 100) {
		all = append([]string{d.Decision}, all...)
	}
	return all
}

// was checks what was sent since the last check: device title: body (badge).
func (p *provider) was(t *testing.T, want ...string) {
	t.Helper()
	got := []string{}
	for _, s := range p.take() {
		got = append(got, fmt.Sprintf("%s %s: %s (%d)", s.device, s.n.Title, s.n.Body, s.n.Badge))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("sent\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func newProvider() *provider {
	return &provider{devices: map[parley.UserID][]parley.Device{}, visible: map[parley.UserID]bool{}, failed: map[string]parley.Timestamp{}}
}

// bubble runs a test with a node, a provider, and bob, who is a member of general and has a phone.
func bubble(t *testing.T, test func(t *testing.T, n *node, p *provider), change ...func(*push.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		n := start(t, mem.NewStore(mem.StoreConfig{}), p, change...)
		defer func() { n.end(); synctest.Wait() }()
		n.joins("general", "alice", "bob")
		p.has("bob", "phone", parley.PlatformAPNs)
		test(t, n, p)
	})
}

func TestAnOfflineMemberGetsOneNotification(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		began := time.Now()
		n.post("general", "alice", "hello")
		time.Sleep(1900 * time.Millisecond)
		p.was(t)
		time.Sleep(time.Second)
		all := p.take()
		if len(all) != 1 {
			t.Fatalf("sent %+v", all)
		}
		s := all[0]
		if s.n.Title != "alice in general" || s.n.Body != "hello" || s.n.Badge != 1 || s.n.Count != 1 || s.n.ID != 1 ||
			s.n.Channel != "general" || s.n.User != "bob" || len(s.n.Collapse) == 0 || len(s.n.Collapse) > 32 {
			t.Errorf("sent %+v", s.n)
		}
		if after := s.at.Sub(began); after < 2*time.Second || after > 2200*time.Millisecond {
			t.Errorf("sent after %v", after)
		}
		time.Sleep(time.Hour)
		p.was(t)
		if got := n.decided("bob"); !slices.Equal(got, []string{push.Sent}) {
			t.Errorf("decided %q", got)
		}
	})
}

func TestVisibleMemberGetsNone(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		p.sees("bob", true)
		n.post("general", "alice", "hello")
		synctest.Wait()
		p.sees("bob", false) // but was online when it was stored
		time.Sleep(time.Minute)
		p.was(t)
		n.post("general", "alice", "and now")
		time.Sleep(time.Second)
		p.sees("bob", true) // before the notification is due
		time.Sleep(time.Minute)
		p.was(t)
		if got := n.decided("bob"); !slices.Equal(got, []string{push.Online, push.Online}) {
			t.Errorf("decided %q", got)
		}
	})
}

func TestLaterMessagesCollapse(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		n.post("general", "alice", "one")
		time.Sleep(3 * time.Second)
		p.was(t, "phone alice in general: one (1)")
		for i := range 4 {
			n.post("general", "alice", fmt.Sprint("more ", i))
			time.Sleep(time.Second)
		}
		p.was(t)
		time.Sleep(10 * time.Second) // the window is over
		all := p.take()
		if len(all) != 1 || all[0].n.Body != "5 new messages" || all[0].n.ID != 5 || all[0].n.Count != 5 || all[0].n.Badge != 5 {
			t.Errorf("sent %+v", all)
		}
		time.Sleep(time.Hour)
		p.was(t)
	})
}

func TestReadingElsewhereCancels(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		n.post("general", "alice", "one")
		time.Sleep(time.Second)
		n.reads("general", "bob", 1)
		time.Sleep(time.Minute)
		p.was(t)
		if ds := n.Decisions("bob", 100); len(ds) != 1 || ds[0].Decision != push.Cancelled || ds[0].Detail != "was read" {
			t.Errorf("decided %+v", ds)
		}
		n.post("general", "alice", "two")
		n.post("general", "alice", "three")
		time.Sleep(time.Minute)
		p.was(t, "phone alice in general: 2 new messages (2)")
		n.reads("general", "bob", 2)
		n.reads("general", "bob", 3)
		time.Sleep(time.Minute)
		p.was(t, "phone :  (0)") // one notification, with the badge only
		n.reads("general", "bob", 3)
		time.Sleep(time.Minute)
		p.was(t)
	})
}

// A browser receives no notification that contains only a badge.
func TestNoBadgeAloneGoesToABrowser(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		n.joins("general", "carol")
		p.has("carol", "laptop", parley.PlatformWebPush)
		n.post("general", "alice", "one")
		time.Sleep(time.Minute)
		p.was(t, "laptop alice in general: one (1)", "phone alice in general: one (1)")
		n.reads("general", "carol", 1)
		time.Sleep(time.Minute)
		p.was(t)
	})
}

func TestMutesAndMentions(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		n.joins("general", "carol", "dave")
		p.has("carol", "tablet", parley.PlatformAPNs)
		p.has("dave", "watch", parley.PlatformAPNs)
		all, mentions := parley.MuteAll, parley.MuteButMentions
		n.set("general", "carol", parley.MemberChange{Mute: &all})
		n.set("general", "dave", parley.MemberChange{Mute: &mentions})
		n.post("general", "alice", "for bob")
		time.Sleep(time.Minute)
		p.was(t, "phone alice in general: for bob (1)")
		n.post("general", "alice", "hey @dave, @carol")
		time.Sleep(time.Minute)
		p.was(t, "phone alice in general: 2 new messages (2)", "watch alice in general: hey @dave, @carol (2)")
		n.post("general", "alice", "@channel lunch")
		time.Sleep(time.Second)
		n.set("general", "bob", parley.MemberChange{Mute: &all}) // before the notification is due
		time.Sleep(time.Minute)
		p.was(t, "watch alice in general: 2 new messages (3)")
		if got := n.decided("dave"); !slices.Equal(got, []string{push.Muted, push.Sent, push.Sent}) {
			t.Errorf("about dave: %q", got)
		}
		if got := n.decided("carol"); slices.ContainsFunc(got, func(d string) bool { return d != push.Muted }) || len(got) != 3 {
			t.Errorf("decided %q", got)
		}
	})
}

func TestTitleAndBody(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		if _, _, err := n.SetChannel(t.Context(), "general", func(s *parley.Settings) error { s.Title = "The hall"; return nil }); err != nil {
			t.Fatal(err)
		}
		id := n.store("general", parley.Draft{User: "alice", Name: "Alice A.", Text: "helo"})
		text := "hello"
		n.store("general", parley.Draft{User: "alice", Change: &parley.Change{Kind: parley.ChangeEdit, Of: id, Text: &text}})
		time.Sleep(time.Minute)
		p.was(t, "phone Alice A. in The hall: hello (1)")
		n.reads("general", "bob", 2)
		id = n.post("general", "alice", "oops")
		n.store("general", parley.Draft{User: "alice", Change: &parley.Change{Kind: parley.ChangeDelete, Of: id}})
		time.Sleep(time.Minute)
		p.take() // the badge may be sent
		n.store("general", parley.Draft{User: "alice", Data: json.RawMessage(`{"n":1}`)})
		time.Sleep(time.Minute)
		p.was(t)
		n.reads("general", "bob", 5)
		n.store("general", parley.Draft{User: "alice", Data: json.RawMessage(`{"notification":{"title":"Lift","body":"is here"}}`)})
		time.Sleep(time.Minute)
		p.was(t, "phone Lift: is here (1)")
		n.joins("dm:alice:bob", "alice", "bob")
		n.store("dm:alice:bob", parley.Draft{User: "alice", Text: "psst"})
		time.Sleep(time.Minute)
		p.was(t, "phone alice: psst (2)")
	})
}

func TestRefusalsAreRetried(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		p.has("bob", "old", parley.PlatformAPNs)
		slow := 2
		p.answers(func(d parley.Device, _ parley.Notification) error {
			if d.ID == "old" {
				return parley.ErrGone
			}
			if slow--; slow >= 0 {
				return &parley.RetryError{After: 20 * time.Second, Err: errors.New("429")}
			}
			return nil
		})
		n.post("general", "alice", "hello")
		time.Sleep(10 * time.Second)
		p.was(t)
		time.Sleep(time.Minute)
		p.was(t, "phone alice in general: hello (1)")
		if devices, _ := p.Devices(t.Context(), "bob"); len(devices) != 1 {
			t.Errorf("bob has %v", devices)
		}
		want := []string{push.Failed, push.Gone, push.Failed, push.Sent}
		if got := n.decided("bob"); !slices.Equal(got, want) && !slices.Equal(got, []string{push.Gone, push.Failed, push.Failed, push.Sent}) {
			t.Errorf("decided %q", got)
		}
		if p.failed["phone"] != 0 {
			t.Log("a device that was marked as failed is unmarked when the next one is sent")
		}
		for _, d := range n.Decisions("", 100) {
			if strings.Contains(fmt.Sprint(d), "secret") {
				t.Errorf("%+v names a token", d)
			}
		}
	})
}

func TestReadingCancelsRetries(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		p.answers(func(parley.Device, parley.Notification) error { return &parley.RetryError{Err: errors.New("503")} })
		n.post("general", "alice", "hello")
		time.Sleep(10 * time.Second)
		n.reads("general", "bob", 1)
		p.answers(nil)
		time.Sleep(time.Hour)
		p.was(t)
	})
}

func TestBadCredentialsRemoveNothingAndAreRetried(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		p.answers(func(parley.Device, parley.Notification) error { return parley.ErrCredentials })
		n.post("general", "alice", "hello")
		time.Sleep(3 * time.Hour)
		p.mu.Lock()
		tries := p.tries
		p.mu.Unlock()
		if tries < 10 || tries > 300 {
			t.Errorf("%d tries in three hours", tries)
		}
		p.answers(nil)
		time.Sleep(5 * time.Minute)
		p.was(t, "phone alice in general: hello (1)")
	})
}

// A failing push service chosen by one user does not delay other users' services.
func TestAFailingPushServiceDelaysItsOwnDevicesOnly(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		subscribed := func(user parley.UserID, endpoint string) {
			n.joins("general", user)
			p.devices[user] = []parley.Device{{User: user, ID: string(user), Platform: parley.PlatformWebPush, App: "default",
				Subscription: &parley.Subscription{Endpoint: endpoint}}}
		}
		for i := range 20 {
			subscribed(parley.UserID(fmt.Sprint("mallory", i)), "https://evil.example/x")
		}
		p.answers(func(d parley.Device, _ parley.Notification) error {
			if d.Subscription != nil && strings.HasPrefix(d.Subscription.Endpoint, "https://evil") {
				return parley.ErrCredentials
			}
			return nil
		})
		n.post("general", "alice", "one")
		time.Sleep(time.Minute)
		p.was(t, "phone alice in general: one (1)")
		if n.Broken() != 1 {
			t.Errorf("%d services are broken", n.Broken())
		}
		subscribed("carol", "https://push.example/y")
		n.post("general", "alice", "two")
		time.Sleep(5 * time.Second)
		p.was(t, "carol alice in general: two (1)", "phone alice in general: 2 new messages (2)")
	})
}

func TestNotificationIsGivenUpAfterTooManyRefusals(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		p.answers(func(parley.Device, parley.Notification) error { return &parley.RetryError{Err: errors.New("500")} })
		n.post("general", "alice", "hello")
		time.Sleep(24 * time.Hour)
		dead, err := n.Dead(t.Context())
		if err != nil || len(dead) != 1 || dead[0].User != "bob" || dead[0].ID != 1 {
			t.Errorf("dead: %+v, %v", dead, err)
		}
		p.answers(nil)
		n.post("general", "alice", "again")
		time.Sleep(time.Hour)
		p.was(t, "phone alice in general: 2 new messages (2)")
	})
}

// A node may die at any moment; the next one sends what was not sent, and a repeat has the same collapse id.
func TestACrashLosesNothing(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, 1999 * time.Millisecond, 2001 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			p, store := newProvider(), mem.NewStore(mem.StoreConfig{})
			n := start(t, store, p)
			n.joins("general", "alice", "bob")
			p.has("bob", "phone", parley.PlatformAPNs)
			n.post("general", "alice", "hello")
			synctest.Wait()
			time.Sleep(after)
			n.end()
			synctest.Wait()
			second := start(t, store, p)
			defer func() { second.end(); synctest.Wait() }()
			if err := second.Take(t.Context(), "general"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			all := p.take()
			if len(all) == 0 || len(all) > 2 {
				t.Fatalf("after %v: sent %+v", after, all)
			}
			for _, s := range all {
				if s.n.Collapse != all[0].n.Collapse || s.n.Body != "hello" {
					t.Errorf("after %v: sent %+v", after, all)
				}
			}
		})
	}
}

// A refused attempt waits in the store, not in the memory of the node that tried.
func TestACrashLosesNoRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newProvider(), mem.NewStore(mem.StoreConfig{})
		n := start(t, store, p)
		n.joins("general", "alice", "bob")
		p.has("bob", "phone", parley.PlatformAPNs)
		p.answers(func(parley.Device, parley.Notification) error {
			return &parley.RetryError{After: 10 * time.Minute, Err: errors.New("503")}
		})
		n.post("general", "alice", "hello")
		time.Sleep(time.Minute)
		if at, _, err := worker.Positions(t.Context(), n, "push", 10); err != nil || len(at) != 1 || at[0].Position != 1 {
			t.Errorf("a refused notification keeps the position back: %v, %v", at, err)
		}
		n.end()
		synctest.Wait()
		p.answers(nil)
		second := start(t, store, p)
		defer func() { second.end(); synctest.Wait() }()
		second.post("general", "alice", "more") // takes over the channel
		time.Sleep(time.Hour)
		p.was(t, "phone alice in general: 2 new messages (2)")
	})
}

func TestManyMembers(t *testing.T) {
	bubble(t, func(t *testing.T, n *node, p *provider) {
		const many = 3000
		for i := range many {
			user := parley.UserID(fmt.Sprint("u", i))
			n.joins("general", user)
			p.has(user, "phone-"+string(user), parley.PlatformAPNs)
		}
		n.post("general", "alice", "all hands")
		time.Sleep(time.Minute)
		got := map[string]int{}
		for _, s := range p.take() {
			got[s.device]++
		}
		if len(got) != many+1 {
			t.Errorf("%d devices of %d", len(got), many+1)
		}
		for d, times := range got {
			if times != 1 {
				t.Errorf("%s: %d times", d, times)
			}
		}
	})
}

// The webhook receives for every user, whatever the user's devices, until it answers that a user is gone.
func TestTheWebhookReceivesForEveryUser(t *testing.T) {
	hook := newProvider()
	bubble(t, func(t *testing.T, n *node, p *provider) {
		n.joins("general", "carol")
		n.post("general", "alice", "one")
		time.Sleep(time.Minute)
		hook.was(t, "webhook alice in general: one (1)", "webhook alice in general: one (1)")
		p.was(t, "phone alice in general: one (1)")
		hook.answers(func(d parley.Device, _ parley.Notification) error {
			if d.User == "carol" {
				return parley.ErrGone
			}
			return nil
		})
		n.post("general", "alice", "two")
		time.Sleep(time.Minute)
		hook.was(t, "webhook alice in general: 2 new messages (2)")
		hook.answers(nil)
		n.post("general", "alice", "three")
		time.Sleep(time.Minute)
		hook.was(t, "webhook alice in general: 3 new messages (3)")
	}, func(cfg *push.Config) { cfg.Notifiers[push.Webhook] = hook })
}
