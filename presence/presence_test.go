package presence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/presence"
)

var begin = time.Unix(1_774_684_800, 0)

// A step is one call at a time: "+alice" enters and is announced, "(+alice)" enters
// unnoticed, "?alice" polls and is announced, "(?alice)" unnoticed, "-alice" closes one
// connection, "gone: alice bob" are the departures that Next returns.
type step struct {
	at   time.Duration
	does string
}

func TestArrivalsAndDepartures(t *testing.T) {
	const s = time.Second
	for name, steps := range map[string][]step{
		"a user comes and goes": {{0, "+alice"}, {s, "-alice"}, {3 * s, "gone:"}, {4*s - 1, "gone:"}, {4 * s, "gone: alice"}, {9 * s, "gone:"}},
		"five tabs are one user": {{0, "+alice"}, {0, "(+alice)"}, {0, "(+alice)"}, {0, "(+alice)"}, {0, "(+alice)"}, {s, "-alice"}, {s,
			"-alice"},
			{s, "-alice"}, {s, "-alice"}, {9 * s, "gone:"}, {9 * s, "-alice"}, {12 * s, "gone: alice"}},
		"a return within the grace is not told": {{0, "+alice"}, {s, "-alice"}, {3 * s, "(+alice)"}, {9 * s, "gone:"}},
		"the grace begins again after a return": {{0, "+alice"}, {s, "-alice"}, {2 * s, "(+alice)"}, {3 * s, "-alice"},
			{4 * s, "gone:"}, {6*s - 1, "gone:"}, {6 * s, "gone: alice"}, {9 * s, "gone:"}},
		"a return after the grace is told":          {{0, "+alice"}, {s, "-alice"}, {4 * s, "gone: alice"}, {5 * s, "+alice"}, {9 * s, "gone:"}},
		"a return before it was told that one left": {{0, "+alice"}, {s, "-alice"}, {9 * s, "(+alice)"}, {9 * s, "gone:"}},
		"they go in their order":                    {{0, "+bob"}, {0, "+alice"}, {s, "-alice"}, {s, "-bob"}, {9 * s, "gone: alice bob"}},
		"who is not there can't leave": {{0, "-alice"}, {9 * s, "gone:"}, {9 * s, "+alice"}, {10 * s, "-alice"}, {13 * s,
			"gone: alice"}},
		"who polled stays for the lease": {{0, "?alice"}, {60*s - 1, "gone:"}, {60 * s, "gone: alice"}},
		"a poll renews the lease":        {{0, "?alice"}, {30 * s, "(?alice)"}, {89 * s, "gone:"}, {90 * s, "gone: alice"}},
		"renewing goes to the end": {{0, "?alice"}, {s, "?bob"}, {2 * s, "(?alice)"}, {61 * s, "gone: " +
			"bob"}, {62 * s, "gone: alice"}},
		"a connection outlives the lease": {{0, "?alice"}, {s, "(+alice)"}, {70 * s, "gone:"}, {70 * s, "-alice"}, {73 * s, "gone: " +
			"alice"}},
		"who polls on beside a connection stays": {{0, "+alice"}, {s, "(?alice)"}, {2 * s, "(?alice)"}, {3 * s, "-alice"}, {61 * s,
			"gone:"}, {62 * s, "gone: alice"}},
		"polls before a connection end with it": {{0, "?alice"}, {s, "(?alice)"}, {s, "(?alice)"}, {2 * s, "(+alice)"}, {3 * s, "-alice"},
			{6*s - 1, "gone:"}, {6 * s, "gone: alice"}},
		"one poll beside a connection ends with it": {{0, "+alice"}, {s, "(?alice)"}, {2 * s, "-alice"}, {5*s - 1, "gone:"}, {5 * s, "gone: " +
			"alice"}},
		"two polls that are far apart are none": {{0, "+alice"}, {s, "(?alice)"}, {61 * s, "gone:"}, {70 * s, "(?alice)"}, {71 * s,
			"-alice"}, {74 * s, "gone: alice"}},
		"a poll ends with the last connection only": {{0, "?alice"}, {s, "(+alice)"}, {s, "(+alice)"}, {2 * s, "-alice"}, {9 * s, "gone:"},
			{9 * s, "-alice"}, {12 * s, "gone: alice"}},
		"polls after a connection count": {{0, "+alice"}, {s, "-alice"}, {2 * s, "(?alice)"}, {61 * s, "gone:"}, {62 * s, "gone: " +
			"alice"}},
		"the grace outlives the lease": {{0, "?alice"}, {s, "(+alice)"}, {59 * s, "-alice"}, {61 * s, "gone:"}, {62 * s, "gone: " +
			"alice"}},
		"who is gone polls again and is told": {{0, "?alice"}, {60 * s, "gone: alice"}, {61 * s, "?alice"}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := presence.New(presence.Config{}, begin)
			for i, st := range steps {
				now := begin.Add(st.at)
				user := parley.UserID(strings.Trim(st.does, "(+-?)"))
				switch {
				case strings.HasPrefix(st.does, "gone:"):
					if got := gone(tr, now); got != st.does {
						t.Errorf("step %d at %v: %q, want %q", i, st.at, got, st.does)
					}
				case st.does[0] == '-':
					tr.Leave("room", user, "", parley.TransportWebSocket, now)
				default:
					joined := false
					if strings.Contains(st.does, "?") {
						joined = tr.Asked("room", user, "", parley.TransportPoll, now)
					} else {
						joined = tr.Enter("room", user, "", parley.TransportWebSocket, now)
					}
					if joined != (st.does[0] != '(') {
						t.Errorf("step %d: %s is told: %v", i, st.does, joined)
					}
				}
			}
		})
	}
}

// news returns everything to send, each message being received by a number of receivers.
func news(tr *presence.Tracker, now time.Time, receivers int) (all []presence.News) {
	for {
		n, ok := tr.Next(now)
		if !ok {
			return all
		}
		all = append(all, n)
		tr.ChargeBudget(receivers)
	}
}

func gone(tr *presence.Tracker, now time.Time) string {
	words := []string{"gone:"}
	for _, n := range news(tr, now, 1) {
		words = append(words, string(n.User))
	}
	return strings.Join(words, " ")
}

func TestChannelsAndUsersAreApart(t *testing.T) {
	tr := presence.New(presence.Config{}, begin)
	for _, c := range []parley.ChannelID{"a", "b", "aa"} {
		for _, u := range []parley.UserID{"a", "b", "aa"} {
			if !tr.Enter(c, u, "", parley.TransportWebSocket, begin) {
				t.Errorf("%s in %s was there already", u, c)
			}
		}
	}
	tr.Leave("a", "aa", "Aa", parley.TransportWebSocket, begin)
	got := news(tr, begin.Add(3*time.Second), 1)
	if want := (presence.News{Channel: "a", User: "aa", Name: "Aa", Count: 2}); len(got) != 1 || got[0].User != want.User ||
		got[0].Channel != want.Channel ||
		got[0].Name != "Aa" ||
		got[0].Count != 2 {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestHereReportsTimesAndTransports(t *testing.T) {
	tr := presence.New(presence.Config{}, begin)
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	here := func(limit int) string {
		h := tr.Here("room", limit)
		s := fmt.Sprint(h.Count)
		for _, u := range h.Users {
			s += fmt.Sprintf(" %s:%d%v", u.User, (u.Since-parley.Timestamp(begin.UnixMicro()))/1e6, u.Transports.Names())
		}
		return s
	}
	expect := func(want string) {
		t.Helper()
		if got := here(9); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	expect("0")
	tr.Enter("room", "bob", "", parley.TransportWebSocket, at(0))
	expect("1 bob:0[websocket]")
	tr.Enter("room", "alice", "", parley.TransportSSE, at(1))
	tr.Enter("room", "bob", "", parley.TransportSSE, at(2))
	tr.Enter("room", "bob", "", parley.TransportLongPoll, at(2))
	tr.Enter("room", "bob", "", parley.TransportWebSocket, at(2))
	tr.Asked("room", "carol", "", parley.TransportPoll, at(3))
	expect("3 alice:1[sse] bob:0[websocket sse long-poll] carol:3[poll]")
	tr.Leave("room", "bob", "", parley.TransportWebSocket, at(4))
	tr.Leave("room", "bob", "", parley.TransportLongPoll, at(4))
	tr.Asked("room", "bob", "", parley.TransportLongPoll, at(4))
	expect("3 alice:1[sse] bob:0[websocket sse long-poll] carol:3[poll]")
	tr.Leave("room", "alice", "", parley.TransportSSE, at(5))
	expect("3 alice:1[] bob:0[websocket sse long-poll] carol:3[poll]")
	gone(tr, at(8))
	expect("2 bob:0[websocket sse long-poll] carol:3[poll]")
	gone(tr, at(64))
	expect("1 bob:0[websocket sse]")
	tr.Leave("room", "bob", "", parley.TransportWebSocket, at(65))
	tr.Leave("room", "bob", "", parley.TransportSSE, at(65))
	gone(tr, at(68))
	expect("0")
}

// A load test, or a user with a thousand robots, has more connections than a small counter can count.
func TestAUserMayHaveVeryManyConnections(t *testing.T) {
	const n = 1<<16 + 100
	tr := presence.New(presence.Config{}, begin)
	for i := range n {
		if tr.Enter("room", "alice", "", parley.TransportSSE, begin) != (i == 0) {
			t.Fatalf("connection %d", i)
		}
	}
	for range n - 1 {
		tr.Leave("room", "alice", "", parley.TransportSSE, begin)
	}
	if got := gone(tr, begin.Add(time.Minute)); got != "gone:" {
		t.Errorf("one connection is open: %s", got)
	}
	tr.Leave("room", "alice", "", parley.TransportSSE, begin.Add(time.Minute))
	if got := gone(tr, begin.Add(2*time.Minute)); got != "gone: alice" {
		t.Errorf("none is open: %s", got)
	}
}

func TestAUserIsOnlineByAnyConnection(t *testing.T) {
	tr := presence.New(presence.Config{}, begin)
	tr.Enter("", "alice", "", parley.TransportWebSocket, begin)
	tr.Asked("", "bob", "", parley.TransportPoll, begin)
	if !tr.Online("alice") || !tr.Online("bob") || tr.Online("carol") || tr.Users() != 2 {
		t.Errorf("%v %v %v, %d", tr.Online("alice"), tr.Online("bob"), tr.Online("carol"), tr.Users())
	}
	tr.Leave("", "alice", "", parley.TransportWebSocket, begin)
	for at, want := range map[time.Duration][]parley.UserID{3*time.Second - 1: {"alice", "bob"}} {
		for _, u := range want {
			if news(tr, begin.Add(at), 0); !tr.Online(u) {
				t.Errorf("%s is not online after %v", u, at)
			}
		}
	}
	if got := news(tr, begin.Add(3*time.Second), 0); tr.Online("alice") || !tr.Online("bob") || got != nil {
		t.Errorf("%v %v, and a channel is told %v", tr.Online("alice"), tr.Online("bob"), got)
	}
	if news(tr, begin.Add(time.Minute), 0); tr.Online("bob") || tr.Users() != 0 {
		t.Error("bob's lease does not end")
	}
}

func names(ids []parley.UserID) string { return fmt.Sprint(slices.Sorted(slices.Values(ids))) }
