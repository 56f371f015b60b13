package parleytest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-server/parley"
	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/parleytest"
)

// Nodes whose clocks are hours apart: nothing is lost, repeated or reordered, timestamps rise, users are seen on all nodes,
// and unread counts are right.
func TestClocksOfNodesMayBeHoursApart(t *testing.T) {
	for over, open := range sharedStores {
		t.Run("over "+over, func(t *testing.T) {
			t.Parallel()
			c := newClusterAt(t, 3, open, parleytest.BusFaults{}, func(node int) func() time.Time {
				return func() time.Time { return time.Now().Add(time.Duration(node-1) * time.Hour) }
			})
			var joined witness
			for i, m := range c.members {
				m.open(t, fmt.Sprint("keeper", i), client.SSE, "lobby", func(client.Event) {})
			}
			c.members[0].open(t, "witness", client.WebSocket, "room", joined.note)
			c.knowEachOther(t)
			leave := c.members[2].open(t, "alice", client.WebSocket, "room", func(client.Event) {})
			until(t, "alice is seen on another node", func() bool { return joined.of("alice") == "[+alice]" })

			r, err := load.Run(t.Context(), load.Config{Servers: []string{c.url}, For: long(t, 2*time.Second), DropOdds: 20, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if t.Log(r); !r.OK() || r.Resets != 0 || r.Acknowledged == 0 {
				t.Errorf("%+v", r)
			}
			for i := range 30 { // alternating between the nodes
				if _, err := parleytest.NewClient(c.members[i%3].url, "tess").Publish(t.Context(), "room", client.Draft{Text: "x"}); err != nil {
					t.Fatal(err)
				}
			}
			last := parley.Timestamp(0)
			for _, m := range entries(t, c.members[0], "room") {
				if m.Time <= last {
					t.Errorf("message %d is of %v, the one before of %v", m.ID, m.Time, last)
				}
				last = m.Time
			}
			if joined.of("alice") != "[+alice]" { // alice is present all the time, longer than a node's lease
				t.Errorf("others were told %s", joined.of("alice"))
			}
			leave()
			until(t, "alice is seen to leave", func() bool { return joined.of("alice") == "[+alice -alice]" })
		})
	}
}
