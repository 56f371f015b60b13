package httpapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/httpapi"
)

// rowsPerRequest is how many rows of the store a request may read whose answer shows at most ten
// entries: docs/operations.md, "What a request costs". Nothing else in the store may add to it. A route
// that is missing here fails the test: add it, with a request that could be expensive for the store.
// most 0: it reads nothing from the store.
var rowsPerRequest = []struct {
	route, path, body string
	most              int64
}{
	{"GET /", "/", "", 0},
	{"GET /healthz", "/healthz", "", 0},
	{"GET /readyz", "/readyz", "", 0},
	{"GET /openapi.json", "/openapi.json", "", 0},
	{"GET /parley.js", "/parley.js", "", 0},
	{"GET /parley-extras.js", "/parley-extras.js", "", 0},
	{"GET /chat.js", "/chat.js", "", 0},
	{"GET /emoji.js", "/emoji.js", "", 0},
	{"GET /code.js", "/code.js", "", 0},
	{"GET /sw.js", "/sw.js", "", 0},
	{"GET /examples", "/examples", "", 0},
	{"GET /examples/", "/examples/", "", 0},
	{"GET /examples/{name}", "/examples/x.html", "", 0},
	{"GET /api/messages", "/api/messages?channel_id=room&user=bob&limit=10", "", 60},
	{"GET /api/messages", "/api/messages?channel_id=room&user=bob&limit=10&before=1000", "", 60},
	{"GET /api/messages", "/api/messages?channel_id=room&user=bob&limit=10&since=1", "", 60},
	{"GET /api/messages", "/api/messages?channel_id=room&user=bob&thread=1&limit=10", "", 60},
	{"GET /api/messages", "/api/messages?channel_id=room&user=bob&thread=1&limit=10&after=900", "", 60},
	{"GET /api/messages", "/api/messages?user=bob&limit=10", "", 10_000}, // all of bob's 1,000 channels
	{"POST /api/messages", "/api/messages", `{"channel_id":"room","user":"bob","text":"@channel x","key":"k"}`, 20},
	{"POST /api/messages", "/api/messages", `{"channel_id":"room","user":"bob","text":"x","thread":1}`, 20},
	{"POST /api/messages/batch", "/api/messages/batch", `[{"channel_id":"room","user":"bob","text":"x"}]`, 20},
	{"GET /api/messages/poll", "/api/messages/poll?channel_id=room&user=bob&after=10&limit=10", "", 60},
	{"GET /api/messages/{channel}/{id}", "/api/messages/room/1?user=bob", "", 10},
	{"PATCH /api/messages/{channel}/{id}", "/api/messages/room/7", `{"user":"alice","text":"@channel y"}`, 40},
	{"DELETE /api/messages/{channel}/{id}", "/api/messages/room/8", `{"user":"alice"}`, 40},
	{"GET /api/messages/{channel}/{id}/reactions/{emoji}", "/api/messages/room/1/reactions/x?user=bob&limit=10", "", 30},
	{"PUT /api/messages/{channel}/{id}/reactions/{emoji}", "/api/messages/room/1/reactions/x", `{"user":"bob"}`, 30},
	{"DELETE /api/messages/{channel}/{id}/reactions/{emoji}", "/api/messages/room/1/reactions/x", `{"user":"bob"}`, 30},
	{"GET /api/channels", "/api/channels?user=bob&limit=1", "", 1_100},
	{"GET /api/channels", "/api/channels?user=bob&limit=10", "", 1_300},
	{"GET /api/channels", "/api/channels?user=carol&limit=10", "", 130},
	{"GET /api/channels", "/api/channels?all=true&user=bob&limit=1", "", 20},
	{"GET /api/channels", "/api/channels?all=true&user=bob&limit=10", "", 90},
	{"GET /api/channels", "/api/channels?all=true&user=bob&limit=1&next=dm", "", 20},
	{"GET /api/channels/{channel}", "/api/channels/room?user=bob", "", 10},
	{"PUT /api/channels/{channel}", "/api/channels/room", `{"user":"root","title":"t"}`, 20},
	{"DELETE /api/channels/{channel}", "/api/channels/small", `{"user":"root"}`, 30},
	{"POST /api/channels/{channel}/events", "/api/channels/room/events", `{"user":"bob","event":"score","data":{}}`, 10},
	{"POST /api/channels/{channel}/typing", "/api/channels/room/typing", `{"user":"bob"}`, 10},
	{
		"GET /api/channels/{channel}/members",
		"/api/channels/room/members?user=carol&limit=10",
		"",
		1_100,
	}, // skips 1,000 banned users
	{"GET /api/channels/{channel}/members", "/api/channels/big/members?user=carol&limit=10", "", 30},
	{"PUT /api/channels/{channel}/members/{user}", "/api/channels/room/members/dora", `{"user":"root"}`, 40},
	{"DELETE /api/channels/{channel}/members/{user}", "/api/channels/room/members/dora", `{"user":"root"}`, 40},
	{"PUT /api/channels/{channel}/bans/{user}", "/api/channels/room/bans/eve", `{"user":"root"}`, 40},
	{"DELETE /api/channels/{channel}/bans/{user}", "/api/channels/room/bans/eve", `{"user":"root"}`, 40},
	{"POST /api/channels/{channel}/read", "/api/channels/room/read", `{"user":"carol","id":1}`, 120},
	{"PUT /api/channels/{channel}/mute", "/api/channels/room/mute", `{"user":"carol","muted":true}`, 120},
	{"GET /api/channels/{channel}/presence", "/api/channels/room/presence?user=bob", "", 10},
	{"GET /api/users/{user}/presence", "/api/users/frank/presence?user=bob", "", 10},
	{"POST /api/users/{user}/revoke", "/api/users/eve/revoke", `{"user":"root"}`, 30},
	{"GET /api/devices", "/api/devices?user=bob", "", 20},
	{"PUT /api/devices/{id}", "/api/devices/phone", `{"user":"bob","platform":"apns","token":"t"}`, 20},
	{"DELETE /api/devices/{id}", "/api/devices/phone", `{"user":"bob"}`, 20},
	{"GET /api/push/public-key", "/api/push/public-key?user=bob", "", 0},
	{"POST /api/tickets", "/api/tickets?user=bob", "", 10},
}

// many is how many rows of each kind are stored that a request must not iterate over.
const many = 1200

// TestRowsPerRequest measures them. The table must contain every route.
func TestRowsPerRequest(t *testing.T) {
	log, err := embedded.Open("data", embedded.Config{FS: vfs.NewMem(), FreeFloor: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1) // buffered for its only sender
	go func() { ran <- log.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	s := serveOn(t, log, nil, func(_ chat.Store, tickets *auth.Tickets) httpapi.Authenticator {
		return httpapi.Development{Tickets: tickets}
	})
	fill(t, log)
	seen := map[string]bool{}
	for _, c := range rowsPerRequest {
		method, _, _ := strings.Cut(c.route, " ")
		seen[c.route] = true
		least := int64(-1)
		for try := 0; try < 3 || least > c.most && try < 300; try++ { // the server's own work sometimes reads too
			before := log.RowsRead()
			a := s.do(method, c.path, c.body, "Content-Type: application/json")
			if a.StatusCode >= 400 && method == "GET" || a.StatusCode == 400 || a.StatusCode >= 500 {
				t.Fatalf("%s %s: %d %s", method, c.path, a.StatusCode, a.body)
			}
			if n := log.RowsRead() - before; least < 0 || n < least {
				least = n
			}
		}
		t.Logf("%6d rows: %s %s %s", least, method, c.path, c.body)
		if least > c.most {
			t.Errorf("%s %s %s reads %d rows, want at most %d", method, c.path, c.body, least, c.most)
		}
	}
	for _, route := range routes(t, s) {
		if !seen[route] && !strings.HasPrefix(route, "GET /api/stream") && !strings.HasPrefix(route, "GET /ws") {
			t.Errorf("%s is not in rowsPerRequest", route)
		}
	}
}

// routes lists the methods and paths that the API describes.
func routes(t *testing.T, s *server) (all []string) {
	t.Helper()
	var doc struct{ Paths map[string]map[string]any }
	s.get("/openapi.json").into(t, &doc)
	for path, methods := range doc.Paths {
		for method := range methods {
			if method != "parameters" {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	return all
}

// fill creates a store with many rows of every kind.
func fill(t *testing.T, log *embedded.Log) {
	t.Helper()
	add := func(channel parley.ChannelID, drafts ...parley.Draft) {
		t.Helper()
		for _, r := range log.Append(t.Context(), channel, drafts...) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	member := func(channel parley.ChannelID, user parley.UserID, role parley.Role) {
		t.Helper()
		if _, _, err := log.SetMember(t.Context(), channel, user, parley.MemberChange{Role: &role}); err != nil {
			t.Fatal(err)
		}
	}
	set := func(channel parley.ChannelID, is parley.Settings) {
		t.Helper()
		if _, _, err := log.SetChannel(t.Context(), channel, is.Replace); err != nil {
			t.Fatal(err)
		}
	}
	add("room", parley.Draft{User: "alice", Text: "the root", Join: true})
	member("room", "carol", parley.RoleMember)
	member("room", "bob", parley.RoleMember)
	var replies, mentions, deletions, reactions []parley.Draft
	for i := range many {
		replies = append(replies, parley.Draft{User: "alice", Text: "reply", Thread: 1})
		mentions = append(mentions, parley.Draft{User: "alice", Text: "@channel x"})
		if i < 1000 {
			deletions = append(deletions, parley.Draft{User: "alice", Change: &parley.Change{Kind: parley.ChangeDelete, Of: int64(many + 2 + i)}})
		}
		reactions = append(reactions, parley.Draft{User: parley.UserID(fmt.Sprintf("u%04d", i)),
			Change: &parley.Change{Kind: parley.ChangeReact, Of: 1, Emoji: "x"}})
	}
	for _, drafts := range [][]parley.Draft{replies, mentions, deletions, reactions} {
		add("room", drafts...)
	}
	for i := range many {
		add(parley.ChannelID(fmt.Sprintf("dm:bob:u%04d", i)), parley.Draft{User: "bob", Text: "x"})
		add(parley.ChannelID(fmt.Sprintf("@u%04d", i)), parley.Draft{User: "root", Text: "x"})
		set(parley.ChannelID(fmt.Sprintf("closed%04d", i)), parley.Settings{Kind: parley.KindMembers})
		gone := parley.ChannelID(fmt.Sprintf("gone%04d", i))
		add(gone, parley.Draft{User: "root", Text: "x"})
		if err := log.RemoveChannel(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		member("room", parley.UserID(fmt.Sprintf("banned%04d", i)), parley.RoleBanned)
		member("big", parley.UserID(fmt.Sprintf("m%04d", i)), parley.RoleMember)
	}
	for i := range 1000 {
		ch := parley.ChannelID(fmt.Sprintf("mine%04d", i))
		add(ch, parley.Draft{User: "bob", Text: "x", Join: true})
	}
	for i := range 20 {
		set(parley.ChannelID(fmt.Sprintf("open%02d", i)), parley.Settings{Title: "x"})
	}
	add("small", parley.Draft{User: "root", Text: "x", Join: true})
	member("zoo", "frank", parley.RoleMember)
	member("zoo", "bob", parley.RoleMember)
}
