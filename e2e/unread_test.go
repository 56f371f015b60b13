package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/parley-server/parley/testenv"
)

// Unread and mention counts equal a recount of the readable messages after every kill
// at a random moment during posts, edits, deletions, joins and reads; and no pointer
// moves back.
func TestUnreadEqualsARecountAfterKills(t *testing.T) {
	server := testenv.Server(t)
	seed := rand.Uint64()
	users := []string{"ann", "bob", "cat"}
	pointers := map[string]int64{} // the last ones in an answer
	var mu sync.Mutex
	for life := range 4 {
		ctx, stop := context.WithCancel(t.Context())
		asked := make(chan struct{})
		var busy sync.WaitGroup
		for i, user := range users {
			r := rand.New(rand.NewPCG(seed, uint64(life*10+i)))
			busy.Go(func() {
				for head := int64(1); ctx.Err() == nil; {
					id := 1 + r.Int64N(head+1)
					select {
					case asked <- struct{}{}:
					case <-ctx.Done():
						return
					}
					switch r.IntN(8) {
					case 0, 1, 2:
						var m struct{ ID int64 }
						if demand(ctx, "POST", server.URL+"/api/messages",
							fmt.Sprintf(`{"channel_id":"general","user":%q,"text":"@%s hello"}`, user, users[r.IntN(3)]), &m) == 201 {
							head = m.ID
							mu.Lock()
							pointers[user] = max(pointers[user], m.ID)
							mu.Unlock()
						}
					case 3, 4:
						demand(ctx, "PATCH", fmt.Sprintf("%s/api/messages/general/%d?user=%s", server.URL, id, user),
							fmt.Sprintf(`{"text":"now @%s, %d"}`, users[r.IntN(3)], r.Int()), nil)
					case 5:
						demand(ctx, "DELETE", fmt.Sprintf("%s/api/messages/general/%d?user=%s", server.URL, id, user), "", nil)
					case 6:
						demand(ctx, "PUT", fmt.Sprintf("%s/api/channels/general/members/%s?user=%s", server.URL, user, user), "", nil)
					case 7:
						var p struct {
							ReadID int64 `json:"read_id"`
						}
						if demand(ctx, "POST", server.URL+"/api/channels/general/read?user="+user, fmt.Sprintf(`{"id":%d}`, id),
							&p) == 200 {
							mu.Lock()
							pointers[user] = max(pointers[user], p.ReadID)
							mu.Unlock()
						}
					}
				}
			})
		}
		for range 30 + rand.IntN(200) { // any moment will do
			<-asked
		}
		server.Kill()
		stop()
		busy.Wait()
		server.Restart()
		for _, user := range users {
			recount(t, server.URL, user, pointers[user], seed)
		}
	}
}

// demand makes one request and reads its answer; 0 if there was none.
func demand(ctx context.Context, method, url, body string, into any) int {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || into != nil && resp.StatusCode/100 == 2 && json.Unmarshal(b, into) != nil {
		return 0
	}
	return resp.StatusCode
}

type entry struct {
	ID      int64
	Type    string
	User    string
	Text    string
	Deleted bool
}

func recount(t *testing.T, url, user string, pointer int64, seed uint64) {
	t.Helper()
	var inbox struct {
		Channels []struct {
			Channel                  string
			Unread, Mentions, LastID int64
			ReadID                   int64 `json:"read_id"`
		}
	}
	if status := demand(t.Context(), "GET", url+"/api/channels?user="+user, "", &inbox); status != 200 {
		t.Fatalf("the inbox: %d", status)
	}
	if len(inbox.Channels) == 0 {
		if pointer > 0 {
			t.Fatalf("seed %d: %s was a member and is none", seed, user)
		}
		return
	}
	got := inbox.Channels[0]
	if got.ReadID < pointer {
		t.Errorf("seed %d: %s had read %d, now %d", seed, user, pointer, got.ReadID)
	}
	var unread, mentions int64
	for after := got.ReadID; ; {
		var page []entry
		if status := demand(t.Context(), "GET", fmt.Sprintf("%s/api/messages?channel_id=general&after=%d&limit=1000", url, after), "",
			&page); status != 200 {
			t.Fatalf("reading: %d", status)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			after = e.ID
			if e.Type != "message" || e.Deleted {
				continue
			}
			if unread++; e.User != user && strings.Contains(e.Text, "@"+user) {
				mentions++
			}
		}
	}
	if got.Unread != unread || got.Mentions != mentions {
		t.Errorf("seed %d: %s has %d unread and %d mentions after %d, a recount %d and %d", seed, user, got.Unread, got.Mentions,
			got.ReadID, unread, mentions)
	}
}
