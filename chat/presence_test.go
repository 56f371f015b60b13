package chat_test

import (
	"context"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley"
	"parley/hub"
	"parley/wire"
)

type silent struct{}

func (silent) Ring() {}

var kindOf = regexp.MustCompile(`"type":"([a-z-]+)"`)

// watch follows a channel as a user; the function returns the kinds of events that
// came since it was last asked.
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
			b, err := s.Take(as, 1<<20, 1<<20)
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

func TestTypingIsToldOnceInTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := service(t, &fake{})
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

func TestWhoLeavesIsToldAfterTheGraceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := service(t, &fake{})
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
		s.Enter("c", alice, parley.WebSocket)
		expect("she came", "user-joined")
		s.Enter("c", alice, parley.WebSocket)
		s.Leave("c", alice, parley.WebSocket)
		time.Sleep(10 * time.Second)
		expect("a tab came and went")
		s.Leave("c", alice, parley.WebSocket)
		time.Sleep(2 * time.Second)
		s.Enter("c", alice, parley.WebSocket)
		time.Sleep(10 * time.Second)
		expect("she reloaded the page")
		s.Leave("c", alice, parley.WebSocket)
		time.Sleep(2900 * time.Millisecond)
		expect("she may still come back")
		time.Sleep(200 * time.Millisecond)
		expect("she left", "system", "user-left")
		time.Sleep(10 * time.Second)
		expect("once")
		s.Enter("c", dev(parley.Guest), parley.SSE)
		s.Leave("c", dev(parley.Guest), parley.SSE)
		time.Sleep(10 * time.Second)
		expect("a guest came and went")
	})
}
