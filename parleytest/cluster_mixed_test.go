package parleytest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/parleytest"
)

// everything is what a stream received from a room in which everything happens at once.
type everything struct {
	mu      sync.Mutex
	typing  map[string]int
	texts   map[int64]string // by id, in their current form
	deleted map[int64]bool
	wrong   []string
}

func (s *everything) note(e client.Event) {
	var f struct {
		Type, User, Text string
		ID, Of           int64
		Message          *struct {
			Text    string
			Deleted bool
		}
	}
	if json.Unmarshal(e.Raw, &f) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.Type {
	case "typing":
		s.typing[f.User]++
	case "message":
		if _, again := s.texts[f.ID]; again {
			s.wrong = append(s.wrong, fmt.Sprint(f.ID, " came twice"))
		}
		s.texts[f.ID] = f.Text
	case "message-changed":
		if s.texts[f.Of] = f.Message.Text; f.Message.Deleted {
			s.deleted[f.Of] = true
		}
	}
}

// While readers hop under load, users of three nodes type, edit and delete in another room: each stream
// on each node receives each event once, though the bus repeats half of its envelopes.
func TestEverythingAtOnceReachesEachNodeOnce(t *testing.T) {
	for over, open := range sharedStores {
		t.Run(over, func(t *testing.T) { everythingAtOnce(t, open) })
	}
}

func everythingAtOnce(t *testing.T, open opener) {
	c := newCluster(t, 3, open, parleytest.BusFaults{Repeat: 0.5, Delay: 5 * time.Millisecond})
	var background sync.WaitGroup
	defer background.Wait()
	background.Go(func() {
		r, err := load.Run(t.Context(), load.Config{Servers: []string{c.url}, For: long(t, 2*time.Second), Readers: 20, DropOdds: 20, Seed: 2})
		if err != nil || !r.OK() {
			t.Errorf("%+v, %v", r, err)
		}
	})
	const room = "mixed"
	typists := []string{"ann", "ben", "cid"}
	vias := []client.Transport{client.WebSocket, client.SSE, client.LongPoll}
	var all []*everything
	for i, m := range c.members {
		for _, via := range vias {
			s := &everything{typing: map[string]int{}, texts: map[int64]string{}, deleted: map[int64]bool{}}
			m.open(t, fmt.Sprint("reader-", i, "-", via), via, room, s.note)
			all = append(all, s)
		}
	}
	defer func() {
		for i, s := range all {
			s.mu.Lock()
			if t.Failed() {
				t.Log(i, s.typing, s.texts, s.deleted)
			}
			s.mu.Unlock()
		}
	}()
	for i, m := range c.members {
		m.call(t, http.MethodPost, "/api/channels/"+room+"/typing", `{"user":"`+typists[i]+`"}`, http.StatusAccepted)
	}
	for i, s := range all { // before there are entries: a stream that must read a page misses the events sent during that
		until(t, fmt.Sprint("stream ", i, " knows who types"), func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.typing) == len(typists) || vias[i%len(vias)] == client.LongPoll
		})
	}
	for i, m := range c.members {
		user := typists[i]
		for k := range 4 {
			ack, err := parleytest.NewClient(m.url, user).Publish(t.Context(), room, client.Draft{Text: fmt.Sprint("first ", k)})
			if err != nil {
				t.Fatal(err)
			}
			other := c.members[(i+1)%len(c.members)]
			at := fmt.Sprintf("/api/messages/%s/%d?user=%s", room, ack.ID, user)
			if k%2 == 0 {
				other.call(t, http.MethodPatch, at, `{"text":"second"}`, http.StatusOK)
			} else {
				other.call(t, http.MethodDelete, at, "", http.StatusOK, http.StatusNoContent)
			}
		}
	}
	for i, s := range all {
		until(t, fmt.Sprint("stream ", i, " has it all"), func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			edited := 0
			for _, text := range s.texts {
				if text == "second" {
					edited++
				}
			}
			return edited == 2*len(typists) && len(s.deleted) == 2*len(typists) && len(s.texts) == 4*len(typists)
		})
	}
	for i, s := range all {
		s.mu.Lock()
		for user, n := range s.typing {
			if n != 1 {
				t.Errorf("stream %d was told %d times that %s types", i, n, user)
			}
		}
		for _, what := range s.wrong {
			t.Errorf("stream %d: %s", i, what)
		}
		for id := range s.deleted {
			if s.texts[id] != "" {
				t.Errorf("stream %d has a text of %d, which is deleted", i, id)
			}
		}
		s.mu.Unlock()
	}
}
