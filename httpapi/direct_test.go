package httpapi_test

import "testing"

// A direct channel's name that fits two pairs of users would let a user of one pair read
// what is written for the other.
func TestADirectNameThatFitsSeveralPairsIsRefusedEverywhere(t *testing.T) {
	s := serve(t)
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/api/channels/dm:a:b:c", ""}, {"GET", "/api/channels/dm:a:b:c", ""}, {"DELETE", "/api/channels/dm:a:b:c", ""},
		{"POST", "/api/messages", `{"channel_id":"dm:a:b:c","text":"x","user":"a"}`}, {"GET", "/api/messages?channel_id=dm:a:b:c&user=a", ""},
		{"GET", "/api/messages/poll?channel_id=dm:a:b:c&user=a&timeout=0", ""}, {"GET", "/api/stream/dm:a:b:c?user=a", ""},
		{"GET", "/ws/chat/dm:a:b:c?user=a", ""}, {"PUT", "/api/channels/dm:a:b:c/members/a", ""},
	} {
		s.do(c.method, c.path, c.body).is(t, 400, "bad_channel")
	}
	s.do("PUT", "/api/channels/dm:a:b", "").is(t, 200, "")
}
