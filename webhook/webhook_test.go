package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/webhook"
)

// endpoint receives deliveries within the process.
type endpoint struct {
	mu     sync.Mutex
	refuse error
	tried  []string
	ids    []string
	got    map[parley.ChannelID][]int64
}

func (e *endpoint) send(_ context.Context, id string, body []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tried = append(e.tried, id)
	if e.refuse != nil {
		return e.refuse
	}
	e.ids = append(e.ids, id)
	var one struct {
		Type    string
		ID      int64
		Channel parley.ChannelID
		Data    struct {
			Channel parley.ChannelID
			Entries []struct{ ID int64 }
		}
	}
	if err := json.Unmarshal(body, &one); err != nil {
		return err
	}
	if one.Type != "entries" {
		e.got[one.Channel] = append(e.got[one.Channel], one.ID)
	}
	for _, m := range one.Data.Entries {
		e.got[one.Data.Channel] = append(e.got[one.Data.Channel], m.ID)
	}
	return nil
}

func (e *endpoint) set(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuse = err
}

func (e *endpoint) was(t *testing.T, channel parley.ChannelID, ids ...int64) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.got[channel], ids) {
		t.Errorf("%s: received %v, want %v", channel, e.got[channel], ids)
	}
}

func start(ctx context.Context, t *testing.T, store *mem.Store, e *endpoint, fromHead bool) (*webhook.Webhook, *mem.Handle) {
	t.Helper()
	h := store.Open()
	w := webhook.New(webhook.Config{Name: "crm", Matches: func(c parley.ChannelID) bool { return strings.HasPrefix(string(c), "room:") },
		FromHead: fromHead, Send: e.send, Store: h, Node: fmt.Sprintf("%p", h)})
	go func() { _ = w.Run(ctx) }()
	return w, h
}

func post(t *testing.T, h *mem.Handle, channel parley.ChannelID, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if r := h.Append(t.Context(), channel, parley.Draft{User: "alice", Text: text}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
}

func bubble(t *testing.T, test func(t *testing.T, ctx context.Context, store *mem.Store, e *endpoint)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		test(t, ctx, mem.NewStore(mem.StoreConfig{}), &endpoint{got: map[parley.ChannelID][]int64{}})
	})
}

func TestEntriesAreDeliveredInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, store *mem.Store, e *endpoint) {
		w, h := start(ctx, t, store, e, true)
		time.Sleep(time.Millisecond)
		post(t, h, "room:1", "a", "b", "c")
		post(t, h, "other", "not for it")
		post(t, h, "room:2", "d")
		for _, channel := range []parley.ChannelID{"room:1", "room:2", "other"} {
			if err := w.Take(ctx, channel); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		e.was(t, "room:1", 1, 2, 3)
		e.was(t, "room:2", 1)
		e.was(t, "other")
		post(t, h, "room:1", "e")
		w.Grown("room:1")
		synctest.Wait()
		e.was(t, "room:1", 1, 2, 3, 4)
		if !slices.Contains(e.ids, "crm/room:1/3") || !slices.Contains(e.ids, "crm/room:1/4") {
			t.Errorf("ids: %q", e.ids)
		}
	})
}

// A webhook that starts at the head does not deliver earlier entries; one that starts at 0 does, also in channels
// that do not grow.
func TestWebhookStart(t *testing.T) {
	for _, fromHead := range []bool{true, false} {
		bubble(t, func(t *testing.T, ctx context.Context, store *mem.Store, e *endpoint) {
			post(t, store.Open(), "room:1", "a", "b")
			post(t, store.Open(), "room:quiet", "c")
			time.Sleep(time.Second)
			w, h := start(ctx, t, store, e, fromHead)
			time.Sleep(time.Second)
			post(t, h, "room:1", "d")
			if err := w.Take(ctx, "room:1"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if fromHead {
				e.was(t, "room:1", 3)
				e.was(t, "room:quiet")
			} else {
				e.was(t, "room:1", 1, 2, 3)
				e.was(t, "room:quiet", 1)
			}
		})
	}
}

func TestRefusingEndpointDelaysOnlyItsChannel(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, store *mem.Store, e *endpoint) {
		w, h := start(ctx, t, store, e, true)
		time.Sleep(time.Millisecond)
		e.set(&parley.RetryError{Err: errors.New("503")})
		post(t, h, "room:1", "a")
		if err := w.Take(ctx, "room:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s, err := w.State(ctx, 10); err != nil || s.State != "failing" || s.LastError != "503" || len(s.Cursors) != 1 ||
			s.Cursors[0].Tries < 3 {
			t.Errorf("%+v, %v", s, err)
		}
		e.set(nil)
		post(t, h, "room:2", "b")
		if err := w.Take(ctx, "room:2"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		e.was(t, "room:2", 1)
		post(t, h, "room:1", "c") // the next attempt is the same as the last one
		w.Grown("room:1")
		time.Sleep(5 * time.Minute)
		e.was(t, "room:1", 1, 2)
		if !slices.Contains(e.ids, "crm/room:1/1") || !slices.Contains(e.ids, "crm/room:1/2") {
			t.Errorf("ids: %q of %q", e.ids, e.tried)
		}
		if s, err := w.State(ctx, 10); err != nil || s.State != "ok" || s.Delivered != 3 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// A channel that waits after a refusal waits whatever is stored in it meanwhile; a replay begins at once.
func TestNewEntriesDoNotHastenARetry(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, store *mem.Store, e *endpoint) {
		w, h := start(ctx, t, store, e, true)
		time.Sleep(time.Millisecond)
		e.set(&parley.RetryError{Err: errors.New("500")})
		post(t, h, "room:1", "a")
		if err := w.Take(ctx, "room:1"); err != nil {
			t.Fatal(err)
		}
		for range 40 { // in 4 s
			time.Sleep(100 * time.Millisecond)
			post(t, h, "room:1", "b")
			w.Grown("room:1")
		}
		synctest.Wait()
		if n := len(e.tried); n < 2 || n > 4 {
			t.Errorf("%d tries in 4 s, want 3: at once, after 1 s and after 2 s more", n)
		}
		e.set(nil)
		if err := w.Replay(ctx, "room:1", 20); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := e.got["room:1"]; len(got) != 21 || got[0] != 21 {
			t.Errorf("replayed after 20: %v", got)
		}
	})
}

// If a node dies between delivery and the move of the cursor, the next node delivers again, with the same id.
func TestARepeatHasTheSameID(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, store *mem.Store, e *endpoint) {
		dies, die := context.WithCancel(ctx)
		w, h := start(dies, t, store, e, true)
		time.Sleep(time.Millisecond)
		post(t, h, "room:1", "a")
		for w.Take(ctx, "room:1") != nil {
			t.Fatal("not taken")
		}
		resume := h.Stall() // the cursor cannot be moved
		synctest.Wait()
		die()
		synctest.Wait()
		resume()
		again, _ := start(ctx, t, store, e, true)
		if err := again.Take(ctx, "room:1"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for i := range e.ids {
			if e.ids[i] != "crm/room:1/1" {
				t.Errorf("ids: %q", e.ids)
			}
		}
		if len(e.ids) == 0 {
			t.Error("nothing was delivered")
		}
	})
}

func TestReplay(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, store *mem.Store, e *endpoint) {
		w, h := start(ctx, t, store, e, true)
		time.Sleep(time.Millisecond)
		post(t, h, "room:1", "a", "b", "c")
		if err := w.Take(ctx, "room:1"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, wait := range []time.Duration{0, time.Minute} { // while the node has the channel, and after its release
			time.Sleep(wait)
			e.got["room:1"] = nil
			if err := w.Replay(ctx, "room:1", 1); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			e.was(t, "room:1", 2, 3)
		}
		post(t, h, "room:1", "d")
		w.Grown("room:1")
		synctest.Wait()
		e.was(t, "room:1", 2, 3, 4)
		if err := w.Replay(ctx, "other", 0); parley.AsError(err).Code != parley.CodeBadRequest {
			t.Errorf("replay of a channel that is not followed: %v", err)
		}
	})
}
