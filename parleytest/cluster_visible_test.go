package parleytest_test

import (
	"fmt"
	"testing"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
)

// Every node knows whether a user has a visible connection on any node.
func TestAHiddenUserIsHiddenOnAllNodes(t *testing.T) {
	for _, over := range []string{"memory", "redis"} {
		t.Run("over "+over, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3, sharedStores[over], parleytest.BusFaults{})
			for i, m := range c.members {
				m.open(t, fmt.Sprint("keeper", i), client.SSE, "lobby", func(client.Event) {})
			}
			c.knowEachOther(t)
			want := func(what string, visible bool) {
				t.Helper()
				for i, m := range c.members {
					until(t, fmt.Sprintf("%s: visible is %v on node %d", what, visible, i), func() bool {
						got, err := m.chat.Visible(t.Context(), "alice", "nobody")
						return err == nil && got[0] == visible && !got[1]
					})
				}
			}
			look := func(s *client.Socket, state string) {
				t.Helper()
				if err := s.SendRaw(t.Context(), fmt.Appendf(nil, `{"type":"visibility","state":%q}`, state)); err != nil {
					t.Fatal(err)
				}
			}
			dial := func(node int, channel string) *client.Socket {
				t.Helper()
				s, err := parleytest.NewClient(c.members[node].url, "alice").Dial(t.Context(), channel, client.Position{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.CloseNow() })
				return s
			}
			want("she is not here", false)
			one, two := dial(0, "room"), dial(1, "other")
			want("two connections", true)
			look(one, "hidden")
			want("one of them is hidden", true)
			look(two, "hidden")
			want("both are", false)
			look(one, "visible")
			want("one shows again", true)
			_ = one.CloseNow()
			want("which is closed", false)
			_ = two.CloseNow()
			want("and the other", false)
			dial(2, "room")
			want("she is back", true)
		})
	}
}
