package httpapi_test

import (
	"strings"
	"testing"
)

// A foreign page can send a form or text/plain with the browser's cookie, but JSON only
// after a preflight.
func TestWithACookieOnlyJSONIsTaken(t *testing.T) {
	s := production(t)
	cookie := []string{"Cookie: parley_token=" + tokenFor(t, "alice", []string{"*=a"}), "Origin: https://chat.example.com"}
	// for this server its own pages have another origin
	s.do("POST", "/api/messages", `{"channel_id":"general","text":"x"}`, append(cookie, "Content-Type: application/json")...).is(t, 403,
		"forbidden")
	cookie[1] = "Sec-Fetch-Site: same-origin"
	json := append(cookie, "Content-Type: application/json; charset=utf-8")
	s.do("POST", "/api/messages", `{"channel_id":"general","text":"x"}`, json...).is(t, 201, "")
	for path, body := range map[string]string{
		"POST /api/messages":                         `{"channel_id":"general","text":"x"}`,
		"POST /api/messages?channel_id=general&text": "",
		"POST /api/messages/batch":                   `[{"channel_id":"general","text":"x"}]`,
		"POST /api/channels/general/events":          `{"event":"e","data":{}}`,
		"POST /api/channels/general/typing":          `{}`,
		"POST /api/channels/general/read":            `{"id":1}`,
		"PUT /api/channels/general/mute":             `{"muted":true}`,
		"PUT /api/devices/phone":                     `{"platform":"apns","token":"t"}`,
		"PUT /api/channels/general":                  `{"title":"t"}`,
		"PUT /api/channels/general/members/bob":      `{"role":"admin"}`,
		"PATCH /api/messages/general/1":              `{"text":"y"}`,
	} {
		method, path, _ := strings.Cut(path, " ")
		for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
			"application/jsonp", "text/plain; application/json"} {
			headers := cookie
			if kind != "" {
				headers = append(headers, "Content-Type: "+kind)
			}
			s.do(method, path, body, headers...).is(t, 415, "unsupported_media_type")
		}
		if body != "" && path != "/api/messages" {
			if a := s.do(method, path, body, json...); a.StatusCode >= 300 {
				t.Errorf("%s %s as JSON: %s %s", method, path, a.Status, a.body)
			}
		}
	}
}

func TestAnotherUserInTheAddressIsNotYou(t *testing.T) {
	s := production(t)
	alice := "Authorization: Bearer " + tokenFor(t, "alice", []string{"*"})
	for _, path := range []string{"/api/messages?channel_id=general", "/api/messages/poll?channel_id=general&timeout=0", "/api/channels?x",
		"/api/stream/general?x", "/ws?x", "/ws/chat/general?x", "/api/users/bob/presence?x", "/api/devices?x", "/api/push/public-key?x"} {
		s.get(path+"&user=bob", alice).is(t, 403, "not_you")
	}
	s.do("POST", "/api/messages/batch?user=bob", `[{"channel_id":"general","text":"x"}]`, alice).is(t, 403, "not_you")
	s.do("POST", "/api/tickets?user=bob", "", alice).is(t, 403, "not_you")
	for _, user := range []string{"alice", "", "undefined"} {
		s.get("/api/messages?channel_id=general&user="+user, alice).is(t, 200, "")
	}
}

// A back end acts as any user, also in requests without a body.
func TestABackEndActsAsAnyUser(t *testing.T) {
	s := production(t)
	key := "Authorization: Bearer " + apiKey
	s.do("POST", "/api/messages", `{"channel_id":"general","text":"x","user":"zed"}`, key).is(t, 201, "")
	s.do("POST", "/api/messages", `{"channel_id":"other","text":"y","user":"yve"}`, key).is(t, 201, "")
	if a := s.get("/api/channels?user=zed", key); !strings.Contains(a.body, `"channel":"general"`) || strings.Contains(a.body, "other") {
		t.Errorf("zed's channels: %s", a.body)
	}
	if a := s.get("/api/messages?user=zed", key); !strings.Contains(a.body, `"text":"x"`) || strings.Contains(a.body, `"text":"y"`) {
		t.Errorf("zed's messages: %s", a.body)
	}
	s.do("POST", "/api/channels/general/read?user=zed", `{"id":1}`, key).is(t, 200, "")
	s.get("/api/channels?user=a%20b", key).is(t, 400, "bad_request")
	s.get("/api/messages/poll?channel_id=general&timeout=0&user=zed", key).is(t, 200, "")
	if a := s.get("/api/channels/general/presence", key); !strings.Contains(a.body, `"user":"zed"`) {
		t.Errorf("who polled for zed: %s", a.body)
	}
}

// Nothing that an unknown caller sends is read, parsed or kept.
func TestCredentialsAreAskedForBeforeABodyIsRead(t *testing.T) {
	s := production(t)
	for _, path := range []string{"POST /api/messages", "POST /api/messages/batch", "POST /api/channels/general/events",
		"POST /api/channels/general/read", "PUT /api/channels/general/mute",
		"PUT /api/channels/general", "PUT /api/channels/general/members/bob", "PATCH /api/messages/general/1"} {
		method, path, _ := strings.Cut(path, " ")
		s.do(method, path, `{"broken`).is(t, 401, "unauthorized")
		s.do(method, path, `{"broken`, "Authorization: Bearer "+tokenFor(t, "alice", []string{"*"})).is(t, 400, "bad_json")
	}
}

// A ticket is valid for one request, whatever it contains.
func TestATicketIsGoodForAWholeBatch(t *testing.T) {
	s := production(t)
	var ticket struct{ Ticket string }
	s.do("POST", "/api/tickets", "", "Authorization: Bearer "+tokenFor(t, "alice", []string{"*"})).into(t, &ticket)
	a := s.do("POST", "/api/messages/batch?ticket="+ticket.Ticket,
		`[{"channel_id":"general","text":"1"},{"channel_id":"general","text":"2"}]`)
	if a.is(t, 200, ""); strings.Count(a.body, `"id":`) != 2 {
		t.Errorf("%s", a.body)
	}
}

func TestATicketMakesNoTicket(t *testing.T) {
	s := production(t)
	var ticket struct{ Ticket string }
	s.do("POST", "/api/tickets", "", "Authorization: Bearer "+tokenFor(t, "alice", []string{"*"})).into(t, &ticket)
	s.do("POST", "/api/tickets?ticket="+ticket.Ticket, "").is(t, 403, "forbidden")
}
