package httpapi_test

import (
	"strings"
	"testing"
)

func TestAChannelsKind(t *testing.T) {
	s := serve(t)
	s.do("PUT", "/api/channels/general", `{"kind":"public"}`).is(t, 200, "")
	s.do("PUT", "/api/channels/general", `{"kind":"members"}`).is(t, 200, "")
	for _, kind := range []string{`""`, `"private"`, `"Public"`} {
		a := s.do("PUT", "/api/channels/general", `{"kind":`+kind+`}`)
		if a.is(t, 400, "bad_request"); !strings.Contains(a.problem(t).Hint, "public or members") {
			t.Errorf("%s: %s", kind, a.body)
		}
	}
	s.do("PUT", "/api/channels/general", `{"kind":1}`).is(t, 400, "bad_request")
}

// null counts as absent, except for data and retention, which it clears.
func TestNullInAChannelsSettings(t *testing.T) {
	s := serve(t)
	for _, step := range []struct{ put, want string }{
		{`{"title":"T","topic":"O","data":{"a":1},"retention":{"messages":9}}`,
			`{"channel":"general","title":"T","topic":"O","kind":"public","data":{"a":1},"retention":{"messages":9},"first_id":1,"last_id":0}`},
		{`{"title":null,"topic":null,"kind":null}`,
			`{"channel":"general","title":"T","topic":"O","kind":"public","data":{"a":1},"retention":{"messages":9},"first_id":1,"last_id":0}`},
		{`{}`,
			`{"channel":"general","title":"T","topic":"O","kind":"public","data":{"a":1},"retention":{"messages":9},"first_id":1,"last_id":0}`},
		{`{"data":null}`, `{"channel":"general","title":"T","topic":"O","kind":"public","retention":{"messages":9},"first_id":1,"last_id":0}`},
		{`{"retention":null}`, `{"channel":"general","title":"T","topic":"O","kind":"public","first_id":1,"last_id":0}`},
		{`{"title":"","topic":""}`, `{"channel":"general","kind":"public","first_id":1,"last_id":0}`},
	} {
		for _, a := range []*answer{s.do("PUT", "/api/channels/general", step.put), s.get("/api/channels/general")} {
			if a.is(t, 200, ""); a.body != step.want+"\n" {
				t.Errorf("%s %s: %s, want %s", a.Request.Method, step.put, a.body, step.want)
			}
		}
	}
	for _, body := range []string{`{"retention":5}`, `{"retention":"x"}`, `{"retention":{"messages":-1}}`, `{"data":[]}`, `null`, `[]`, `1`} {
		s.do("PUT", "/api/channels/general", body).is(t, 400, "bad_request")
	}
}

func TestChannelListContinuesAfterAName(t *testing.T) {
	s := serve(t)
	s.post("a", "x")
	s.post("b", "x")
	for next, status := range map[string]int{"": 200, "a": 200, "undefined": 200, "a%20b": 400, "@": 400, "..": 400,
		strings.Repeat("a", 129): 400} {
		code := ""
		if status != 200 {
			code = "bad_channel"
		}
		s.get("/api/channels?all=true&next="+next).is(t, status, code)
	}
	if a := s.get("/api/channels?all=true&next=a"); !strings.Contains(a.body, `{"channels":[{"channel":"b"`) {
		t.Errorf("%s", a.body)
	}
}
