package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// A message names twenty users who reacted; a separate route lists all of them.
func TestAllReactorsAreListed(t *testing.T) {
	s := serve(t)
	s.do("POST", "/api/messages", `{"channel_id":"general","text":"x","user":"alice"}`).is(t, 201, "")
	const heart, plain = "%E2%9D%A4%EF%B8%8F", "%E2%9D%A4"
	for i := range 25 {
		s.do("PUT", "/api/messages/general/1/reactions/"+[]string{heart, plain}[i%2], fmt.Sprintf(`{"user":"u%02d"}`, i)).is(t, 204, "")
	}
	s.do("PUT", "/api/messages/general/1/reactions/"+plain, `{"user":"u22"}`).is(t, 200, "") // there already, under the other
	for _, c := range []struct{ query, want string }{
		{heart + "?user=u22&limit=2", `{"count":25,"mine":true,"users":["u00","u01"],"next":"u01"}`},
		{plain + "?user=u22&limit=2&next=u01", `{"count":25,"mine":true,"users":["u02","u03"],"next":"u03"}`},
		{plain + "?user=alice&next=u22", `{"count":25,"mine":false,"users":["u23","u24"]}`},
		{plain + "?user=alice&limit=2&next=u22", `{"count":25,"mine":false,"users":["u23","u24"]}`},
		{"x?user=u22", `{"count":0,"mine":false,"users":[]}`},
		{plain, `{"count":25,"mine":false,"users":["u00",`},
	} {
		a := s.do("GET", "/api/messages/general/1/reactions/"+c.query, "")
		if a.is(t, 200, ""); !strings.HasPrefix(a.body, c.want) {
			t.Errorf("%s: %s, want %s", c.query, a.body, c.want)
		}
	}
	s.do("DELETE", "/api/messages/general/1/reactions/"+plain, `{"user":"u22"}`).is(t, 204, "")
	if a := s.do("GET", "/api/messages/general/1/reactions/"+heart+"?user=u22", ""); !strings.HasPrefix(a.body,
		`{"count":24,"mine":false,`) {
		t.Error(a.body)
	}
	for path, code := range map[string]string{"general/2/reactions/x": "not_found", "general/99/reactions/x": "not_found",
		"nowhere/1/reactions/x": "not_found"} {
		s.do("GET", "/api/messages/"+path, "").is(t, 404, code)
	}
	for _, path := range []string{"general/x/reactions/x", "general/1/reactions/%EF%B8%8F", "general/1/reactions/x?next=a%20b",
		"general/1/reactions/%01"} {
		if a := s.do("GET", "/api/messages/"+path, ""); a.StatusCode != 400 {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	s.do("PUT", "/api/messages/general/1/reactions/%EF%B8%8F", "").is(t, 400, "bad_request")
	s.do("DELETE", "/api/messages/general/1", `{"user":"alice"}`).is(t, 204, "")
	if a := s.do("GET", "/api/messages/general/1/reactions/"+heart+"?user=u22", ""); a.body != `{"count":0,"mine":false,"users":[]}`+"\n" {
		t.Error(a.body)
	}
}
