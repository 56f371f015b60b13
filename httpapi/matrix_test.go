package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/httpapi"
)

// The permissions of each kind of user in each kind of channel. rights names everything
// that is allowed, in the letters of a token's channels: r read, w write, p see
// presence, a administer. Everything else must be refused, with the same words whether
// the channel exists or not.

const apiKey = "key-of-a-back-end"

var tokenSecret = []byte(strings.Repeat("of the matrix ", 3))

// production is a server whose callers authenticate with tokens.
func production(t *testing.T) *server {
	t.Helper()
	spaces, err := chat.NewNamespaces([]chat.Namespace{{Prefix: "announce:", Publish: parley.RoleAdmin},
		{Prefix: "private:", Kind: parley.KindMembers}})
	if err != nil {
		t.Fatal(err)
	}
	return serveAs(t, spaces, func(store chat.Store, tickets *auth.Tickets) httpapi.Authenticator {
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte(apiKey+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := auth.OpenKeys(t.Context(), nil, file, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := auth.New(t.Context(), auth.Config{Secret: tokenSecret, Keys: keys, Tickets: tickets, Revoked: store.Revoked,
			Origins: func(origin string) bool { return origin == "https://chat.example.com" }})
		if err != nil {
			t.Fatal(err)
		}
		return a
	})
}

// tokenFor signs a token; channels nil leaves the claim out.
func tokenFor(t *testing.T, user string, channels []string) string {
	t.Helper()
	c := auth.Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: user, IssuedAt: jwt.NewNumericDate(time.Now()),
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}}
	if channels != nil {
		c.Channels = &channels
	}
	token, err := auth.Sign(tokenSecret, c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// named signs a token of a user with a display name.
func named(t *testing.T, user, name string, channels ...string) string {
	t.Helper()
	token, err := auth.Sign(tokenSecret, auth.Claims{Name: name, Channels: &channels,
		RegisteredClaims: jwt.RegisteredClaims{Subject: user, IssuedAt: jwt.NewNumericDate(time.Now()),
			ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// places are the kinds of channels. U stands for the caller, N for a number unique to the cell.
var places = []struct{ name, channel, kind string }{
	{"public", "hall:N", "public"},
	{"members-only", "club:N", "members"},
	{"members-only by its namespace", "private:N", ""},
	{"where only admins post", "announce:N", ""},
	{"a direct one of the caller", "dm:U:zoe", ""},
	{"a direct one of others", "dm:xavier:zN", ""},
	{"the caller's own", "@U", ""},
	{"another user's own", "@xavier", ""},
	{"public, not there", "hall:none-N", "none"},
	{"members-only, not there", "private:none-N", "none"},
}

// kinds are the kinds of users: role is their role in the first five places, list the
// claim channels, and rights their rights in each place.
var kinds = []struct {
	name, role string
	list       []string
	rights     [10]string
}{
	//                                                       public  members private announce dm      dm'     @own   @other  none    none'
	{"a stranger", "", nil, [10]string{"", "", "", "", "rwp", "", "rp", "", "", ""}},
	{"a member", "member", nil, [10]string{"rwp", "rwp", "rwp", "rwp", "rwp", "", "rp", "", "", ""}},
	{"a reader", "reader", nil, [10]string{"rp", "rp", "rp", "rp", "rp", "", "rp", "", "", ""}},
	{"an admin", "admin", nil, [10]string{"rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "", "rp", "", "", ""}},
	{"an owner", "owner", nil, [10]string{"rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "", "rp", "", "", ""}},
	{"one who is banned", "banned", nil, [10]string{"", "", "", "", "", "", "rp", "", "", ""}},
	{"with a list of nothing", "", []string{}, [10]string{"", "", "", "", "rwp", "", "rp", "", "", ""}},
	{"with *=r", "", []string{"*=r"}, [10]string{"r", "r", "r", "r", "rwp", "r", "rp", "", "r", "r"}},
	{"with *=w", "", []string{"*=w"}, [10]string{"w", "w", "w", "w", "rwp", "w", "rp", "", "w", "w"}},
	{"with *=p", "", []string{"*=p"}, [10]string{"p", "p", "p", "p", "rwp", "p", "rp", "", "p", "p"}},
	{"with *", "", []string{"*"}, [10]string{"rwp", "rwp", "rwp", "rwp", "rwp", "rwp", "rp", "", "rwp", "rwp"}},
	{"with *=a", "", []string{"*=a"}, [10]string{"rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "rp", "", "rwpa", "rwpa"}},
	{"with hall:*", "", []string{"hall:*"}, [10]string{"rwp", "", "", "", "rwp", "", "rp", "", "rwp", ""}},
	{"with @* and @xavier", "", []string{"@*=a", "@xavier"}, [10]string{"", "", "", "", "rwp", "", "rp", "", "", ""}},
	{"a member with another list", "member", []string{"elsewhere=a"}, [10]string{"", "rwp", "rwp", "", "rwp", "", "rp", "", "", ""}},
	{"a reader with *", "reader", []string{"*"}, [10]string{"rp", "rp", "rp", "rp", "rp", "rwp", "rp", "", "rwp", "rwp"}},
	{"one who is banned, with *=a", "banned", []string{"*=a"}, [10]string{"", "", "", "", "", "rwpa", "rp", "", "rwpa", "rwpa"}},
	{"a back end", "", nil, [10]string{"rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "rwpa", "rwpa"}},
}

// cell is one user in one place, newly created.
type cell struct {
	*server
	user, channel, token, role string
	rights                     string // in the channel
	place                      int
	absent, backEnd            bool
	others, own                int64 // ids of messages by another user and by the caller, 1 if there are none
}

var cells int

func (s *server) cell(t *testing.T, kind, place int) *cell {
	t.Helper()
	cells++
	k, pl := kinds[kind], places[place]
	user := fmt.Sprintf("u%d", cells)
	c := &cell{server: s, user: user, channel: strings.NewReplacer("N", fmt.Sprint(cells), "U", user).Replace(pl.channel),
		rights: k.rights[place], place: place, absent: pl.kind == "none", backEnd: k.name == "a back end", others: 1, own: 1}
	if c.token = tokenFor(t, user, k.list); c.backEnd {
		c.token = apiKey
	}
	if c.absent {
		return c
	}
	key := []string{"Authorization: Bearer " + apiKey}
	if pl.kind != "" {
		s.do("PUT", "/api/channels/"+c.channel, `{"kind":"`+pl.kind+`"}`, key...).is(t, 200, "")
	}
	for author, id := range map[string]*int64{"yve": &c.others, user: &c.own} {
		var m struct{ ID int64 }
		a := s.do("POST", "/api/messages", fmt.Sprintf(`{"channel_id":%q,"user":%q,"text":"of %s"}`, c.channel, author, author), key...)
		a.is(t, 201, "")
		a.into(t, &m)
		*id = m.ID
	}
	if place > 4 {
		return c
	}
	switch c.role = k.role; c.role {
	case "":
		if place != 4 { // posting to a public channel made the user a member
			s.do("DELETE", "/api/channels/"+c.channel+"/members/"+user, "", key...).is(t, 204, "")
		}
	case "banned":
		s.do("PUT", "/api/channels/"+c.channel+"/bans/"+user, "", key...).is(t, 204, "")
	default:
		s.do("PUT", "/api/channels/"+c.channel+"/members/"+user, `{"role":"`+c.role+`"}`, key...).is(t, 204, "")
	}
	return c
}

func (c *cell) inPlace(places ...int) bool { return slices.Contains(places, c.place) }

// call is a request with the caller's token.
func (c *cell) call(method, path, body string) *answer {
	c.t.Helper()
	a := c.do(method, strings.NewReplacer("CHANNEL", c.channel, "USER", c.user, "OTHERS", fmt.Sprint(c.others), "OWN",
		fmt.Sprint(c.own)).Replace(path),
		strings.NewReplacer("CHANNEL", c.channel, "USER", c.user).Replace(body), "Authorization: Bearer "+c.token)
	c.shows(a)
	return a
}

// shows checks what an answer may show: of a message, a caller without the right to read
// gets only the receipt.
func (c *cell) shows(a *answer) {
	c.t.Helper()
	if a.StatusCode >= 300 || strings.Contains(c.rights, "r") {
		return
	}
	for _, part := range []string{`"text"`, `"data"`, `"reactions"`, `"edited"`, `"deleted"`, `"thread"`, "of yve", "of " + c.user} {
		if strings.Contains(a.body, part) {
			c.t.Errorf("%s %s shows %s to a caller who has %q: %s", a.Request.Method, a.Request.URL, part, c.rights, a.body)
		}
	}
}

// outcome is the outcome of an operation: "ok", or the code of the error.
func (a *answer) outcome(t *testing.T) string {
	t.Helper()
	if a.StatusCode < 300 {
		return "ok"
	}
	p := a.problem(t)
	if want := map[int]string{401: "unauthorized", 403: "forbidden", 404: "not_found"}[a.StatusCode]; want != p.Code {
		t.Errorf("%s %s: %d %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
	}
	return p.Code
}

// operation is one thing that a caller may try in a channel. may reports whether a
// caller with some rights may do it.
type operation struct {
	name    string
	may     func(c *cell, rights string) bool
	try     func(t *testing.T, c *cell) string
	missing bool // about a message: not_found for a permitted caller if the message does not exist
}

func needs(letters string) func(*cell, string) bool {
	return func(_ *cell, rights string) bool {
		for _, letter := range letters {
			if !strings.ContainsRune(rights, letter) {
				return false
			}
		}
		return true
	}
}

// mayPost combines the publish rule of the namespace with the right to write.
func mayPost(c *cell, rights string) bool {
	return needs("w")(c, rights) && (!c.inPlace(3) || needs("a")(c, rights))
}

func httpOperation(method, path, body string, may func(*cell, string) bool) operation {
	return operation{name: method + " " + path + " " + body, may: may,
		missing: strings.Contains(path, "/OTHERS") || strings.Contains(path, "/OWN"),
		try:     func(t *testing.T, c *cell) string { return c.call(method, path, body).outcome(t) }}
}

// operations returns all operations of the API that involve a channel.
func operations() []operation {
	r, w, p, a := needs("r"), needs("w"), needs("p"), needs("a")
	// An existing channel has members; @ channels have none, for any caller.
	manage := func(c *cell, rights string) bool { return a(c, rights) && !c.inPlace(6, 7) }
	join := func(c *cell, rights string) bool {
		switch {
		case c.role == "banned":
			return false
		case c.inPlace(0, 3, 8) && !c.backEnd: // public: users not excluded by a list may join
			return !c.listed() || r(c, rights) || c.role != ""
		case c.inPlace(1, 2) && c.role != "", c.inPlace(4):
			return true
		default:
			return manage(c, rights)
		}
	}
	mine := func(c *cell, rights string) bool { // a back end is not a member
		return r(c, rights) && !c.backEnd && (c.role != "" || c.inPlace(4))
	}
	own := func(c *cell, rights string) bool { return w(c, rights) && (r(c, rights) || !c.absent) }
	put := func(c *cell, rights string) bool { return a(c, rights) || c.inPlace(4) && c.role != "banned" }
	return []operation{
		httpOperation("GET", "/api/messages?channel_id=CHANNEL", "", r),
		httpOperation("GET", "/api/messages?channel_id=CHANNEL&after=0", "", r),
		httpOperation("GET", "/api/messages?channel_id=CHANNEL&before=1000", "", r),
		httpOperation("GET", "/api/messages?channel_id=CHANNEL&since=0", "", r),
		httpOperation("GET", "/api/messages?channel_id=CHANNEL&channel_id=@USER", "", r),
		httpOperation("GET", "/api/messages?channel_id=CHANNEL&thread=1", "", r),
		httpOperation("GET", "/api/messages/CHANNEL/OTHERS", "", r),
		httpOperation("GET", "/api/messages/poll?channel_id=CHANNEL&timeout=0", "", r),
		httpOperation("GET", "/api/messages/poll?channel_id=CHANNEL&timeout=0&after=0", "", r),
		httpOperation("GET", "/api/messages/poll?channel_id=@USER&channel_id=CHANNEL&timeout=0&after=CHANNEL:0", "", r),
		httpOperation("GET", "/api/channels/CHANNEL", "", func(c *cell, rights string) bool { return r(c, rights) || a(c, rights) }),
		httpOperation("GET", "/api/channels/CHANNEL/members", "", r),
		httpOperation("GET", "/api/channels/CHANNEL/presence", "", p),
		{name: "SSE", may: r, try: stream("/api/stream/CHANNEL")},
		{name: "SSE from the start", may: r, try: stream("/api/stream/CHANNEL?after=0")},
		{name: "SSE of two channels", may: r, try: stream("/api/stream?channel_id=@USER&channel_id=CHANNEL&after=CHANNEL:0")},
		{name: "WebSocket of one channel", may: r, try: func(t *testing.T, c *cell) string {
			return c.socket(t, "/ws/chat/"+c.channel+"?after=0")
		}},
		frameOperation("subscribe", `{"type":"subscribe","channel":"CHANNEL","after":0,"key":"k"}`, r),
		frameOperation("history", `{"type":"history","channel":"CHANNEL","key":"k"}`, r),
		frameOperation("read", `{"type":"read","channel":"CHANNEL","id":1,"key":"k"}`, mine),
		frameOperation("message", `{"type":"message","channel":"CHANNEL","text":"x","key":"k"}`, mayPost),
		frameOperation("message without a type", `{"channel":"CHANNEL","text":"x","key":"k"}`, mayPost),
		frameOperation("event", `{"type":"event","event":"e","data":{},"channel":"CHANNEL","key":"k"}`, mayPost),
		frameOperation("typing", `{"type":"typing","channel":"CHANNEL","key":"k"}`, mayPost),
		httpOperation("POST", "/api/messages", `{"channel_id":"CHANNEL","text":"x"}`, mayPost),
		httpOperation("POST", "/api/messages?channel_id=CHANNEL&text=x", "", mayPost),
		{name: "reply", may: mayPost, try: func(t *testing.T, c *cell) string {
			if c.absent { // there is nothing to reply to
				return c.call("POST", "/api/messages", `{"channel_id":"CHANNEL","text":"x"}`).outcome(t)
			}
			return c.call("POST", "/api/messages", fmt.Sprintf(`{"channel_id":"CHANNEL","text":"x","thread":%d}`, c.others)).outcome(t)
		}},
		httpOperation("GET", "/api/messages/CHANNEL/OTHERS/reactions/x", "", r),
		{name: "batch", may: mayPost, try: batch},
		httpOperation("POST", "/api/channels/CHANNEL/events", `{"event":"e","data":{}}`, mayPost),
		httpOperation("POST", "/api/channels/CHANNEL/typing", "", mayPost),
		httpOperation("PUT", "/api/messages/CHANNEL/OTHERS/reactions/x", "", w),
		httpOperation("DELETE", "/api/messages/CHANNEL/OTHERS/reactions/x", "", w),
		httpOperation("PATCH", "/api/messages/CHANNEL/OTHERS", `{"text":"y"}`, needs("wa")),
		httpOperation("DELETE", "/api/messages/CHANNEL/OTHERS", "", needs("wa")),
		httpOperation("PATCH", "/api/messages/CHANNEL/OWN", `{"text":"y"}`, own),
		httpOperation("DELETE", "/api/messages/CHANNEL/OWN", "", own),
		httpOperation("POST", "/api/channels/CHANNEL/read", `{"id":1}`, mine),
		httpOperation("PUT", "/api/channels/CHANNEL/mute", `{"muted":true}`, mine),
		httpOperation("PUT", "/api/channels/CHANNEL", `{"title":"t"}`, put),
		httpOperation("PUT", "/api/channels/CHANNEL/members/USER", "", join),
		httpOperation("PUT", "/api/channels/CHANNEL/members/yve", `{"role":"reader"}`, manage),
		httpOperation("PUT", "/api/channels/CHANNEL/members/newcomer", "", manage),
		httpOperation("PUT", "/api/channels/CHANNEL/members/newcomer", `{"role":"admin"}`, manage),
		httpOperation("PUT", "/api/channels/CHANNEL/members/newcomer", `{"role":"owner"}`, func(c *cell, rights string) bool {
			return manage(c, rights) && c.role != "admin"
		}),
		httpOperation("PUT", "/api/channels/CHANNEL/members/USER", `{"role":"owner"}`, func(c *cell, rights string) bool {
			return manage(c, rights) && c.role != "admin"
		}),
		httpOperation("DELETE", "/api/channels/CHANNEL/members/yve", "", manage),
		httpOperation("DELETE", "/api/channels/CHANNEL/members/USER", "",
			func(c *cell, rights string) bool { return !c.backEnd || manage(c, rights) }),
		httpOperation("PUT", "/api/channels/CHANNEL/bans/newcomer", "", manage),
		httpOperation("DELETE", "/api/channels/CHANNEL/bans/yve", "", manage),
		httpOperation("DELETE", "/api/channels/CHANNEL/bans/USER", "", manage),
		httpOperation("DELETE", "/api/channels/CHANNEL", "", a),
		{name: revoking, may: func(c *cell, _ string) bool { return c.backEnd },
			try: func(t *testing.T, c *cell) string { return c.call("POST", "/api/users/yve/revoke", "").outcome(t) }},
	}
}

const revoking = "revoke" // it involves no channel: for back ends, and for *=a

func (c *cell) listed() bool { return strings.Contains(c.token, ".") && hasList(c.token) }

func hasList(token string) bool {
	var claims struct{ Channels *[]string }
	part, err := jwt.NewParser().DecodeSegment(strings.Split(token, ".")[1])
	return err == nil && json.Unmarshal(part, &claims) == nil && claims.Channels != nil
}

// stream opens an event stream and reads its first event.
func stream(path string) func(*testing.T, *cell) string {
	return func(t *testing.T, c *cell) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", c.url+strings.NewReplacer("CHANNEL", c.channel, "USER", c.user).Replace(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != 200 {
			body, _ := io.ReadAll(res.Body)
			return (&answer{res, string(body)}).outcome(t)
		}
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				if event != "welcome" {
					t.Errorf("the first event of %s is %s", path, event)
				}
				return "ok"
			}
		}
		return "nothing"
	}
}

// socket opens a WebSocket and, if there are frames, sends them; it returns the outcome.
func (c *cell) socket(t *testing.T, path string, frames ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, res, err := websocket.Dial(ctx, c.url+path, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + c.token}}})
	if err != nil {
		if res == nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		return (&answer{res, string(body)}).outcome(t)
	}
	defer ws.CloseNow()
	for _, frame := range frames {
		if err := ws.Write(ctx, websocket.MessageText, []byte(strings.NewReplacer("CHANNEL", c.channel,
			"USER", c.user).Replace(frame))); err != nil {
			t.Fatal(err)
		}
	}
	for {
		_, b, err := ws.Read(ctx)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var f struct{ Type, Code, Key string }
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		switch {
		case f.Type == "error":
			return f.Code
		case f.Key == "k" || len(frames) == 0:
			return "ok"
		}
	}
}

func frameOperation(name, frame string, may func(*cell, string) bool) operation {
	return operation{name: "frame " + name, may: may, try: func(t *testing.T, c *cell) string { return c.socket(t, "/ws", frame) }}
}

func batch(t *testing.T, c *cell) string {
	t.Helper()
	a := c.call("POST", "/api/messages/batch", `[{"channel_id":"CHANNEL","text":"x"}]`)
	if a.StatusCode != 200 {
		return a.outcome(t)
	}
	var items []struct {
		Code string
		ID   int64
	}
	if a.into(t, &items); len(items) == 1 && items[0].ID > 0 {
		return "ok"
	}
	return items[0].Code
}

func TestWhoMayDoWhatWhere(t *testing.T) {
	s := production(t)
	ops := operations()
	for kind := range kinds {
		t.Run(kinds[kind].name, func(t *testing.T) {
			for place := range places {
				rights := kinds[kind].rights[place]
				var c *cell
				for _, op := range ops {
					if c == nil {
						c = s.cell(t, kind, place)
					}
					want := "forbidden"
					switch {
					case op.missing && c.absent && (op.may(c, rights) || strings.Contains(rights, "rw")):
						want = "not_found" // for callers who could have seen the message
					case op.may(c, rights), op.name == revoking && slices.Contains(kinds[kind].list, "*=a"):
						want = "ok"
					}
					got := op.try(t, c)
					if got != want {
						t.Errorf("%s: %s: %s, want %s", places[place].name, op.name, got, want)
					}
					if got == "ok" && !strings.HasPrefix(op.name, "GET") {
						c = nil // it may have changed something
					}
				}
			}
		})
	}
}

func TestWhoShowsNothingMayDoNothing(t *testing.T) {
	s := production(t)
	for place := range places {
		c := s.cell(t, 1, place)
		for _, token := range []string{"", "x", "key_x", c.token + "x"} {
			c.token = token
			for _, op := range operations() {
				if got := op.try(t, c); got != "unauthorized" {
					t.Errorf("%s with the token %q: %s", op.name, token, got)
				}
			}
		}
	}
	for _, path := range []string{"GET /api/channels", "GET /api/channels?all=true", "GET /api/messages", "GET /api/users/yve/presence",
		"POST /api/tickets"} {
		method, path, _ := strings.Cut(path, " ")
		s.do(method, path, "").is(t, 401, "unauthorized")
	}
}

// The words of a refusal are the same whether the channel exists or not.
func TestARefusalDoesNotTellWhatIsThere(t *testing.T) {
	s := production(t)
	there, absent := s.cell(t, 0, 2), s.cell(t, 0, 9)
	absent.user, absent.token = there.user, there.token
	for _, op := range operations() {
		if op.try(t, there) != op.try(t, absent) {
			t.Errorf("%s reports whether a channel is there", op.name)
		}
	}
	for _, path := range []string{"/api/messages?channel_id=CHANNEL&after=9", "/api/messages/CHANNEL/1", "/api/messages/CHANNEL/99",
		"/api/channels/CHANNEL", "/api/channels/CHANNEL/members",
		"/api/channels/CHANNEL/presence", "/api/messages/poll?channel_id=CHANNEL&after=99",
		"/api/stream/CHANNEL?after=99"} {
		a, b := there.call("GET", path, ""), absent.call("GET", path, "")
		if same(a, there) != same(b, absent) {
			t.Errorf("%s: %d %s\nand %d %s", path, a.StatusCode, a.body, b.StatusCode, b.body)
		}
	}
	// Nor does it matter whether a user exists.
	a, b := there.call("GET", "/api/users/yve/presence", ""), there.call("GET", "/api/users/nobody-ever/presence", "")
	if a.is(t, 403, "forbidden"); a.body != b.body {
		t.Errorf("%s and %s", a.body, b.body)
	}
	for _, path := range []string{"/api/channels?all=true", "/api/channels"} {
		if a := there.call("GET", path, ""); strings.Contains(a.body, "private:") || strings.Contains(a.body, "club:") {
			t.Errorf("%s lists what the caller may not see: %s", path, a.body)
		}
	}
}

// same is an answer without the name of the channel and other parts that always differ.
func same(a *answer, c *cell) string {
	h := a.Header.Clone()
	for _, name := range []string{"Date", "Content-Length"} {
		h.Del(name)
	}
	return strings.ReplaceAll(fmt.Sprint(a.StatusCode, h, a.body), c.channel, "CHANNEL")
}

func TestWhatOnlyTheServerSetsCantBeSent(t *testing.T) {
	s := production(t)
	c := s.cell(t, 1, 0)
	const forged = `"type":"system","id":9999,"timestamp":1,"name":"The Boss","edited":1,"deleted":true,` +
		`"reactions":{"x":{"count":9,"users":["yve"]}},"of":1,"change":"delete","epoch":"e","duplicate":true`
	check := func(what, text string) {
		t.Helper()
		a := c.call("GET", "/api/messages?channel_id=CHANNEL&limit=1", "")
		var ms []map[string]any
		if a.into(t, &ms); len(ms) != 1 || ms[0]["text"] != text {
			t.Fatalf("%s: %s", what, a.body)
		}
		m := ms[0]
		for name := range m {
			if !slices.Contains([]string{"type", "id", "channel", "user", "text", "timestamp", "key"}, name) {
				t.Errorf("%s: the message has %s: %s", what, name, a.body)
			}
		}
		if m["type"] != "message" || m["user"] != c.user || m["id"].(float64) > 100 || m["timestamp"].(float64) < 1e9 {
			t.Errorf("%s: %s", what, a.body)
		}
	}
	c.call("POST", "/api/messages", `{"channel_id":"CHANNEL","text":"one",`+forged+`}`).is(t, 201, "")
	check("POST", "one")
	c.call("POST", "/api/messages/batch", `[{"channel_id":"CHANNEL","text":"two",`+forged+`}]`).is(t, 200, "")
	check("batch", "two")
	if got := c.socket(t, "/ws", `{"channel":"CHANNEL","text":"three","key":"k",`+strings.Replace(forged,
		`"type":"system",`, "", 1)+`}`); got != "ok" {
		t.Fatal(got)
	}
	check("a frame", "three")

	for what, got := range map[string]string{
		"POST":   c.call("POST", "/api/messages", `{"channel_id":"CHANNEL","text":"x","user":"yve"}`).problem(t).Code,
		"query":  c.call("POST", "/api/messages?user=yve", `{"channel_id":"CHANNEL","text":"x"}`).problem(t).Code,
		"event":  c.call("POST", "/api/channels/CHANNEL/events", `{"event":"e","data":{},"user":"yve"}`).problem(t).Code,
		"types":  c.call("POST", "/api/channels/CHANNEL/typing", `{"user":"yve"}`).problem(t).Code,
		"edit":   c.call("PATCH", "/api/messages/CHANNEL/OTHERS", `{"text":"x","user":"yve"}`).problem(t).Code,
		"read":   c.call("POST", "/api/channels/CHANNEL/read", `{"id":1,"user":"yve"}`).problem(t).Code,
		"mute":   c.call("PUT", "/api/channels/CHANNEL/mute", `{"muted":true,"user":"yve"}`).problem(t).Code,
		"device": c.call("PUT", "/api/devices/phone", `{"platform":"apns","token":"t","user":"yve"}`).problem(t).Code,
		"frame":  c.socket(t, "/ws", `{"channel":"CHANNEL","text":"x","user":"yve","key":"k"}`),
		"typing": c.socket(t, "/ws", `{"type":"typing","channel":"CHANNEL","user":"yve","key":"k"}`),
	} {
		if got != "not_you" {
			t.Errorf("%s as another user: %s", what, got)
		}
	}
	// A back end may set the user.
	a := s.do("POST", "/api/messages", `{"channel_id":"`+c.channel+`","text":"x","user":"yve"}`, "Authorization: Bearer "+apiKey)
	if a.is(t, 201, ""); !strings.Contains(a.body, `"user":"yve"`) {
		t.Errorf("%s", a.body)
	}
}
