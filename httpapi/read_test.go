package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestNumbersBeyondTheirRangeAreClamped(t *testing.T) {
	s := serve(t)
	s.post("general", "a", "b")
	for limit, status := range map[string]int{"Infinity": 200, "-Infinity": 200, "1e400": 200, "0": 200, "-5": 200, "NaN": 400, "0x10": 400,
		"1_0": 400, "ten": 400} {
		code := ""
		if status != 200 {
			code = "bad_request"
		}
		s.get("/api/messages?channel_id=general&limit="+limit).is(t, status, code)
	}
	var ms []stored
	if s.get("/api/messages?channel_id=general&limit=-Infinity").into(t, &ms); len(ms) != 1 {
		t.Errorf("limit=-Infinity gives %d messages", len(ms))
	}
	s.get("/api/messages?channel_id=general&after=1e30").is(t, 410, "cursor_gone")
	s.get("/api/messages?channel_id=general&before=1e30").is(t, 200, "")
	s.do("PUT", "/api/channels/general/members/zoe?user=zoe", "").is(t, 204, "")
	if a := s.do("POST", "/api/channels/general/read?user=zoe", `{"id":1e30}`); a.body != `{"read_id":2,"unread":0}`+"\n" {
		t.Errorf("a pointer far beyond the head: %s", a.body)
	}
}

// What is no position is refused, also where the request does not use it.
func TestWhatIsNoPositionIsRefusedEverywhere(t *testing.T) {
	s := serve(t)
	s.post("general", "a")
	for _, path := range []string{"/api/messages?channel_id=general", "/api/messages/poll?timeout=0&channel_id=general",
		"/api/stream/general?x=1", "/api/stream?channel_id=general", "/ws/chat/general?x=1"} {
		for _, name := range []string{"since", "before", "after", "last_event_id"} {
			if a := s.get(path + "&" + name + "=abc"); a.StatusCode != 400 {
				t.Errorf("%s with %s=abc: %d %s", path, name, a.StatusCode, a.body)
			}
		}
	}
	for _, name := range []string{"since", "before", "after"} {
		for _, absent := range []string{"", "null", "undefined"} {
			s.get("/api/messages/poll?timeout=0&channel_id=general&"+name+"="+absent).is(t, 200, "")
		}
	}
}

func TestUnservableCursorNamesItsChannel(t *testing.T) {
	s := serve(t)
	s.post("general", "a", "b")
	s.post("random", "a")
	for _, path := range []string{"/api/messages?channel_id=general&channel_id=random&after=general:1,random:9",
		"/api/messages?channel_id=random&after=9"} {
		a := s.get(path)
		a.is(t, 410, "cursor_gone")
		if p := a.problem(t); p.Channel != "random" || p.Reason != "ahead" || p.First != 1 || p.Last != 1 {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

// A channel that the cursor does not name starts at its head.
func TestACursorNeedNotNameEveryChannel(t *testing.T) {
	s := serve(t)
	s.post("general", "a", "b", "c")
	s.post("random", "d")
	for _, channels := range []string{"channel_id=general&channel_id=random", "channel_id=random&channel_id=general"} {
		var ms []stored
		if s.get("/api/messages?"+channels+"&after=general:1").into(t, &ms); len(ms) != 2 || ms[0].Text != "b" || ms[1].Text != "c" {
			t.Errorf("%s: %v", channels, ms)
		}
	}
}

func TestHistoryFrameWithAnUnservableCursor(t *testing.T) {
	s := serve(t)
	s.post("general", "a", "b")
	c, _, err := websocket.Dial(t.Context(), s.url+"/ws/chat/general", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(`{"type":"history","after":9,"key":"h"}`)); err != nil {
		t.Fatal(err)
	}
	for {
		_, frame, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			problem
			Type, Key string
		}
		if err := json.Unmarshal(frame, &p); err != nil {
			t.Fatal(err)
		}
		if p.Type == "welcome" {
			continue
		}
		if p.Type != "error" || p.Code != "cursor_gone" || p.Key != "h" || p.Reason != "ahead" || p.First != 1 || p.Last != 2 {
			t.Errorf("%s", frame)
		}
		return
	}
}

func TestPollWithoutChannelReadsOwnOrPublicChannels(t *testing.T) {
	s := serve(t)
	s.post("general", "a")
	s.post("random", "b")
	s.post("@alice", "c")
	s.do("PUT", "/api/channels/random/members/bob", "").is(t, 204, "")
	for path, want := range map[string]string{"/api/messages": "[general random]", "/api/messages?user=bob&since=0": "[random]",
		"/api/messages?user=carol": "[]"} {
		var ms []stored
		s.get(path).into(t, &ms)
		got := []string{}
		for _, m := range ms {
			got = append(got, m.Channel)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
}

func TestAtMostOneStartParameter(t *testing.T) {
	s := serve(t)
	s.post("general", "a", "b")
	for _, address := range []string{"/api/messages?channel_id=general&", "/api/messages/poll?channel_id=general&timeout=0&",
		"/api/stream/general?", "/api/stream?channel_id=general&", "/ws/chat/general?"} {
		for _, query := range []string{"since=1&after=1", "after=1&before=2", "since=1&before=2"} {
			s.get(address+query).is(t, 400, "bad_request")
		}
	}
	s.get("/api/messages/poll?channel_id=general&timeout=0&since=null&after=1&before=undefined").is(t, 200, "")
}

func TestHeadRequestOfAStream(t *testing.T) {
	s := serve(t)
	s.do("PUT", "/api/channels/club?user=alice", `{"kind":"members"}`).is(t, 200, "")
	for user, status := range map[string]int{"alice": 200, "bob": 403} {
		for _, address := range []string{"/api/stream/club?user=", "/api/stream?channel_id=general&channel_id=club&user="} {
			a := s.do("HEAD", address+user, "")
			if a.StatusCode != status || status == 200 && (a.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" ||
				a.Header.Get("Cache-Control") != "no-cache, no-transform") {
				t.Errorf("%s of %s: %s %v", address, user, a.Status, a.Header)
			}
		}
	}
	if got := s.get("/api/channels/club/presence?user=alice").body; got != `{"count":0,"users":[],"truncated":false}`+"\n" {
		t.Errorf("who asked for a head is there: %s", got)
	}
}
