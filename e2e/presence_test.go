package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// ask reads JSON from the server.
func ask(t *testing.T, url string, into any) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, res.Status, err)
	}
}

type sighting struct {
	Online   bool
	LastSeen float64 `json:"last_seen"`
}

// presentIn returns the users in a channel, as "2 alice:sse bob:poll".
func presentIn(t *testing.T, base, channel string) string {
	t.Helper()
	var here struct {
		Count int
		Users []struct {
			User       string
			Transports []string
		}
	}
	ask(t, base+"/api/channels/"+channel+"/presence", &here)
	words := []string{fmt.Sprint(here.Count)}
	for _, u := range here.Users {
		words = append(words, u.User+":"+strings.Join(u.Transports, "+"))
	}
	return strings.Join(words, " ")
}

// becomes waits until ask returns want.
func becomes[T comparable](t testing.TB, what string, want T, ask func() T) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(testenv.Patience); ; <-tick.C {
		got := ask()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

// A killed server has forgotten who was present; users who reconnect are present, and no others.
func TestAKilledServerLeavesNoGhosts(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	open := func(user string, tr client.Transport) client.Stream {
		t.Helper()
		s, err := parleytest.NewClient(server.URL, user).Open(t.Context(), tr, "room", client.Position{})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := s.Next(t.Context()); err != nil || e.Type != "welcome" {
			t.Fatalf("%+v, %v", e, err)
		}
		return s
	}
	for user, tr := range map[string]client.Transport{"alice": client.WebSocket, "bob": client.SSE} {
		defer open(user, tr).Close()
	}
	becomes(t, "before", "2 alice:websocket bob:sse", func() string { return presentIn(t, server.URL, "room") })
	server.Kill()
	server.Restart()
	if got := presentIn(t, server.URL, "room"); got != "0" {
		t.Errorf("after the restart: %s", got)
	}
	defer open("bob", client.SSE).Close()
	becomes(t, "after bob came back", "1 bob:sse", func() string { return presentIn(t, server.URL, "room") })
	var alice sighting
	if ask(t, server.URL+"/api/users/alice/presence", &alice); alice.Online {
		t.Error("alice is online")
	}
}

// A polling user is present between polls for the lease, and then no longer; held polls
// keep their user present as long as they are held.
func TestPollsKeepTheirUserForALease(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t, "--presence-ttl", "1s", "--leave-grace", "100ms")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	watcher, err := parleytest.NewClient(server.URL, "uma").Open(ctx, client.WebSocket, "room", client.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	next := func(want string) {
		t.Helper()
		e, err := watcher.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var u struct{ User string }
		_ = json.Unmarshal(e.Raw, &u)
		if got := strings.TrimSpace(e.Type + " " + u.User); got != want {
			t.Fatalf("%s, want %s: %s", got, want, e.Raw)
		}
	}
	next("welcome")
	poll := func(user, timeout string) {
		t.Helper()
		var answer struct{ Messages []any }
		ask(t, server.URL+"/api/messages/poll?channel_id=room&user="+user+"&timeout="+timeout, &answer)
	}
	begin := time.Now()
	for range 3 {
		poll("alice", "0.6") // together longer than the lease
	}
	next("user-joined alice")
	next("system alice")
	next("user-left alice")
	if stayed := time.Since(begin); stayed < 2500*time.Millisecond {
		t.Errorf("alice left after %v", stayed)
	}
	var s sighting
	if ask(t, server.URL+"/api/users/alice/presence", &s); s.Online || s.LastSeen < float64(begin.Unix()) {
		t.Errorf("alice is gone: %+v", s)
	}
	begin = time.Now()
	poll("bob", "2.2") // one poll, held for longer than the lease
	next("user-joined bob")
	if held := presentIn(t, server.URL, "room"); held != "2 bob:long-poll uma:websocket" {
		t.Errorf("after a poll that was held for %v: %s", time.Since(begin), held)
	}
	next("system bob")
	next("user-left bob")
}

// A WebSocket that follows nothing makes its user online, and watches others.
func TestAWebSocketWatchesUsers(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t, "--leave-grace", "100ms")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	dial := func(user string) *websocket.Conn {
		t.Helper()
		c, _, err := websocket.Dial(ctx, strings.Replace(server.URL, "http", "ws", 1)+"/ws?user="+user, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		return c
	}
	zoe := dial("zoe")
	send := func(frame string) {
		t.Helper()
		if err := zoe.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	next := func(want string) {
		t.Helper()
		var f struct {
			Type, User, Key, Code string
			Online                bool
			LastSeen              float64 `json:"last_seen"`
		}
		_, b, err := zoe.Read(ctx)
		if err == nil {
			err = json.Unmarshal(b, &f)
		}
		got := strings.Trim(fmt.Sprint(f.Type, " ", f.User, f.Key, f.Code), " ")
		if f.Type == "presence" {
			got += fmt.Sprint(" ", f.Online, " ", f.LastSeen > 0)
		}
		if err != nil || got != want {
			t.Fatalf("%s (%s, %v), want %s", got, b, err, want)
		}
	}
	send(`{"type":"watch","users":["bob","zoe"],"key":"k"}`)
	next("presence bob false false")
	next("presence zoe true true")
	next("ack k")
	bob := dial("bob")
	next("presence bob true true")
	if err := bob.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	next("presence bob false true")
	becomes(t, "watchers", "1", func() string { return metric(t, server, "parley_watchers") })
	watching, _, err := websocket.Dial(ctx, strings.Replace(server.URL, "http", "ws", 1)+"/ws/chat/room?user=uma&watch=bob", nil)
	if err != nil {
		t.Fatal(err)
	}
	becomes(t, "watchers", "2", func() string { return metric(t, server, "parley_watchers") })
	if err := watching.CloseNow(); err != nil {
		t.Fatal(err)
	}
	becomes(t, "watchers when one has gone", "1", func() string { return metric(t, server, "parley_watchers") })
	send(`{"type":"watch","users":["b o b"],"key":"k"}`)
	next("error kbad_request")
	send(`{"type":"watch","users":["u"` + strings.Repeat(`,"u"`, 500) + `],"key":"k"}`)
	next("error ktoo_large")
	send(`{"type":"watch","users":[],"key":"k"}`)
	next("ack k")
	dial("bob")
	var s sighting
	becomes(t, "bob is online", true, func() bool { ask(t, server.URL+"/api/users/bob/presence", &s); return s.Online })
	send(`{"type":"ping"}`)
	next("pong") // and nothing about bob
}

// metric returns a value of the admin listener's /metrics.
func metric(t *testing.T, server *testenv.Proc, name string) string {
	t.Helper()
	res, err := http.Get(server.AdminURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n"+name+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}
