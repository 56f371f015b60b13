package presence_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/presence"
)

func numbered(i int) parley.UserID { return parley.UserID(fmt.Sprint("u", i)) }

func tiers(each, batch int) func(parley.ChannelID) (int, int) {
	return func(parley.ChannelID) (int, int) { return each, batch }
}

func TestTheTiersOfAChannel(t *testing.T) {
	now := begin
	tr := presence.New(presence.Config{Grace: time.Second, Tiers: tiers(3, 6)}, begin)
	enter := func(from, to int, told bool) {
		t.Helper()
		for i := from; i <= to; i++ {
			if tr.Enter("room", numbered(i), "", parley.TransportWebSocket, now) != told {
				t.Errorf("the coming of number %d is told: %v", i, !told)
			}
		}
	}
	leave := func(i int) { tr.Leave("room", numbered(i), "", parley.TransportWebSocket, now) }
	pass := func(d time.Duration, want string) {
		t.Helper()
		now = now.Add(d)
		got := ""
		for _, n := range news(tr, now, 1) {
			switch {
			case n.User != "":
				got += fmt.Sprintf("-%s ", n.User)
			case n.Joined == nil:
				got += fmt.Sprintf("{%d} ", n.Count)
			default:
				got += fmt.Sprintf("{+%s -%s %d} ", names(n.Joined), names(n.Left), n.Count)
			}
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	enter(1, 3, true)
	enter(4, 5, false)
	pass(2*time.Second-1, "")
	pass(1, "{+[u4 u5] -[] 5} ")
	pass(time.Minute, "")
	leave(4)
	pass(time.Second, "") // gone now, announced two seconds later
	enter(6, 6, false)
	pass(2*time.Second, "{+[u6] -[u4] 5} ")
	enter(7, 7, false)
	leave(7)
	pass(time.Minute, "") // came and left between two differences
	leave(6)
	pass(time.Second, "")
	enter(6, 6, false)
	pass(time.Minute, "") // left and came back
	enter(7, 8, false)
	pass(2*time.Second, "{7} ")
	leave(8)
	pass(time.Second, "")
	pass(2*time.Second, "{6} ")
	leave(7)
	pass(time.Second, "")
	pass(2*time.Second, "{+[] -[u7] 5} ")
	leave(5)
	leave(6)
	pass(time.Second, "")
	leave(3) // of three, but a difference is pending: nothing overtakes it
	pass(time.Second, "")
	pass(time.Second, "{+[] -[u3 u5 u6] 2} ")
	leave(2)
	pass(time.Second, "-u2 ")
	enter(2, 2, true)
}

func TestTiersApplyPerChannel(t *testing.T) {
	tr := presence.New(presence.Config{Tiers: func(c parley.ChannelID) (int, int) {
		switch c {
		case "quiet":
			return 0, 0
		case "off":
			return 1, 0
		}
		return 100, 5000
	}}, begin)
	if tr.Enter("off", "alice", "", parley.TransportSSE, begin) {
		t.Error("a channel without news has news")
	}
	if tr.Enter("quiet", "alice", "", parley.TransportSSE, begin) || !tr.Enter("room", "alice", "", parley.TransportSSE, begin) {
		t.Error("one channel's tiers are another's")
	}
	if got := news(tr, begin.Add(2*time.Second), 1); len(got) != 1 || got[0].Joined != nil || got[0].Count != 1 {
		t.Errorf("%+v", got)
	}
}

func TestALargeDifferenceIsSentInParts(t *testing.T) {
	tr := presence.New(presence.Config{Tiers: tiers(0, 5000)}, begin)
	for i := range 2500 {
		tr.Enter("room", numbered(i), "", parley.TransportWebSocket, begin)
	}
	got := news(tr, begin.Add(presence.Every), 1)
	all := map[parley.UserID]bool{}
	for _, n := range got {
		if len(n.Joined) > 1000 || n.Count != 2500 {
			t.Errorf("%d names and the count %d in one", len(n.Joined), n.Count)
		}
		for _, u := range n.Joined {
			all[u] = true
		}
	}
	if len(got) != 3 || len(all) != 2500 {
		t.Errorf("%d users in %d parts", len(all), len(got))
	}
}

// A storm: 20,000 users join one channel in ten seconds. The number of messages is
// bounded by the tiers, the count is right at the end, and no message names more users
// than allowed.
func TestAStormOfJoins(t *testing.T) {
	const users, lasts = 20_000, 10 * time.Second
	tr := presence.New(presence.Config{}, begin)
	told, last, received := 0, 0, 0
	var latest time.Time
	tell := func(now time.Time, count int) {
		told++
		received += count
		last, latest = count, now
		tr.ChargeBudget(count)
	}
	for i := range users {
		now := begin.Add(lasts * time.Duration(i) / users)
		for {
			n, ok := tr.Next(now)
			if !ok {
				break
			}
			tell(now, n.Count)
			if n.Count > 5000 && n.Joined != nil {
				t.Errorf("users are named in a channel of %d", n.Count)
			}
		}
		if tr.Enter("room", numbered(i), "", parley.TransportWebSocket, now) {
			tell(now, i+1)
		}
	}
	for now := begin.Add(lasts); now.Before(begin.Add(2 * lasts)); now = now.Add(50 * time.Millisecond) {
		for _, n := range news(tr, now, 0) {
			tell(now, n.Count)
		}
	}
	// 100 at once; within 10 s five differences, of which the one that reaches 5,000 may have five parts; one after.
	if most := 100 + 5 + 5 + 1; told > most || last != users || latest.After(begin.Add(lasts+presence.Every)) {
		t.Errorf("%d messages, at most %d were due; the last says %d, %v after the storm", told, most, last, latest.Sub(begin.Add(lasts)))
	}
	if most := 100*100/2 + 6*users; received > most {
		t.Errorf("%d were received, at most %d were due", received, most)
	}
	t.Logf("%d users joined in %v: %d messages, received %d times", users, lasts, told, received)
}

// Very many small channels whose users leave and return, as when a proxy restarts: in no second more
// is sent than the budget and one message, and in the end the streams know who is present.
func TestTheBudgetOfANode(t *testing.T) {
	const budget, channels, each = 1000, 400, 12
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	tr := presence.New(presence.Config{Budget: budget, Grace: time.Second}, begin)
	known := map[parley.ChannelID]map[parley.UserID]bool{} // what the streams have received
	counts := map[parley.ChannelID]int{}
	here := map[parley.ChannelID]map[parley.UserID]bool{}
	var sent []time.Duration // one for each message that was received
	at := time.Duration(0)
	receive := func(n presence.News, joined parley.UserID) {
		to := len(here[n.Channel]) + 1
		for range to {
			sent = append(sent, at)
		}
		if known[n.Channel] == nil {
			known[n.Channel] = map[parley.UserID]bool{}
		}
		for _, u := range append(n.Joined, joined) {
			known[n.Channel][u] = true
		}
		for _, u := range append(n.Left, n.User) {
			delete(known[n.Channel], u)
		}
		delete(known[n.Channel], "")
		counts[n.Channel] = len(known[n.Channel])
		if n.User == "" && joined == "" {
			counts[n.Channel] = n.Count
		}
		tr.ChargeBudget(to)
	}
	drain := func() {
		for {
			n, ok := tr.Next(begin.Add(at))
			if !ok {
				return
			}
			receive(n, "")
		}
	}
	for ; at < 5*time.Second; at += time.Millisecond {
		for range 4 {
			c, u := parley.ChannelID(fmt.Sprint("c", r.IntN(channels))), numbered(r.IntN(each))
			if here[c] == nil {
				here[c] = map[parley.UserID]bool{}
			}
			if here[c][u] {
				tr.Leave(c, u, "", parley.TransportWebSocket, begin.Add(at))
				delete(here[c], u)
			} else if here[c][u] = true; tr.Enter(c, u, "", parley.TransportWebSocket, begin.Add(at)) {
				receive(presence.News{Channel: c}, u)
			}
		}
		drain()
	}
	if tr.Counts().Deferred == 0 {
		t.Error("nothing was put off: the test does not reach the budget")
	}
	for ; at < 60*time.Second; at += 50 * time.Millisecond {
		drain()
	}
	for c := range here {
		if len(known[c]) != len(here[c]) || counts[c] != len(here[c]) {
			t.Errorf("seed %d: %s has %d users, %d are known and %d counted", seed, c, len(here[c]), len(known[c]), counts[c])
		}
	}
	first := 0
	for i, when := range sent {
		for when-sent[first] >= time.Second {
			first++
		}
		// A full budget and its growth in one second.
		if in := i - first + 1; in > 2*budget+each+1 {
			t.Fatalf("seed %d: %d messages in the second before %v", seed, in, when)
		}
	}
}
