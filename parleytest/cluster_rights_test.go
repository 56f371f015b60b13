package parleytest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
)

// call makes one request of a node and demands one of two statuses.
func (m *member) call(t *testing.T, method, path, body string, status int, or ...int) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, m.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status && (len(or) == 0 || resp.StatusCode != or[0]) {
		t.Fatalf("%s %s: %s: %s, %v; want %d", method, path, resp.Status, answer, err, status)
	}
	return answer
}

// One second after a user was removed or banned, the user receives nothing: by no transport, on no
// node, not by resuming, and not even when the bus is down.
func TestARemovedMemberReceivesNothingOnAnyNode(t *testing.T) {
	for name, faults := range badBuses {
		for i, over := range []string{"memory, projected", "redis", "memory", "redis"} {
			banned := i > 1
			t.Run(name+map[bool]string{true: ", banned"}[banned]+", over "+over, func(t *testing.T) {
				t.Parallel()
				c := newCluster(t, 3, sharedStores[over], faults)
				admin := c.members[0]
				admin.call(t, "PUT", "/api/channels/secret?user=admin", `{"kind":"members"}`, 200)
				admin.call(t, "PUT", "/api/channels/secret/members/tess?user=admin", "", 204)

				ctx, stop := context.WithCancel(context.Background())
				var running sync.WaitGroup
				t.Cleanup(func() { stop(); running.Wait() })
				var last atomic.Int64 // last id that tess received
				var streams, ended atomic.Int32
				for _, m := range c.members {
					for _, via := range client.Transports() {
						s := parleytest.NewClient(m.url, "tess").Subscribe("secret", client.Options{From: client.At(0), Transport: via})
						streams.Add(1)
						running.Go(func() {
							defer s.Close()
							for {
								e, err := s.Next(ctx)
								if refused, ok := errors.AsType[*client.Error](err); ok && refused.Code == "forbidden" {
									ended.Add(1)
									return
								}
								if err != nil {
									return
								}
								for id := e.ID; id > last.Load(); {
									last.Store(max(id, last.Load()))
								}
							}
						})
					}
				}
				var head atomic.Int64
				publishing, enough := context.WithCancel(ctx)
				for i, m := range c.members {
					running.Go(func() {
						p := parleytest.NewClient(m.url, "admin")
						for n := 0; publishing.Err() == nil; n++ {
							ack, err := p.Publish(publishing, "secret", client.Draft{Text: fmt.Sprint(i, n)})
							if err == nil {
								for id := ack.ID; id > head.Load(); {
									head.Store(max(id, head.Load()))
								}
							}
							time.Sleep(2 * time.Millisecond) // often enough
						}
					})
				}
				until(t, "tess reads", func() bool { return last.Load() > 50 })
				if banned {
					c.members[1].call(t, "PUT", "/api/channels/secret/bans/tess?user=admin", "", 204)
				} else {
					c.members[1].call(t, "DELETE", "/api/channels/secret/members/tess?user=admin", "", 204)
				}
				time.Sleep(time.Second)  // the second that reliability.md promises
				most := head.Load() + 10 // and what was acknowledged while checking
				until(t, "more is published", func() bool { return head.Load() > most+100 })
				enough()
				if last.Load() > most {
					t.Errorf("tess was given %d, and a second after the removal the head was %d", last.Load(), most)
				}
				until(t, "all streams end", func() bool { return ended.Load() == streams.Load() })
				for _, m := range c.members {
					m.call(t, "GET", "/api/messages?channel_id=secret&user=tess&after=0", "", 403)
				}
			})
		}
	}
}

// A deleted message is not served by a node that has received the deletion, even if another node deleted it.
func TestDeletedTextIsNotServedAfterItsDeletionWasDelivered(t *testing.T) {
	for name, faults := range badBuses {
		for _, over := range []string{"memory, projected", "redis"} {
			t.Run(name+", over "+over, func(t *testing.T) {
				t.Parallel()
				c := newCluster(t, 3, sharedStores[over], faults)
				deleted := make([]chan int64, 3) // on each node
				for i, m := range c.members {
					deleted[i] = make(chan int64, 1000)
					m.open(t, "reader", []client.Transport{client.WebSocket, client.SSE, client.LongPoll}[i], "room", func(e client.Event) {
						var f struct{ Change string }
						if json.Unmarshal(e.Raw, &f) == nil && e.Type == "message-changed" && f.Change == "delete" {
							deleted[i] <- e.Of
						}
					})
				}
				rounds := 12
				var reading sync.WaitGroup
				for i, m := range c.members {
					reading.Go(func() {
						gone := map[int64]bool{}
						for range rounds {
							select {
							case of := <-deleted[i]:
								gone[of] = true
							case <-time.After(30 * time.Second):
								t.Errorf("node %d: %d deletions never came", i, rounds-len(gone))
								return
							}
							for _, via := range client.Transports() {
								m.readsNothingOf(t, via, gone)
							}
						}
					})
				}
				for i := range rounds {
					post, edit, del := c.members[i%3], c.members[(i+1)%3], c.members[(i+2)%3]
					ack, err := parleytest.NewClient(post.url, "tess").Publish(
						t.Context(),
						"room",
						client.Draft{Text: fmt.Sprint("s3cret ", i)},
					)
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range c.members { // this fills pages
						m.call(t, "GET", "/api/messages?channel_id=room&after=0&user=x", "", 200)
					}
					edit.call(t, "PATCH", fmt.Sprint("/api/messages/room/", ack.ID), `{"user":"tess","text":"s3cret edited"}`, 200)
					del.call(t, "DELETE", fmt.Sprint("/api/messages/room/", ack.ID, "?user=tess"), "", 204)
				}
				reading.Wait()
			})
		}
	}
}

// readsNothingOf reads a channel from its beginning, and demands that the text of deleted messages
// does not occur in it.
func (m *member) readsNothingOf(t *testing.T, via client.Transport, gone map[int64]bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := parleytest.NewClient(m.url, "later")
	head, err := c.Head(ctx, "room")
	if err != nil {
		t.Error(err)
		return
	}
	s, err := c.Open(ctx, via, "room", client.At(0))
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	for at := int64(0); at < head.Last; {
		e, err := s.Next(ctx)
		if err != nil {
			t.Errorf("%s at %d of %d: %v", via, at, head.Last, err)
			return
		}
		if e.ID == 0 {
			continue
		}
		if at = e.ID; (gone[e.ID] || gone[e.Of]) && strings.Contains(string(e.Raw), "s3cret") {
			t.Errorf("%s: after its deletion %d is %s", via, e.ID, e.Raw)
		}
	}
}

// A message that is sent several times with its key, to any nodes at the same time, is stored once.
func TestKeyIdentifiesOneMessageOnAllNodes(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"memory, projected", "redis"} {
		t.Run("over "+over, func(t *testing.T) { keyIsOneMessage(t, sharedStores[over]) })
	}
}

func keyIsOneMessage(t *testing.T, open opener) {
	t.Parallel()
	c := newCluster(t, 3, open, parleytest.BusFaults{Lose: 0.2, Repeat: 0.2})
	for n := range 50 {
		ids := make([]int64, 6)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				ack, err := parleytest.NewClient(c.members[i%3].url, "tess").Publish(t.Context(), "room",
					client.Draft{Text: fmt.Sprint(n), Key: fmt.Sprint("key", n)})
				if ids[i] = ack.ID; err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, id := range ids {
			if id != int64(n+1) {
				t.Fatalf("message %d has the ids %v", n+1, ids)
			}
		}
	}
}

// A node that cannot read whose rights were reduced sends nothing to members until it can, but still
// sends what is public to everyone.
func TestANodeThatCannotReadRightsGivesMembersNothing(t *testing.T) {
	for _, removed := range []bool{false, true} {
		t.Run(fmt.Sprint("removed meanwhile: ", removed), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 2, inMemory(nil), parleytest.BusFaults{})
			admin, late := c.members[0], c.members[1]
			admin.call(t, "PUT", "/api/channels/secret?user=admin", `{"kind":"members"}`, 200)
			admin.call(t, "PUT", "/api/channels/secret/members/tess?user=admin", "", 204)
			publish := func(channel string) int64 {
				t.Helper()
				ack, err := parleytest.NewClient(admin.url, "admin").Publish(t.Context(), channel, client.Draft{Text: "x"})
				if err != nil {
					t.Fatal(err)
				}
				return ack.ID
			}
			ctx, stop := context.WithCancel(context.Background())
			var running sync.WaitGroup
			t.Cleanup(func() { stop(); running.Wait() })
			var secret [3]atomic.Int64
			var ended atomic.Int32
			for i, via := range []client.Transport{client.WebSocket, client.SSE, client.LongPoll} {
				s := parleytest.NewClient(late.url, "tess").Subscribe("secret", client.Options{From: client.At(0), Transport: via})
				running.Go(func() {
					defer s.Close()
					for {
						e, err := s.Next(ctx)
						if err != nil {
							ended.Add(1)
							return
						}
						if e.ID > 0 {
							secret[i].Store(e.ID)
						}
					}
				})
			}
			var public atomic.Int64
			late.open(t, "tess", client.WebSocket, "public", func(e client.Event) { public.Store(max(public.Load(), e.ID)) })
			before := publish("secret")
			for i := range secret {
				until(t, "tess reads", func() bool { return secret[i].Load() == before })
			}
			late.away.Store(true)
			until(t, "the node notices it", late.chat.Behind)
			hidden := publish("secret")
			shown := publish("public")
			until(t, "what is public is given", func() bool { return public.Load() == shown })
			if removed {
				admin.call(t, "DELETE", "/api/channels/secret/members/tess?user=admin", "", 204)
			}
			for i := range secret {
				if id := secret[i].Load(); id != before {
					t.Errorf("stream %d was given %d", i, id)
				}
			}
			late.away.Store(false)
			if removed {
				until(t, "the streams end", func() bool { return ended.Load() == 3 })
			}
			for i := range secret {
				if !removed {
					until(t, "tess reads on", func() bool { return secret[i].Load() == hidden })
				} else if id := secret[i].Load(); id != before {
					t.Errorf("stream %d was given %d after the removal", i, id)
				}
			}
		})
	}
}
