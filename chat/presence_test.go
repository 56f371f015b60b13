package chat_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/wire"
)

type silent struct{}

func (silent) Ring() {}

var kindOf = regexp.MustCompile(`"type":"([a-z-]+)"`)

// watch follows a channel as a user; the returned function returns the kinds of events
// that arrived since its last call.
func watch(t *testing.T, h *hub.Hub, channel parley.ChannelID, as string) func() []string {
	t.Helper()
	s := &hub.Session{}
	h.Open(s, wire.FormWS, silent{})
	t.Cleanup(s.Close)
	if _, err := s.Follow(t.Context(), channel, nil); err != nil {
		t.Fatal(err)
	}
	return func() (kinds []string) {
		for {
			b, err := s.Next(as, 1<<20, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) == 0 {
				return kinds
			}
			for _, m := range kindOf.FindAllStringSubmatch(string(b), -1) {
				kinds = append(kinds, m[1])
			}
		}
	}
}

func TestTypingIsSentOnceInTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := service(t, newFake())
		others, own := watch(t, h, "c", "bob"), watch(t, h, "c", "alice")
		begin := time.Now()
		for _, step := range []struct {
			at   time.Duration
			user parley.UserID
			told bool
		}{
			{0, "alice", true}, {time.Second, "alice", false}, {time.Second, "carol", true}, {2*time.Second - 1, "alice", false},
			{2 * time.Second, "alice", true}, {3 * time.Second, "alice", false}, {9 * time.Second, "alice", true},
		} {
			time.Sleep(time.Until(begin.Add(step.at)))
			if err := s.Typing(t.Context(), dev(step.user), "c", string(step.user)); err != nil {
				t.Fatal(err)
			}
			if got := others(); slices.Contains(got, "typing") != step.told || len(got) > 1 {
				t.Errorf("%s at %v: %v", step.user, step.at, got)
			}
			if got := own(); step.user == "alice" && got != nil {
				t.Errorf("alice was told of herself: %v", got)
			}
		}
	})
}

func TestLeavingIsAnnouncedOnceAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := service(t, newFake())
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = s.Run(ctx) }()
		got := watch(t, h, "c", "bob")
		alice := dev("alice")
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if kinds := got(); !slices.Equal(kinds, want) {
				t.Errorf("%s: %v, want %v", what, kinds, want)
			}
		}
		s.Enter("c", alice, parley.TransportWebSocket)
		expect("she came", "user-joined")
		s.Enter("c", alice, parley.TransportWebSocket)
		s.Leave("c", alice, parley.TransportWebSocket)
		time.Sleep(10 * time.Second)
		expect("a tab came and went")
		s.Leave("c", alice, parley.TransportWebSocket)
		time.Sleep(2 * time.Second)
		s.Enter("c", alice, parley.TransportWebSocket)
		time.Sleep(10 * time.Second)
		expect("she reloaded the page")
		s.Leave("c", alice, parley.TransportWebSocket)
		time.Sleep(2900 * time.Millisecond)
		expect("she may still come back")
		time.Sleep(200 * time.Millisecond)
		expect("she left", "system", "user-left")
		time.Sleep(10 * time.Second)
		expect("once")
		s.Enter("c", dev(parley.Guest), parley.TransportSSE)
		s.Leave("c", dev(parley.Guest), parley.TransportSSE)
		time.Sleep(10 * time.Second)
		expect("a guest came and went")
	})
}

// A large channel receives differences, and its streams no lines for users who left.
func TestALargeChannelReceivesDifferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := service(t, newFake())
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = s.Run(ctx) }()
		got := watch(t, h, "c", "bob")
		user := func(i int) access.Caller { return dev(parley.UserID(fmt.Sprint("u", i))) }
		for i := range 103 {
			s.Enter("c", user(i), parley.TransportWebSocket)
		}
		time.Sleep(3 * time.Second)
		want := append(slices.Repeat([]string{"user-joined"}, 100), "presence")
		if kinds := got(); !slices.Equal(kinds, want) {
			t.Errorf("103 came: %v", kinds)
		}
		s.Leave("c", user(7), parley.TransportWebSocket)
		time.Sleep(10 * time.Second)
		if kinds := got(); !slices.Equal(kinds, []string{"presence"}) {
			t.Errorf("one of 103 left: %v", kinds)
		}
		here, err := s.Here(t.Context(), dev("bob"), "c", 10)
		if err != nil || here.Count != 102 || len(here.Users) != 10 {
			t.Errorf("%+v, %v", here, err)
		}
	})
}

// What a stream receives about the users it watches: their status, then every change
// within a second, and nothing about users with whom its user shares no channel.
func TestWatchingUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFake()
		s, h := service(t, log)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = s.Run(ctx) }()
		synctest.Wait()
		session := &hub.Session{}
		h.Open(session, wire.FormWS, silent{})
		states := func() (all string) {
			for _, m := range stateOf.FindAllStringSubmatch(string(session.TakeOwn()), -1) {
				all += m[1] + ":" + m[2] + " "
			}
			return all
		}
		expect := func(what, want string) {
			t.Helper()
			time.Sleep(time.Second)
			if got := states(); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		set := func(c access.Caller, users ...parley.UserID) {
			t.Helper()
			if err := s.Watch(t.Context(), c, session, users); err != nil {
				t.Fatal(err)
			}
		}
		zoe := dev("zoe")
		s.Come(dev("alice"), parley.TransportWebSocket)
		set(zoe, "alice", "bob")
		if got := states(); got != "alice:true bob:false " {
			t.Errorf("at once: %q", got)
		}
		expect("nothing happens", "")
		s.Come(dev("alice"), parley.TransportSSE)
		s.Come(dev("bob"), parley.TransportSSE)
		s.Come(dev("carol"), parley.TransportSSE)
		expect("bob came", "bob:true ")
		s.Go(dev("bob"), parley.TransportSSE, false)
		expect("bob may come back", "")
		time.Sleep(2 * time.Second)
		expect("bob left", "bob:false ")
		set(zoe, "carol")
		expect("the set is replaced", "carol:true ")
		s.Come(dev("bob"), parley.TransportSSE)
		expect("bob is not in it", "")
		set(zoe)
		s.Go(dev("carol"), parley.TransportSSE, false)
		time.Sleep(5 * time.Second)
		expect("it is empty", "")

		strict := access.Caller{User: "zoe"}
		for user, channels := range map[parley.UserID][]parley.ChannelID{"zoe": {"a", "c"}, "alice": {"b", "c"}, "bob": {"b", "d"}} {
			for _, channel := range channels {
				role := parley.RoleMember
				if _, _, err := log.SetMember(t.Context(), channel, user, parley.MemberChange{Role: &role}); err != nil {
					t.Fatal(err)
				}
			}
		}
		set(strict, "alice", "bob", "zoe")
		expect("only alice is in a channel with her", "alice:true zoe:false ")
		if _, err := s.Seen(t.Context(), strict, "alice"); err != nil {
			t.Error(err)
		}
		if _, err := s.Seen(t.Context(), strict, "bob"); err == nil || parley.AsError(err).Code != parley.CodeForbidden {
			t.Errorf("zoe asks for bob: %v", err)
		}
		if err := s.Watch(t.Context(), zoe, session, make([]parley.UserID, 501)); err == nil ||
			parley.AsError(err).Code != parley.CodeTooLarge {
			t.Errorf("501 users: %v", err)
		}
		if _, err := s.Here(t.Context(), strict, "private", 1); err == nil || parley.AsError(err).Code != parley.CodeForbidden {
			t.Errorf("who is in a channel of others: %v", err)
		}

		// A stream that reads nothing receives no more than fits; when it reads, it receives the current status.
		set(zoe, "alice")
		states()
		session.Send(make([]byte, 64<<10))
		s.Go(dev("alice"), parley.TransportWebSocket, false)
		s.Go(dev("alice"), parley.TransportSSE, false)
		time.Sleep(4 * time.Second)
		if n := session.Waiting(); n != 64<<10 {
			t.Errorf("%d bytes wait", n)
		}
		session.TakeOwn()
		expect("it reads again", "alice:false ")
	})
}

// In production a stream receives the status of those it watches as long as its user shares a channel with them.
func TestWatchingEndsWithTheLastSharedChannel(t *testing.T) {
	s, h, _ := real(t, chat.Config{Presence: presence.Config{Grace: time.Millisecond}})
	session := &hub.Session{}
	h.Open(session, wire.FormWS, silent{})
	told := ""
	expect := func(what, want string) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(10 * time.Second); len(told) < len(want) && time.Now().Before(deadline); <-tick.C {
			for _, m := range stateOf.FindAllStringSubmatch(string(session.TakeOwn()), -1) {
				told += m[1] + ":" + m[2] + " "
			}
		}
		if told != want {
			t.Errorf("%s: %q, want %q", what, told, want)
		}
		told = ""
	}
	move := func(user parley.UserID, channel parley.ChannelID, in bool) {
		t.Helper()
		var err error
		if in {
			_, err = s.PutMember(t.Context(), dev("root"), channel, user, "")
		} else {
			err = s.RemoveMember(t.Context(), dev("root"), channel, user)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// The status of yan, who shares a channel throughout, arrives after the point where that of bob would.
	bob, yan := access.Caller{User: "bob"}, access.Caller{User: "yan"}
	for _, user := range []parley.UserID{"zoe", "yan"} {
		move(user, "other", true)
	}
	if err := s.Watch(t.Context(), access.Caller{User: "zoe"}, session, []parley.UserID{"bob", "yan"}); err != nil {
		t.Fatal(err)
	}
	expect("no channel with bob", "yan:false ")
	s.Come(bob, parley.TransportSSE)
	move("bob", "a", true)
	move("zoe", "a", true)
	expect("now there is one", "bob:true ")
	move("bob", "b", true)
	move("zoe", "b", true)
	move("bob", "a", false)
	s.Go(bob, parley.TransportSSE, false)
	expect("there is another", "bob:false ")
	move("zoe", "b", false)
	s.Come(bob, parley.TransportSSE)
	s.Come(yan, parley.TransportSSE)
	expect("there is none any more", "yan:true ")
	move("bob", "c", true)
	move("zoe", "c", true)
	expect("one again", "bob:true ")
	if err := s.SetBan(t.Context(), dev("root"), "c", "bob", true); err != nil {
		t.Fatal(err)
	}
	s.Go(bob, parley.TransportSSE, false)
	s.Go(yan, parley.TransportSSE, false)
	expect("bob was banned", "yan:false ")
	move("bob", "d", true)
	move("zoe", "d", true)
	expect("how bob stands", "bob:false ")
	if err := s.Remove(t.Context(), dev("root"), "d"); err != nil {
		t.Fatal(err)
	}
	s.Come(bob, parley.TransportSSE)
	s.Come(yan, parley.TransportSSE)
	expect("the channel was removed", "yan:true ")
}

var stateOf = regexp.MustCompile(`"type":"presence","user":"([a-z]+)","online":(true|false)`)
