package httpapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

type stored struct {
	ID        int64
	Text, Key string
	Channel   string
	User      string
	Code      string
}

func TestRepeatedKeyReturnsTheFirstMessage(t *testing.T) {
	s := serve(t)
	s.do("POST", "/api/messages", `{"channel_id":"general","user":"alice","text":"first","key":"k"}`).is(t, 201, "")
	for _, body := range []string{
		`{"channel_id":"general","user":"alice","key":"k"}`,
		`{"channel_id":"general","user":"alice","key":"k","text":""}`,
		`{"channel_id":"general","user":"alice","key":"k","text":"` + strings.Repeat("x", 17<<10) + `"}`,
		`{"channel_id":"general","user":"alice","key":"k","data":[]}`,
		`{"channel_id":"general","user":"alice","key":"k","text":"x","thread":"abc"}`,
	} {
		a := s.do("POST", "/api/messages", body)
		var m stored
		if a.is(t, 200, ""); a.StatusCode == 200 {
			if a.into(t, &m); m.ID != 1 || m.Text != "first" {
				t.Errorf("%.80s: %s", body, a.body)
			}
		}
	}
	s.do("POST", "/api/messages?channel_id=general&user=alice", "", "Idempotency-Key: k").is(t, 200, "")

	s.do("POST", "/api/messages", `{"channel_id":"general","user":"alice","key":"other"}`).is(t, 400, "bad_request")
	s.do("POST", "/api/messages", `{"channel_id":"general","user":"bob","key":"k"}`).is(t, 400, "bad_request")
	s.do("POST", "/api/messages", `{"channel_id":"else","user":"alice","key":"k"}`).is(t, 400, "bad_request")
	s.do("POST", "/api/messages", `{"channel_id":"general","user":"alice","key":"`+strings.Repeat("k", 129)+`"}`).is(t, 413, "too_large")
}

func TestAKeyIsAnsweredInABatchAndOverAWebSocket(t *testing.T) {
	s := serve(t)
	a := s.do("POST", "/api/messages/batch?channel_id=general&user=alice", `[{"text":"first","key":"k"},{"key":"k"},{"key":"none"}]`)
	var ms []stored
	if a.into(t, &ms); len(ms) != 3 || ms[0].ID != 1 || ms[1].ID != 1 || ms[1].Text != "first" || ms[2].Code != "bad_request" {
		t.Errorf("%s", a.body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, s.url+"/ws/chat/general?user=alice", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, f := range []struct{ send, want string }{
		{`{"key":"k"}`, `{"type":"ack","channel":"general","id":1,`},
		{`{"key":"none"}`, `{"type":"error","channel":"general","code":"bad_request"`},
	} {
		if err := c.Write(ctx, websocket.MessageText, []byte(f.send)); err != nil {
			t.Fatal(err)
		}
		for {
			_, frame, err := c.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var head struct{ Type, Key string }
			if err := json.Unmarshal(frame, &head); err != nil {
				t.Fatal(err)
			}
			if head.Type != "ack" && head.Type != "error" {
				continue
			}
			if !strings.HasPrefix(string(frame), f.want) || head.Type == "ack" && !strings.Contains(string(frame), `"duplicate":true`) {
				t.Errorf("%s is answered with %s, want %s", f.send, frame, f.want)
			}
			break
		}
	}
}

// A cookie left by another server on this machine is not a credential in development.
func TestACookieMeansNothingInDevelopment(t *testing.T) {
	s := serve(t)
	const cookie = "Cookie: parley_token=x"
	s.do("POST", "/api/messages", `{"channel_id":"general","text":"x"}`, cookie).is(t, 201, "")
	s.do("POST", "/api/messages?channel_id=general&body=x", "", cookie).is(t, 201, "")
	s.do("PUT", "/api/channels/general", `{"title":"x"}`, cookie).is(t, 200, "")
}

func TestAThreadIsAnID(t *testing.T) {
	s := serve(t)
	s.do("POST", "/api/messages", `{"channel_id":"general","text":"root"}`).is(t, 201, "")
	for _, thread := range []string{`"abc"`, `1.5`, `{}`, `[1]`, `-1`, `true`, `"-3"`, `0`, `"0"`, `2`, `99`, `1e30`} {
		a := s.do("POST", "/api/messages", `{"channel_id":"general","text":"x","thread":`+thread+`}`)
		if a.is(t, 400, "bad_request"); !strings.Contains(a.problem(t).Detail, "thread") {
			t.Errorf("%s: %s", thread, a.body)
		}
	}
	for _, thread := range []string{`1`, `"1"`, `1.0`, `null`, `""`} {
		s.do("POST", "/api/messages", `{"channel_id":"general","text":"x","thread":`+thread+`}`).is(t, 201, "")
	}
	for _, thread := range []string{"abc", "0", "99", "-1"} {
		s.do("POST", "/api/messages?channel_id=general&text=x&thread="+thread, "").is(t, 400, "bad_request")
	}
	s.do("POST", "/api/messages?channel_id=general&text=x&thread=", "").is(t, 201, "")
	if a := s.do("POST", "/api/messages", `{"channel_id":"general","text":"to a reply","thread":2}`); !strings.Contains(a.body,
		`"thread":1`) {
		t.Errorf("a reply to a reply is %s", a.body)
	}
	for _, path := range []string{"/api/messages/poll?channel_id=general&thread=1", "/api/stream/general?thread=1",
		"/api/stream?channel_id=general&thread=1", "/ws/chat/general?thread=1", "/ws?thread=1"} {
		s.do("GET", path, "").is(t, 400, "bad_request")
	}
}

func TestABatchIsAList(t *testing.T) {
	s := serve(t)
	for _, body := range []string{"null", `{"text":"x"}`, `"x"`, "1"} {
		s.do("POST", "/api/messages/batch", body).is(t, 400, "bad_request")
	}
	s.do("POST", "/api/messages/batch", "").is(t, 400, "bad_json")
	deep := func(levels int) string {
		return `{"channel_id":"general","data":` + strings.Repeat(`{"a":`, levels-1) + "1" + strings.Repeat("}", levels)
	}
	var items []struct {
		ID   int64
		Code string
	}
	s.do("POST", "/api/messages/batch", "["+deep(64)+","+deep(65)+","+deep(5000)+","+deep(64)+"]").into(t, &items)
	if len(items) != 4 || items[0].ID != 1 || items[1].Code != "bad_json" || items[2].Code != "bad_json" || items[3].ID != 2 {
		t.Errorf("deep and too deep items: %v", items)
	}
	s.do("POST", "/api/messages/batch", strings.Repeat("[", 100_000)).is(t, 400, "bad_json")
	if a := s.do("POST", "/api/messages/batch", "[]"); a.body != "[]\n" {
		t.Errorf("an empty batch: %s", a.body)
	}
}

func TestQuerySuppliesMissingBatchFields(t *testing.T) {
	s := serve(t)
	a := s.do("POST", "/api/messages/batch?channel_id=general&user=alice&text=not+this&key=nor+this",
		`[{"text":"a"},{"text":"b","channel_id":"random","user":"bob"},{},null]`)
	var ms []stored
	a.into(t, &ms)
	if len(ms) != 4 || ms[0].Channel != "general" || ms[0].User != "alice" || ms[0].Key != "" || ms[1].Channel != "random" ||
		ms[1].User != "bob" ||
		ms[2].Code != "bad_request" || ms[3].Code != "bad_request" {
		t.Errorf("%s", a.body)
	}
}

func TestByteOrderMarkIsIgnored(t *testing.T) {
	s := serve(t)
	const bom = "\xef\xbb\xbf"
	s.do("POST", "/api/messages", bom+`{"channel_id":"general","text":"x"}`).is(t, 201, "")
	s.do("POST", "/api/messages/batch", bom+`[{"channel_id":"general","text":"x"}]`).is(t, 200, "")
	s.do("PUT", "/api/channels/general", bom+`{"title":"T"}`).is(t, 200, "")
}
