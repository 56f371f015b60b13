package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// A caller who may write but not read gets only the receipt of a message, and nothing of a
// change, whatever is sent and however often.
func TestWhatAnAnswerShowsToAWriter(t *testing.T) {
	s := production(t)
	key := "Authorization: Bearer " + apiKey
	writer := "Authorization: Bearer " + tokenFor(t, "eve", []string{"drop*=w"})
	s.do("POST", "/api/messages", `{"channel_id":"drop","user":"alice","text":"secret","data":{"a":"secret"}}`, key).is(t, 201, "")
	s.do("PUT", "/api/messages/drop/1/reactions/secret", `{"user":"alice"}`, key).is(t, 204, "")
	receipt := func(a *answer, status, id int, more string) {
		t.Helper()
		a.is(t, status, "")
		var m struct{ Timestamp any }
		a.into(t, &m)
		if want := fmt.Sprintf(`{"type":"message","id":%d,"channel":"drop","user":"eve","timestamp":`,
			id); !strings.HasPrefix(a.body, want) || strings.Contains(a.body, "text") {
			t.Errorf("the answer is %s, want %s…%s}", a.body, want, more)
		}
		if rest := strings.TrimLeft(a.body[strings.Index(a.body, `"timestamp":`)+12:], "0123456789."); strings.TrimSpace(rest) != more+"}" {
			t.Errorf("the answer ends in %s, want %s}", rest, more)
		}
	}
	receipt(s.do("POST", "/api/messages", `{"channel_id":"drop","text":"mine","key":"k","data":{"a":1}}`, writer), 201, 3, `,"key":"k"`)
	receipt(s.do("POST", "/api/messages", `{"channel_id":"drop","text":"again","key":"k"}`, writer), 200, 3, `,"key":"k"`)
	receipt(s.do("POST", "/api/messages", `{"channel_id":"drop","key":"k"}`, writer), 200, 3,
		`,"key":"k"`) // one that could not be stored, and a repeat
	receipt(s.do("POST", "/api/messages", `{"channel_id":"drop","text":"reply","thread":1}`, writer), 201, 4, "")
	a := s.do("POST", "/api/messages/batch",
		`[{"channel_id":"drop","text":"x"},{"channel_id":"drop","text":"x","key":"k"},`+
			`{"channel_id":"drop","key":"k"},{"channel_id":"drop","user":"bob","text":"x"}]`, writer)
	a.is(t, 200, "")
	for _, part := range []string{"text", "data", "mine", "thread"} {
		if strings.Contains(a.body, `"`+part+`"`) {
			t.Errorf("a batch shows %s: %s", part, a.body)
		}
	}
	for _, change := range []struct{ method, path, body string }{
		{"DELETE", "1/reactions/x", ""}, {"DELETE", "1/reactions/secret", ""}, {"PUT", "1/reactions/x", ""}, {"PUT", "1/reactions/x", ""},
		{"PATCH", "3", `{"text":"mine"}`}, {"PATCH", "3", `{"text":"other"}`}, {"PATCH", "3", `{"text":"other"}`}, {"DELETE", "3",
			""}, {"DELETE", "3", ""},
	} {
		a := s.do(change.method, "/api/messages/drop/"+change.path, change.body, writer)
		a.is(t, 204, "")
		if a.body != "" {
			t.Errorf("%s %s is answered with %s", change.method, change.path, a.body)
		}
	}
	receipt(s.do("POST", "/api/messages", `{"channel_id":"drop","text":"again","key":"k"}`, writer), 200, 3, `,"key":"k"`)
	for _, refused := range []struct{ method, path, body string }{{"PATCH", "1", `{"text":"y"}`}, {"DELETE", "1", ""}, {"PATCH",
		"99", `{"text":"y"}`}, {"GET", "1", ""}, {"GET", "1/reactions/secret", ""}} {
		a := s.do(refused.method, "/api/messages/drop/"+refused.path, refused.body, writer)
		if a.is(t, 403, "forbidden"); strings.Contains(a.body, "alice") {
			t.Errorf("%s %s tells %s", refused.method, refused.path, a.body)
		}
	}
	reader := "Authorization: Bearer " + tokenFor(t, "eve", []string{"drop*=rw"})
	if a := s.do("DELETE", "/api/messages/drop/1/reactions/x", "", reader); a.StatusCode != 204 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := s.do("DELETE", "/api/messages/drop/1/reactions/x", "", reader); a.StatusCode != 200 || !strings.Contains(a.body, "secret") {
		t.Errorf("a reader is answered %d %s", a.StatusCode, a.body)
	}
}
