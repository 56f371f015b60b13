package presence_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"parley"
	"parley/presence"
)

// A step is one call at a moment: "+alice" enters and is told, "(+alice)" enters
// unnoticed, "-alice" leaves one connection, "gone: alice bob" is what Due returns.
type step struct {
	at   time.Duration
	does string
}

func TestComingAndGoing(t *testing.T) {
	const s = time.Second
	for name, steps := range map[string][]step{
		"a user comes and goes": {{0, "+alice"}, {s, "-alice"}, {3 * s, "gone:"}, {4*s - 1, "gone:"}, {4 * s, "gone: alice"}, {9 * s, "gone:"}},
		"a tab more is not told": {{0, "+alice"}, {0, "(+alice)"}, {s, "-alice"}, {9 * s, "gone:"},
			{9 * s, "-alice"}, {12 * s, "gone: alice"}},
		"a return within the grace is not told": {{0, "+alice"}, {s, "-alice"}, {3 * s, "(+alice)"}, {9 * s, "gone:"}},
		"after a return the grace begins anew": {{0, "+alice"}, {s, "-alice"}, {2 * s, "(+alice)"}, {3 * s, "-alice"},
			{4 * s, "gone:"}, {6*s - 1, "gone:"}, {6 * s, "gone: alice"}, {9 * s, "gone:"}},
		"a return after the grace is told":          {{0, "+alice"}, {s, "-alice"}, {4 * s, "gone: alice"}, {5 * s, "+alice"}, {9 * s, "gone:"}},
		"a return before it was told that one left": {{0, "+alice"}, {s, "-alice"}, {9 * s, "(+alice)"}, {9 * s, "gone:"}},
		"they go in their order":                    {{0, "+bob"}, {0, "+alice"}, {s, "-alice"}, {s, "-bob"}, {9 * s, "gone: alice bob"}},
		"who is not there can't leave":              {{0, "-alice"}, {9 * s, "gone:"}, {9 * s, "+alice"}, {10 * s, "-alice"}, {13 * s, "gone: alice"}},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Unix(1000, 0)
			tr := presence.New(presence.Config{})
			for i, st := range steps {
				now := begin.Add(st.at)
				user := parley.UserID(strings.Trim(st.does, "(+-)"))
				switch {
				case strings.HasPrefix(st.does, "gone:"):
					if got := gone(tr, now); got != st.does {
						t.Errorf("step %d at %v: %q, want %q", i, st.at, got, st.does)
					}
				case st.does[0] == '-':
					tr.Leave("room", user, "", now)
				default:
					if joined := tr.Enter("room", user); joined != (st.does[0] == '+') {
						t.Errorf("step %d: %s is told: %v", i, st.does, joined)
					}
				}
			}
		})
	}
}

func gone(tr *presence.Tracker, now time.Time) string {
	words := []string{"gone:"}
	for _, d := range tr.Due(now) {
		words = append(words, string(d.User))
	}
	return strings.Join(words, " ")
}

func TestALargeChannelIsSilent(t *testing.T) {
	now := time.Unix(1000, 0)
	tr := presence.New(presence.Config{Grace: time.Second})
	user := func(i int) parley.UserID { return parley.UserID(fmt.Sprint("u", i)) }
	for i := 1; i <= 102; i++ {
		if joined := tr.Enter("room", user(i)); joined != (i <= 100) {
			t.Errorf("the coming of number %d is told: %v", i, joined)
		}
	}
	for i, want := range map[int]int{1: 0, 2: 0} { // of 102, then of 101
		tr.Leave("room", user(i), "", now)
		if now = now.Add(time.Second); len(tr.Due(now)) != want {
			t.Errorf("the going of number %d is told", i)
		}
	}
	tr.Leave("room", user(3), "", now)
	if now = now.Add(time.Second); len(tr.Due(now)) != 1 {
		t.Error("of 100 one went and it was not told")
	}
	if !tr.Enter("room", user(3)) {
		t.Error("the 100th came and it was not told")
	}
}

func TestChannelsAndUsersAreApart(t *testing.T) {
	now := time.Unix(1000, 0)
	tr := presence.New(presence.Config{})
	for _, c := range []parley.ChannelID{"a", "b", "aa"} {
		for _, u := range []parley.UserID{"a", "b", "aa"} {
			if !tr.Enter(c, u) {
				t.Errorf("%s in %s was there already", u, c)
			}
		}
	}
	tr.Leave("a", "aa", "Aa", now)
	got := tr.Due(now.Add(3 * time.Second))
	if want := (presence.Departure{Channel: "a", User: "aa", Name: "Aa"}); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
