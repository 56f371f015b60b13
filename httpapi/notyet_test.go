package httpapi_test

import "testing"

// What the wire describes and this version lacks is told from what is wrong.
func TestWhatIsNotInThisVersionSaysSo(t *testing.T) {
	s := serve(t)
	s.post("general", "hello")
	for _, call := range [][2]string{
		{"GET", "/api/channels"}, {"PUT", "/api/channels/general/members/bob"}, {"GET", "/api/channels/general/members"},
		{"PUT", "/api/channels/general/bans/bob"}, {"POST", "/api/channels/general/read"}, {"PUT", "/api/channels/general/mute"},
		{"GET", "/api/channels/general/presence"}, {"GET", "/api/users/bob/presence"}, {"POST", "/api/users/bob/revoke"},
		{"PATCH", "/api/messages/general/1"}, {"DELETE", "/api/messages/general/1"}, {"PUT", "/api/messages/general/1/reactions/👍"},
		{"PUT", "/api/devices/phone"}, {"GET", "/api/push/public-key"}, {"POST", "/api/tickets"},
		{"GET", "/api/messages?channel_id=general&thread=1"}, {"GET", "/api/stream/general?watch=bob"},
	} {
		a := s.do(call[0], call[1], "")
		if a.is(t, 400, "bad_request"); a.problem(t).Hint != "not in this version" {
			t.Errorf("%s %s: %s", call[0], call[1], a.body)
		}
	}
}
