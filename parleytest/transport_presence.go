package parleytest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// present asks for the users in the channel, as a user who is not in it.
func (w *target) present(t *testing.T) (all map[string][]string, count int) {
	t.Helper()
	res, err := http.Get(w.h.URL + "/api/channels/" + w.channel + "/presence?user=outside")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Count int
		Users []struct {
			User       string
			Transports []string
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("who is in %s: %s, %v", w.channel, res.Status, err)
	}
	all = map[string][]string{}
	for _, u := range answer.Users {
		all[u.User] = u.Transports
	}
	return all, answer.Count
}

// transportPresence: a reader is present, once, by the tested transport, and stays
// present while it continues to read.
func transportPresence(t *testing.T, w *target) {
	for range 5 { // five tabs are one user
		w.dial(t, -1, "")
	}
	s := w.dial(t, 0, "")
	for id := int64(1); id <= 5; id++ {
		all, count := w.present(t)
		if count != 1 || len(all) != 1 || !slices.Contains(all["tess"], string(w.h.Transport)) { // and perhaps by a poll that started it
			t.Fatalf("%d users are present, %v; want tess by %s", count, all, w.h.Transport)
		}
		w.post(t, id, 1)
		s.want(id, id)
	}
}

// transportSilence: a user who reconnects at once has neither left nor joined. The
// others see another user who joined before and left for good.
func transportSilence(t *testing.T, w *target) {
	other := newStream(t, "websocket", openAs(w, "uma", client.WebSocket))
	s := w.dial(t, -1, "")
	if e := other.any(); e.Type != "user-joined" || user(t, e.Raw) != "tess" {
		t.Fatalf("%s came when tess had come", e.Raw)
	}
	for range 3 {
		s.Close()
		s = w.dial(t, -1, "")
	}
	begin := time.Now()
	newStream(t, "websocket", openAs(w, "vic", client.WebSocket)).Close()
	for _, want := range []string{"user-joined", "system", "user-left"} {
		if e := other.any(); e.Type != want || user(t, e.Raw) != "vic" {
			t.Fatalf("%s came when vic's %s was due", e.Raw, want)
		}
	}
	if grace := time.Since(begin); grace < time.Second {
		t.Errorf("who left is told after %v", grace)
	}
	if all, count := w.present(t); count != 2 || all["tess"] == nil || all["uma"] == nil {
		t.Errorf("%d are present: %v", count, all)
	}
}

// openAs reads the channel as another user.
func openAs(w *target, user string, tr client.Transport) func(context.Context) (client.Stream, error) {
	return func(ctx context.Context) (client.Stream, error) {
		return NewClient(w.h.URL, user).Open(ctx, tr, w.channel, client.Position{})
	}
}

func user(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var e struct{ User string }
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e.User
}
