package parleytest_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
)

// counted is the latest unread counts that a user received for each channel.
type counted struct {
	mu     sync.Mutex
	unread map[string]int64
	total  int64
}

func (c *counted) note(e client.Event) {
	var f struct {
		Type, Channel string
		Unread, Total int64
	}
	if json.Unmarshal(e.Raw, &f) != nil || f.Type != "unread" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread[f.Channel], c.total = f.Unread, f.Total
}

// The unread counts that users receive come to equal a recount of the log, whichever node they are
// on and whichever node stored the messages, deletions and pointers.
func TestUnreadEqualsARecountOnAllNodes(t *testing.T) {
	for name, faults := range badBuses {
		for over, open := range sharedStores {
			t.Run(name+", over "+over, func(t *testing.T) {
				t.Parallel()
				c := newCluster(t, 3, open, faults)
				users, rooms := []string{"ann", "ben", "cid"}, []string{"r1", "r2"}
				told := map[string]*counted{}
				for i, user := range users {
					for _, room := range rooms {
						c.members[0].call(t, "PUT", "/api/channels/"+room+"/members/"+user+"?user="+user, "", 204)
					}
					told[user] = &counted{unread: map[string]int64{}}
					c.members[i].open(t, user, []client.Transport{client.WebSocket, client.SSE}[i%2], "@"+user, told[user].note)
				}
				read := map[string]map[string]int64{} // pointers, by user and room
				for _, user := range users {
					read[user] = map[string]int64{}
				}
				deleted := map[string]map[int64]bool{"r1": {}, "r2": {}}
				heads := map[string]int64{}
				isMessage := map[string]map[int64]bool{"r1": {}, "r2": {}}
				for i := range 60 {
					m, room := c.members[i%3], rooms[i/3%2]
					ack, err := parleytest.NewClient(m.url, "zoe").Publish(t.Context(), room, client.Draft{Text: fmt.Sprint(i)})
					if err != nil {
						t.Fatal(err)
					}
					heads[room] = ack.ID
					isMessage[room][ack.ID] = true
					switch {
					case i%7 == 3:
						c.members[(i+1)%3].call(t, "DELETE", fmt.Sprint("/api/messages/", room, "/", ack.ID, "?user=zoe"), "", 204)
						deleted[room][ack.ID] = true
						heads[room]++
					case i%5 == 2:
						user := users[i/5%3]
						c.members[(i+2)%3].call(t, "POST", "/api/channels/"+room+"/read?user="+user, fmt.Sprintf(`{"id":%d}`, ack.ID),
							200, 204)
						read[user][room] = ack.ID
					}
				}
				recount := func() {
					t.Helper()
					began := time.Now()
					for _, user := range users {
						for _, room := range rooms {
							want := int64(0)
							for id := range isMessage[room] {
								if id > read[user][room] && !deleted[room][id] {
									want++
								}
							}
							until(t, fmt.Sprintf("%s is told of %d unread in %s", user, want, room), func() bool {
								told[user].mu.Lock()
								defer told[user].mu.Unlock()
								return told[user].unread[room] == want
							})
						}
					}
					t.Logf("what was told last equals a recount after %v", time.Since(began).Round(time.Millisecond))
				}
				recount()
				for i, user := range users { // and nothing follows that would report it
					c.members[(i+1)%3].call(t, "POST", "/api/channels/r1/read?user="+user, fmt.Sprintf(`{"id":%d}`, heads["r1"]), 200)
					read[user]["r1"] = heads["r1"]
				}
				recount()
			})
		}
	}
}
