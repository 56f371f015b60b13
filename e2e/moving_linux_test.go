package e2e_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-server/parley/load/bench"
	"github.com/parley-server/parley/testenv"
)

// Users of one large channel that all move to another node at once are counted correctly on all nodes, and the others
// are not notified of each. PARLEY_FAULTS=full moves 3,000 of them.
func TestUsersWhoMoveAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	users := 300
	if full() {
		users = 3000
	}
	redis := testenv.Service(t, "redis")
	all := nodesOver(t, 3, redis, redis, "--leave-grace", "3s", "--presence-ttl", "10s")
	args := bench.SwarmArgs{Transport: "websocket", Prefix: "square", Channels: 1, Named: true}
	for _, n := range all {
		args.Servers = append(args.Servers, n.URL)
	}
	f, err := bench.StartFleet(t.Context(), testenv.Binary(t), args, users, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	if _, err := f.Open(false, 128, 0); err != nil {
		t.Fatal(err)
	}
	counted := func(want int) (took time.Duration) {
		t.Helper()
		began := time.Now()
		for i, n := range all {
			becomes(t, fmt.Sprint("the count on node ", i), want, func() int {
				var here struct{ Count int }
				_, body := request(t, "GET", n.URL+"/api/channels/square.0/presence", "")
				if err := json.Unmarshal([]byte(body), &here); err != nil {
					t.Fatal(err)
				}
				return here.Count
			})
		}
		return time.Since(began)
	}
	counted(users)
	type heard struct {
		on   int
		line string
	}
	told := make(chan heard, 100_000)
	for i, n := range all {
		conn, _, err := websocket.Dial(t.Context(), n.URL+"/ws/chat/square.0", nil) // a guest, who is not counted
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadLimit(16 << 20)
		t.Cleanup(func() { _ = conn.CloseNow() })
		go func() {
			for {
				_, b, err := conn.Read(t.Context())
				if err != nil {
					return
				}
				for line := range strings.SplitSeq(string(b), "\n") {
					told <- heard{i, line}
				}
			}
		}()
	}
	sent := func() (counts []float64) {
		for _, n := range all {
			_, metrics := request(t, "GET", n.AdminURL+"/metrics", "")
			for line := range strings.Lines(metrics) {
				if v, ok := strings.CutPrefix(line, "parley_presence_messages_total "); ok {
					f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
					if err != nil {
						t.Fatal(err)
					}
					counts = append(counts, f)
				}
			}
		}
		return counts
	}
	for round := range 2 { // a difference is announced after 2 s
		before, began := sent(), time.Now()
		if err := f.Drop(1); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Open(true, users, 0); err != nil {
			t.Fatal(err)
		}
		moved := time.Since(began)
		took := counted(users)
		after := sent()
		for i := range after {
			if rate := (after[i] - before[i]) / time.Since(began).Seconds(); rate > 50_000 {
				t.Errorf("node %d told %.0f clients a second", i, rate)
			}
		}
		t.Logf("round %d: %d users moved in %v and were counted right %v later; presence messages of the nodes %.0f", round, users,
			moved.Round(time.Millisecond), took.Round(time.Millisecond), after)
	}
	joined := map[string]bool{}             // by node and user: the first join may be announced late
	deadline := time.After(5 * time.Second) // what is announced every 2 s arrives in this time
	for {
		select {
		case h := <-told:
			var e struct {
				Type, User   string
				Joined, Left []string
				Count        *int
			}
			if err := json.Unmarshal([]byte(h.line), &e); err != nil {
				t.Fatal(err)
			}
			switch {
			case e.Type == "user-joined": // of the users that came first
				e.Joined = []string{e.User}
			case e.Type == "user-left" || e.Type == "system" || len(e.Left) > 0:
				t.Fatalf("users moved within the grace, and others are told %s", h.line)
			}
			for _, user := range e.Joined {
				key := fmt.Sprint(h.on, " ", user)
				if joined[key] {
					t.Fatalf("%s moved within the grace, and others are told of a second joining", user)
				}
				joined[key] = true
			}
		case <-deadline: // the grace is over too
			counted(users)
			return
		}
	}
}
