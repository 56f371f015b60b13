package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

type here struct {
	Count int
	Users []struct {
		User       string
		Since      float64
		Transports []string
	}
	Truncated bool
}

func (s *server) here(channel string) (h here) {
	s.t.Helper()
	a := s.get("/api/channels/" + channel + "/presence?user=zoe")
	a.is(s.t, 200, "")
	a.into(s.t, &h)
	return h
}

// stream opens an event stream and returns its lines; it ends with the test or by
// calling end.
func (s *server) stream(path string) (lines *bufio.Scanner, end func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 {
		s.t.Fatalf("%s: %s", path, res.Status)
	}
	return bufio.NewScanner(res.Body), cancel
}

// data returns the next data: line that contains all of has.
func (s *server) data(lines *bufio.Scanner, has ...string) string {
	s.t.Helper()
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), "data: ")
		if ok && !slices.ContainsFunc(has, func(part string) bool { return !strings.Contains(line, part) }) {
			return line
		}
	}
	s.t.Fatalf("the stream ended without %v: %v", has, lines.Err())
	return ""
}

func TestUsersInAChannel(t *testing.T) {
	s := serve(t)
	if a := s.get("/api/channels/empty/presence"); a.body != `{"count":0,"users":[],"truncated":false}`+"\n" {
		t.Errorf("an empty channel: %s", a.body)
	}
	before := float64(time.Now().UnixMicro()) / 1e6
	lines, _ := s.stream("/api/stream/general?user=bob")
	s.data(lines, `"welcome"`)
	s.get("/api/messages?channel_id=general&user=alice").is(t, 200, "")
	s.get("/api/messages?channel_id=general").is(t, 200, "") // a guest
	s.get("/api/messages?user=carol").is(t, 200, "")         // names no channel
	s.get("/api/messages?channel_id=general&before=9&user=dave").is(t, 200, "")
	s.get("/api/messages?channel_id=general&thread=1&user=dave").is(t, 200, "") // reads backward: that is not a poll
	h := s.here("general")
	if h.Count != 2 || len(h.Users) != 2 || h.Truncated {
		t.Fatalf("%+v", h)
	}
	for i, want := range []string{"alice [poll]", "bob [sse]"} {
		u := h.Users[i]
		if got := fmt.Sprint(u.User, " ", u.Transports); got != want || u.Since < before-1e-6 || u.Since > before+20 {
			t.Errorf("%s since %v, want %s since %v", got, u.Since, want, before)
		}
	}
	s.get("/api/channels/a%20b/presence").is(t, 400, "bad_channel")
	s.do("PUT", "/api/channels/general/presence", "").is(t, 405, "method_not_allowed")
}

// A user who has read by GET and then had a stream leaves when the stream ends.
func TestReadingDoesNotDelayAStreamsEnd(t *testing.T) {
	s := serve(t)
	others, _ := s.stream("/api/stream/general?user=bob")
	s.get("/api/messages?channel_id=general&user=alice").is(t, 200, "")
	s.data(others, `"user-joined"`, `"alice"`)
	lines, end := s.stream("/api/stream/general?user=alice")
	s.data(lines, `"welcome"`)
	s.get("/api/messages?channel_id=general&user=alice").is(t, 200, "")
	end()
	s.data(others, `"user-left"`, `"alice"`) // within the stream's 20 s; a poll's lease is a minute
	// She leaves the channel and the server in two steps, long before the lease of a poll, a minute, ends.
	body := ""
	for end := time.Now().Add(20 * time.Second); !strings.HasPrefix(body, `{"online":false,`); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("alice: %s", body)
		}
		body = s.get("/api/users/alice/presence").body
	}
}

func TestAtMostAThousandAreListed(t *testing.T) {
	s := serve(t)
	for i := range 1001 {
		s.get(fmt.Sprintf("/api/messages?channel_id=large&limit=1&user=u%d", i)).is(t, 200, "")
	}
	if h := s.here("large"); h.Count != 1001 || len(h.Users) != 1000 || !h.Truncated {
		t.Errorf("%d users, %d listed, truncated: %v", h.Count, len(h.Users), h.Truncated)
	}
}

func TestOnlineStatus(t *testing.T) {
	s := serve(t)
	seen := func(user string) (v struct {
		Online   bool
		LastSeen float64 `json:"last_seen"`
	}) {
		t.Helper()
		a := s.get("/api/users/" + user + "/presence?user=zoe")
		a.is(t, 200, "")
		a.into(t, &v)
		return v
	}
	if a := s.get("/api/users/bob/presence"); a.body != `{"online":false}`+"\n" {
		t.Errorf("who was never seen: %s", a.body)
	}
	before := float64(time.Now().UnixMicro()) / 1e6
	s.get("/api/messages?user=bob").is(t, 200, "")
	s.get("/api/messages/poll?channel_id=general&timeout=0&user=carol").is(t, 200, "")
	for _, user := range []string{"bob", "carol"} {
		if v := seen(user); !v.Online || v.LastSeen < before-1e-6 || v.LastSeen > before+20 {
			t.Errorf("%s: %+v, asked at %v", user, v, before)
		}
	}
	s.get("/api/messages").is(t, 200, "")
	if v := seen("guest"); v.Online {
		t.Error("a guest is online")
	}
	s.get("/api/users/@bob/presence").is(t, 400, "bad_request")
	s.get("/api/users/channel/presence").is(t, 400, "bad_request")
}

func TestAStreamWatchesUsers(t *testing.T) {
	s := serve(t)
	s.get("/api/messages?user=bob").is(t, 200, "")
	lines, _ := s.stream("/api/stream/general?user=zoe&watch=bob,carol&watch=dave,bob")
	s.data(lines, `"welcome"`)
	for _, want := range []string{`"user":"bob","online":true,"last_seen":`, `"user":"carol","online":false}`,
		`"user":"dave","online":false}`} {
		if line := s.data(lines, `"type":"presence"`); !strings.Contains(line, want) {
			t.Errorf("%s, want %s", line, want)
		}
	}
	_, end := s.stream("/api/stream/other?user=dave")
	s.data(lines, `"type":"presence","user":"dave","online":true,"last_seen":`)
	end()
	s.data(lines, `"type":"presence","user":"dave","online":false,"last_seen":`)

	many := make([]string, 501)
	for i := range many {
		many[i] = fmt.Sprint("u", i)
	}
	s.get("/api/stream/general?user=zoe&watch="+strings.Join(many, ",")).is(t, 413, "too_large")
	s.get("/api/stream/general?user=zoe&watch=bob,a%20b").is(t, 400, "bad_request")
	s.get("/api/messages/poll?channel_id=general&timeout=0&watch=bob").is(t, 400, "bad_request")
}

// A caller without the right to see presence does not receive it on its streams either,
// but receives all other events.
func TestAStreamWithoutTheRightIsNotToldWhoIsThere(t *testing.T) {
	s := production(t)
	at := func(path, user string, list ...string) string { return path + "token=" + tokenFor(t, user, list) }
	kinds := func(lines *bufio.Scanner) (all string) { // up to an event named end
		for lines.Scan() {
			kind, ok := strings.CutPrefix(lines.Text(), "event: ")
			if kind == "end" {
				return all
			}
			if ok && kind != "welcome" {
				all += kind + " "
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
	call := func(status int, method, path, body string) {
		t.Helper()
		s.do(method, path, body, "Authorization: Bearer "+apiKey).is(t, status, "")
	}
	call(200, "PUT", "/api/channels/club", `{"kind":"members"}`)
	call(204, "PUT", "/api/channels/club/members/may", `{}`)
	may, _ := s.stream(at("/api/stream/club?", "may", "club=r"))
	blind, _ := s.stream(at("/api/stream/hall?", "bea", "hall=rw"))
	many, _ := s.stream(at("/api/stream?channel_id=hall&channel_id=club&", "ben", "hall=r", "club=rp"))
	sees, _ := s.stream(at("/api/stream/hall?", "sue", "hall=rp"))
	for _, lines := range []*bufio.Scanner{blind, many, may, sees} {
		s.data(lines, `"welcome"`)
	}
	come := func(channel string) {
		t.Helper()
		lines, end := s.stream(at("/api/stream/"+channel+"?", "guy", channel+"=rw"))
		s.data(lines, `"welcome"`)
		end()
	}
	come("hall")
	if line := s.data(sees, `"user-left"`); !strings.Contains(line, "guy") {
		t.Errorf("who sees is told %s", line)
	}
	call(202, "POST", "/api/channels/hall/events", `{"event":"end"}`)
	for name, lines := range map[string]*bufio.Scanner{"one channel": blind, "two channels": many} {
		if got := kinds(lines); got != "" {
			t.Errorf("a stream of %s was told %s", name, got)
		}
	}
	come("club")
	s.data(may, `"user-left"`, `"guy"`)
	s.data(many, `"user-left"`, `"guy"`)
	call(204, "DELETE", "/api/channels/club/members/may", "") // may still read, as the token says, but not see presence
	for told, deadline := "", time.Now().Add(15*time.Second); ; {
		come("club")
		s.data(many, `"user-left"`, `"guy"`)
		call(202, "POST", "/api/channels/club/events", `{"event":"end"}`)
		if told = kinds(may); told == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("who lost the right is told %s", told)
		}
	}
}

// In production a user sees the presence of users with whom a channel is shared: as
// members, or because the token allows seeing presence where they are members.
func TestOfWhomOneMayKnow(t *testing.T) {
	s := production(t)
	for _, member := range []string{"hall/members/bob", "club/members/carol", "club/members/alice"} {
		s.do("PUT", "/api/channels/"+member, "", "Authorization: Bearer "+apiKey).is(t, 204, "")
	}
	for _, c := range []struct {
		list []string
		user string
		may  bool
	}{
		{nil, "carol", true}, {nil, "bob", false}, {nil, "alice", true}, {[]string{}, "carol", true},
		{[]string{"hall"}, "bob", true}, {[]string{"*=p"}, "bob", true}, {[]string{"hall=rw"}, "bob", false},
		{[]string{"other"}, "bob", false}, {[]string{"*"}, "nobody", false},
	} {
		token := "token=" + tokenFor(t, "alice", c.list)
		if a := s.get("/api/users/" + c.user + "/presence?" + token); c.may {
			a.is(t, 200, "")
		} else {
			a.is(t, 403, "forbidden")
		}
		lines, end := s.stream("/api/stream/@alice?watch=alice," + c.user + "&" + token)
		s.data(lines, `"welcome"`)
		s.data(lines, `"user":"alice","online":true`)
		told := c.user == "alice"
		if !told {
			s.do("POST", "/api/messages", `{"channel_id":"@alice","user":"x","text":"end"}`, "Authorization: Bearer "+apiKey).is(t, 201, "")
			told = strings.Contains(s.data(lines, `"type":"`), `"user":"`+c.user+`","online"`)
		}
		if told != c.may {
			t.Errorf("with %q %s is told: %v", c.list, c.user, told)
		}
		end()
	}
}

// The same on a WebSocket, where channels are added one by one and credentials may change.
func TestSocketPresenceFollowsTheToken(t *testing.T) {
	s := production(t)
	token := func(user string, list ...string) string { return tokenFor(t, user, list) }
	others, _ := s.stream("/api/stream/hall?token=" + token("sue", "hall"))
	s.data(others, `"welcome"`)
	ws := s.socket(t, "/ws?token="+token("bea", "hall=r", "club"))
	for _, channel := range []string{"club", "hall"} {
		ws.send(`{"type":"subscribe","channel":"` + channel + `","key":"s"}`)
		ws.answer()
	}
	visit := func(channel, end string) (told string) { // a user joins and leaves; returns what arrives up to an event
		t.Helper()
		lines, leave := s.stream("/api/stream/" + channel + "?token=" + token("guy", "hall", "club"))
		s.data(lines, `"welcome"`)
		leave()
		if channel == "hall" {
			s.data(others, `"user-left"`, `"guy"`)
		}
		s.do("POST", "/api/channels/"+channel+"/events", `{"event":"`+end+`"}`, "Authorization: Bearer "+apiKey).is(t, 202, "")
		for {
			f := ws.next()
			if f.Event == end {
				return told
			}
			told += f.Type + " "
		}
	}
	if got := visit("hall", "a"); got != "" {
		t.Errorf("with r alone the socket is told %s", got)
	}
	if got := visit("club", "b"); !strings.HasPrefix(got, "user-joined ") {
		t.Errorf("in the other channel, where it may see, it is told %s", got)
	}
	ws.send(`{"type":"auth","token":"` + token("bea", "hall=rp", "club=r") + `","key":"auth"}`)
	for f := ws.next(); f.Key != "auth"; f = ws.next() { // guy leaves the club
	}
	if got := visit("hall", "c"); !strings.Contains(got, "user-joined system user-left") {
		t.Errorf("with p it is told %s", got)
	}
	if got := visit("club", "d"); got != "" {
		t.Errorf("without it, %s", got)
	}
}
