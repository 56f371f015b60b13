package limit_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/limit"
)

var here, there = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")

// spent returns how many messages are allowed before one is refused, and the refusal.
func spent(l *limit.Limiter, user parley.UserID, ip netip.Addr, channel parley.ChannelID) (n int, e *parley.Error) {
	for ; n < 10_000 && e == nil; n++ {
		e = l.AllowSend(user, ip, channel)
	}
	return n - 1, e
}

func TestABurstIsThreeSecondsOfARate(t *testing.T) {
	now := time.Unix(1e9, 0)
	for rate, burst := range map[float64]int{10: 30, 1: 3, 0.5: 1, 0.1: 1, 250: 750} {
		l := limit.New(limit.Config{User: rate, Clock: func() time.Time { return now }})
		n, e := spent(l, "alice", here, "general")
		if n != burst || e == nil || e.Code != parley.CodeRateLimited || e.Reason != "rate_user" {
			t.Errorf("at %v a second: %d messages, then %v; want %d", rate, n, e, burst)
			continue
		}
		if n, _ := spent(l, "bob", here, "general"); n != burst {
			t.Errorf("at %v a second alice leaves bob %d messages", rate, n)
		}
		now = now.Add(e.RetryAfter - 1)
		if l.AllowSend("alice", here, "general") == nil {
			t.Errorf("at %v a second one is let through too early", rate)
		}
		now = now.Add(1)
		if e := l.AllowSend("alice", here, "general"); e != nil {
			t.Errorf("at %v a second nobody is let through after RetryAfter: %v", rate, e)
		}
		if l.AllowSend("alice", here, "general") == nil {
			t.Errorf("at %v a second two are let through", rate)
		}
	}
}

func TestEachLimitHasItsReason(t *testing.T) {
	now := time.Unix(1e9, 0)
	clock := func() time.Time { return now }
	for reason, l := range map[string]*limit.Limiter{
		"rate_user":    limit.New(limit.Config{User: 1, Clock: clock}),
		"rate_ip":      limit.New(limit.Config{IP: 1, Clock: clock}),
		"rate_channel": limit.New(limit.Config{Channel: 1, Clock: clock}),
	} {
		if n, e := spent(l, "alice", here, "general"); n != 3 || e.Reason != reason {
			t.Errorf("%s: %d, then %v", reason, n, e)
		}
		for _, other := range []struct {
			reason  string
			user    parley.UserID
			ip      netip.Addr
			channel parley.ChannelID
		}{{"rate_user", "bob", here, "general"}, {"rate_ip", "alice", there, "general"}, {"rate_channel", "alice", here, "lobby"}} {
			if refused := l.AllowSend(other.user, other.ip, other.channel) != nil; refused != (reason != other.reason) {
				t.Errorf("%s: of another %s refused: %t", reason, other.reason, refused)
			}
		}
	}
	l := limit.New(limit.Config{Handshakes: 2, Clock: clock})
	for i := range 7 {
		if e := l.AllowHandshake(here); (e != nil) != (i == 6) || e != nil && (e.Reason != "rate_handshakes" || e.RetryAfter <= 0) {
			t.Errorf("handshake %d: %v", i, e)
		}
	}
	if e := l.AllowHandshake(there); e != nil {
		t.Errorf("another address: %v", e)
	}
}

func TestReadingIsCountedByWhatItCosts(t *testing.T) {
	now := time.Unix(1e9, 0)
	clock := func() time.Time { return now }
	for reason, l := range map[string]*limit.Limiter{
		"reads_user": limit.New(limit.Config{UserReads: 10, Clock: clock}),
		"reads_ip":   limit.New(limit.Config{IPReads: 10, Clock: clock}),
	} {
		n := 0
		var e *parley.Error
		for ; e == nil; n++ {
			e = l.AllowRead("alice", here, 1)
		}
		// bursts of twenty seconds
		if n != 201 || e.Code != parley.CodeRateLimited || e.Reason != reason || e.RetryAfter != 100*time.Millisecond {
			t.Errorf("%s: %d, then %+v", reason, n-1, e)
		}
		if other := l.AllowRead("bob", there, 1); other != nil {
			t.Errorf("%s: another is refused: %v", reason, other)
		}
		// An expensive read is served if anything is left, and the rest is owed, up to a limit.
		now = now.Add(100 * time.Millisecond)
		if e := l.AllowRead("alice", here, 50); e != nil {
			t.Errorf("%s: %v", reason, e)
		}
		l.ChargeRead("alice", here, 50)
		if e := l.AllowRead("alice", here, 1); e == nil || e.RetryAfter != 10*time.Second {
			t.Errorf("%s: owing 99: %+v", reason, e)
		}
		l.ChargeRead("alice", here, 1_000_000)
		now = now.Add(20*time.Second + 100*time.Millisecond)
		if e := l.AllowRead("alice", here, 1); e != nil {
			t.Errorf("%s: owing a million, after as long as a burst: %v", reason, e)
		}
		now = now.Add(time.Hour)
	}
}

func TestCreatedChannelsAreCountedPerDay(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := limit.New(limit.Config{Channels: 4, Clock: func() time.Time { return now }})
	for i := range 5 {
		if e := l.AllowCreate("alice"); (e != nil) != (i == 4) || e != nil && (e.Reason != "channels_user" || e.RetryAfter != 6*time.Hour) {
			t.Errorf("channel %d: %v", i, e)
		}
	}
	if e := l.AllowCreate("bob"); e != nil {
		t.Errorf("another user: %v", e)
	}
	now = now.Add(24 * time.Hour)
	for range 4 {
		if e := l.AllowCreate("alice"); e != nil {
			t.Errorf("the next day: %v", e)
		}
	}
}

func TestRepeatedRefusalsAreDelayed(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := limit.New(limit.Config{User: 1, Clock: func() time.Time { return now }})
	n := 0
	for ; l.NoteRefusal(here) == 0; n++ {
	}
	if n != 10_000 {
		t.Errorf("%d refusals were told at once", n)
	}
	if l.NoteRefusal(here) != time.Second || l.NoteRefusal(there) != 0 || l.NoteRefusal(netip.Addr{}) != 0 {
		t.Error("others wait, or the refused don't")
	}
	now = now.Add(10 * time.Millisecond)
	if l.NoteRefusal(here) != 0 || l.NoteRefusal(here) == 0 {
		t.Error("100 a second are not told at once")
	}
	var none *limit.Limiter
	if none.NoteRefusal(here) != 0 {
		t.Error("without limits somebody waits")
	}
}

func TestOpenStreamsAreCounted(t *testing.T) {
	l := limit.New(limit.Config{PerIP: 3, PerUser: 2})
	reason := func(e *parley.Error) string {
		if e == nil {
			return ""
		}
		if e.Code != parley.CodeRateLimited || e.RetryAfter <= 0 {
			t.Errorf("%v", e)
		}
		return e.Reason
	}
	for i, step := range []struct {
		user parley.UserID
		ip   netip.Addr
		want string
	}{{"alice", here, ""}, {"alice", here, ""}, {"alice", here, "connections_user"}, {"alice", there, "connections_user"},
		{"bob", here, ""}, {"bob", here, "connections_ip"}, {"bob", there, ""}} {
		if got := reason(l.Acquire(step.user, step.ip)); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
	l.Release("alice", here)
	if got := reason(l.Acquire("alice", there)); got != "" {
		t.Errorf("after one went: %q", got)
	}
	for range 5 { // existing streams count, but are never refused
		l.Add("carol", here)
	}
	if got := reason(l.Acquire("dora", here)); got != "connections_ip" {
		t.Errorf("after five came back: %q", got)
	}
}

func TestNoLimitsRefuseNothing(t *testing.T) {
	l := limit.New(limit.Config{})
	if l != nil {
		t.Error("limits without a limit are there")
	}
	if l.AllowSend("alice", here, "general") != nil || l.AllowHandshake(here) != nil || l.Acquire("alice", here) != nil ||
		l.AllowRead("alice", here, 1) != nil || l.AllowCreate("alice") != nil {
		t.Error("something was refused")
	}
	l.Release("alice", here)
	if n, e := spent(limit.New(limit.Config{Handshakes: 1}), "alice", here, "general"); n != 9_999 || e != nil {
		t.Errorf("%d, %v", n, e)
	}
}

// A flood of names and addresses does not take unbounded memory, and does not make the server
// forget which users are too fast now.
func TestAFloodOfNamesIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it is long")
	}
	now := time.Unix(1e9, 0)
	l := limit.New(limit.Config{User: 1, Clock: func() time.Time { return now }})
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range 1_000_000 {
		l.AllowSend(parley.UserID(fmt.Sprintf("user-%d", i)), here, "general")
		if i%1000 == 0 {
			now = now.Add(10 * time.Millisecond) // 100,000 per second
		}
	}
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("a million names take %d MiB", grown>>20)
	}
	runtime.KeepAlive(l)
}

func TestWhereAClientIs(t *testing.T) {
	proxies, err := limit.ParseProxies([]string{"10.0.0.0/8", "192.0.2.7", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"198.51.100.1:5000", nil, "198.51.100.1"},
		{"198.51.100.1:5000", []string{"203.0.113.9"}, "198.51.100.1"}, // not from a trusted proxy
		{"10.0.0.1:5000", nil, "10.0.0.1"},
		{"10.0.0.1:5000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:5000", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"}, // earlier addresses are the client's own
		{"10.0.0.1:5000", []string{"1.1.1.1", "203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:5000", []string{"203.0.113.9, 10.2.3.4"}, "203.0.113.9"},
		{"10.0.0.1:5000", []string{"1.1.1.1, 203.0.113.9, 10.2.3.4,192.0.2.7"}, "203.0.113.9"},
		{"10.0.0.1:5000", []string{"10.0.0.2, 10.0.0.3"}, "10.0.0.2"},
		{"10.0.0.1:5000", []string{"1.1.1.1, nonsense"}, "10.0.0.1"},
		{"10.0.0.1:5000", []string{"1.1.1.1, nonsense, 203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:5000", []string{""}, "10.0.0.1"},
		{"10.0.0.1:5000", []string{"203.0.113.9:1234"}, "203.0.113.9"},
		{"[fd00::1]:5000", []string{"[2001:db8::9]:1234"}, "2001:db8::9"},
		{"[fd00::1]:5000", []string{"2001:db8::9"}, "2001:db8::9"},
		{"[::ffff:10.0.0.1]:5000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"192.0.2.8:5000", []string{"203.0.113.9"}, "192.0.2.8"},
	} {
		if got := proxies.Client(c.remote, http.Header{"X-Forwarded-For": c.forwarded}); got.String() != c.want {
			t.Errorf("%d: %s %v is %s, want %s", i, c.remote, c.forwarded, got, c.want)
		}
	}
	if got := limit.Proxies(nil).Client("not an address", nil); got.IsValid() {
		t.Errorf("%s", got)
	}
	for _, bad := range []string{"", "x", "10.0.0.0/33", "10.0.0", "*"} {
		if _, err := limit.ParseProxies([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestAUserFollowsOnlySoManyChannels(t *testing.T) {
	l := limit.New(limit.Config{Follows: 10})
	fits := func(user parley.UserID, n int, want bool) {
		t.Helper()
		if e := l.Follow(user, n); (e == nil) != want ||
			e != nil && (e.Code != parley.CodeRateLimited || e.Reason != "subscriptions_user" ||
				e.RetryAfter == 0) {
			t.Errorf("%d more channels of %s: %v", n, user, e)
		}
	}
	fits("alice", 7, true)
	fits("alice", 4, false) // all or none
	fits("alice", 3, true)
	fits("alice", 1, false)
	fits("bob", 10, true)
	l.Unfollow("alice", 2)
	fits("alice", 2, true)
	l.Unfollow("alice", 10)
	fits("alice", 10, true)
	if l = limit.New(limit.Config{User: 1}); l.Follow("alice", 1<<30) != nil {
		t.Error("without a limit some are refused")
	}
}

func TestIPv6NetworkIsOneAddress(t *testing.T) {
	group := func(s string) string { return limit.Group(netip.MustParseAddr(s)).String() }
	got := []string{group("2001:db8:1:2:3:4:5:6"), group("2001:db8:1:2::1"), group("2001:db8:1:3::1"), group("::ffff:192.0.2.1"),
		group("192.0.2.1"), group("fe80::1%eth0")}
	if want := []string{"2001:db8:1:2::", "2001:db8:1:2::", "2001:db8:1:3::", "192.0.2.1", "192.0.2.1", "fe80::"}; !slices.Equal(got,
		want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// FuzzForwarded checks that no header makes an untrusted address trusted, or causes a panic.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", "1.1.1.1", "1.1.1.1, 10.0.0.9", "[::1]:80", "fe80::1%eth0", ",,,", "203.0.113.9:", "::ffff:10.0.0.1"} {
		f.Add(s)
	}
	proxies, err := limit.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		h := http.Header{"X-Forwarded-For": {header}}
		if got := proxies.Client("198.51.100.1:1", h); got.String() != "198.51.100.1" {
			t.Errorf("%q made 198.51.100.1 %s", header, got)
		}
		if got := proxies.Client("10.0.0.1:1", h); !got.IsValid() || got.Zone() != "" {
			t.Errorf("%q is %s", header, got)
		}
	})
}
