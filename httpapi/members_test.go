package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// Walks through the routes of members, read pointers and changes.
func TestMembersReadPointersAndChanges(t *testing.T) {
	s := serve(t)
	alice := func(text string) {
		t.Helper()
		s.do("POST", "/api/messages", fmt.Sprintf(`{"channel_id":"general","user":"alice","text":%q}`, text)).is(t, 201, "")
	}
	alice("one")
	for _, c := range []struct {
		method, path, body string
		status             int
		code, answer       string
	}{
		{"PUT", "/api/channels/general/members/bob?user=bob", "", 204, "", ""},
		{"PUT", "/api/channels/general/members/carol?user=alice", `{"role":"admin"}`, 204, "", ""},
		{"PUT", "/api/channels/general/members/carol", `{"role":"king"}`, 400, "bad_request", ""},
		{"PUT", "/api/channels/general/members/guest", "", 400, "bad_request", ""},
		{"PUT", "/api/channels/general/members/channel", "", 400, "bad_request", ""},
		{"PUT", "/api/channels/@alice/members/bob", "", 403, "forbidden", ""},
		{"GET", "/api/channels/general/members?limit=2", "", 200, "", `{"members":[{"user":"alice","role":"member","read_id":1,`},
		{"GET", "/api/channels/general/members?limit=2", "", 200, "", `"next":"bob"}`},
		{"GET", "/api/channels/general/members?next=bob", "", 200, "", `{"members":[{"user":"carol","role":"admin","read_id":1,`},
		{"POST", "/api/channels/general/read", `{"id":1,"user":"dave"}`, 403, "forbidden", ""},
		{"PUT", "/api/channels/general/mute?user=dave", `{"muted":true}`, 403, "forbidden", ""},
		{"POST", "/api/channels/general/read?user=bob", `{}`, 400, "bad_request", ""},
		{"POST", "/api/channels/general/read?user=bob", `{"id":99}`, 200, "", `{"read_id":1,"unread":0}`},
		{"PUT", "/api/channels/general/mute?user=bob", `{"muted":true}`, 204, "", ""},
		{"PUT", "/api/channels/general/mute?user=bob", `{}`, 400, "bad_request", ""},
		{"PUT", "/api/channels/general/mute?user=bob", `{"muted":null}`, 400, "bad_request", ""},
		{"PUT", "/api/channels/general/mute?user=bob", `{"muted":"all"}`, 400, "bad_request", ""},
		{"PUT", "/api/channels/general/mute?user=bob", `{"muted":"true"}`, 400, "bad_request", ""},
		{"PUT", "/api/channels/general/mute?user=bob", `{"muted":1}`, 400, "bad_request", ""},
		{"PUT", "/api/channels/general/mute?user=bob", `{"muted":["mentions"]}`, 400, "bad_request", ""},
		{"POST", "/api/messages", `{"channel_id":"general","user":"alice","text":"hi @bob","thread":1}`, 201, "", ""},
		{"GET", "/api/channels?user=bob", "", 200, "",
			`"unread":1,"mentions":1,"read_id":1,"muted":true,"last_message":{"type":"message","id":2,`},
		{"PUT", "/api/channels/general/mute?user=bob", `{"muted":"mentions"}`, 204, "", ""},
		{"GET", "/api/channels?user=bob", "", 200, "", `"read_id":1,"muted":"mentions","last_message":`},
		{"PUT", "/api/channels/general/mute?user=bob", `{"muted": false }`, 204, "", ""},
		{"GET", "/api/channels?user=bob", "", 200, "", `"read_id":1,"muted":false,"last_message":`},
		{"POST", "/api/channels/general/read?user=bob", `{"id":2}`, 200, "", `{"read_id":2,"unread":0}`},
		{"POST", "/api/channels/general/read?user=bob", `{"id":1}`, 200, "", `{"read_id":2,"unread":0}`},
		{"GET", "/api/messages?channel_id=general&thread=1", "", 200, "", `"replies":1},{"type":"message","id":2,`},
		{"GET", "/api/messages?channel_id=general&thread=1&before=2&after=1", "", 400, "bad_request", ""},
		{"GET", "/api/messages?thread=1", "", 400, "bad_request", ""},

		{"PATCH", "/api/messages/general/1", `{"text":"uno","user":"alice"}`, 200, "",
			`{"type":"message","id":1,"channel":"general","user":"alice","text":"uno",`},
		{"PATCH", "/api/messages/general/1?user=alice", `{"text":"uno"}`, 200, "", `"edited":true}`},
		{"PATCH", "/api/messages/general/1?user=alice", `{"data":{"a":1}}`, 200, "", `"data":{"a":1},"edited":true}`},
		{"PATCH", "/api/messages/general/1?user=alice", `{"text":""}`, 200, "", `"data":{"a":1},"edited":true}`},
		{"PATCH", "/api/messages/general/1?user=alice", `{"data":null}`, 400, "bad_request", ""},
		{"PATCH", "/api/messages/general/1?user=alice", `{}`, 400, "bad_request", ""},
		{"PATCH", "/api/messages/general/1?user=alice", `{"text":"` + strings.Repeat("x", 16<<10+1) + `"}`, 413, "too_large", ""},
		{"PATCH", "/api/messages/general/99?user=alice", `{"text":"x"}`, 404, "not_found", ""},
		{"PATCH", "/api/messages/general/3?user=alice", `{"text":"x"}`, 404, "not_found", ""}, // a change itself
		{"PATCH", "/api/messages/general/x?user=alice", `{"text":"x"}`, 400, "bad_cursor", ""},
		{"PUT", "/api/messages/general/1/reactions/👍?user=bob", "", 204, "", ""},
		{"PUT", "/api/messages/general/1/reactions/%00?user=bob", "", 400, "bad_request", ""},
		{"GET", "/api/messages/general/1", "", 200, "", `"reactions":{"👍":{"count":1,"users":["bob"]}}}`},
		// changes nothing
		{"PUT", "/api/messages/general/1/reactions/👍?user=bob", "", 200, "", `"reactions":{"👍":{"count":1,"users":["bob"]}}}`},
		{"DELETE", "/api/messages/general/1/reactions/👍", `{"user":"bob"}`, 204, "", ""},
		{"DELETE", "/api/messages/general/1/reactions/👍?user=bob", "", 200, "", `"edited":true}`},
		{"PUT", "/api/messages/general/1/reactions/👍", `{"user":"zoe"}`, 204, "", ""},
		{"GET", "/api/messages/general/1", "", 200, "", `"reactions":{"👍":{"count":1,"users":["zoe"]}}}`},
		{"DELETE", "/api/messages/general/1", `{"user":"alice"}`, 204, "", ""},
		{"DELETE", "/api/messages/general/1?user=alice", "", 200, "", `"edited":true,"deleted":true}`},
		{"PATCH", "/api/messages/general/1?user=alice", `{"text":"x"}`, 409, "conflict", ""},
		{"PUT", "/api/messages/general/1/reactions/👍?user=bob", "", 409, "conflict", ""},
		{"GET", "/api/messages/general/1", "", 200, "", `"deleted":true}`},

		{"PUT", "/api/channels/general/bans/bob?user=carol", "", 204, "", ""},
		{"GET", "/api/messages?channel_id=general&user=bob", "", 403, "forbidden", ""},
		{"POST", "/api/messages", `{"channel_id":"general","user":"bob","text":"x"}`, 403, "forbidden", ""},
		{"PUT", "/api/channels/general/members/bob", "", 409, "conflict", ""},
		{"DELETE", "/api/channels/general/bans/bob", "", 204, "", ""},
		{"GET", "/api/messages?channel_id=general&user=bob", "", 200, "", ""},
		{"DELETE", "/api/channels/general/members/carol?user=carol", "", 204, "", ""},

		{"PUT", "/api/channels/general/members/erin", `{"role":"reader"}`, 204, "", ""},
		{"POST", "/api/messages", `{"channel_id":"general","user":"erin","text":"x"}`, 403, "forbidden", ""},
		{"PUT", "/api/channels/dm:bob:alice", "", 400, "bad_channel", ""},
		{"PUT", "/api/channels/dm:alice:bob", `{"kind":"public"}`, 400, "bad_request", ""},
		{"PUT", "/api/channels/dm:alice:bob", "", 200, "", `"kind":"members"`},
		{"GET", "/api/messages?channel_id=dm:alice:bob&user=alice", "", 200, "", "[]"},
		{"GET", "/api/messages?channel_id=dm:alice:bob&user=carol", "", 403, "forbidden", ""},
		{"GET", "/api/channels?all=true", "", 200, "", `{"channels":[{"channel":"general",`},
		{"GET", "/api/channels?user=bob&next=x", "", 400, "bad_cursor", ""},
	} {
		a := s.do(c.method, c.path, c.body)
		if a.is(t, c.status, c.code); !strings.Contains(a.body, c.answer) {
			t.Errorf("%s %s %s: %s, want %s", c.method, c.path, c.body, a.body, c.answer)
		}
	}
}

// Lists of a user's channels contain what the credentials allow the user to read: a token
// for a few channels shows nothing of the others, even if its user is a member there.
func TestListedChannelsMatchTheToken(t *testing.T) {
	s := production(t)
	key := "Authorization: Bearer " + apiKey
	s.do("PUT", "/api/channels/club", `{"kind":"members"}`, key).is(t, 200, "")
	for _, channel := range []string{"hall", "room", "club"} {
		s.do("PUT", "/api/channels/"+channel+"/members/alice", "", key).is(t, 204, "")
		s.do("POST", "/api/messages", `{"channel_id":"`+channel+`","user":"bob","text":"said in `+channel+`"}`, key).is(t, 201, "")
	}
	for _, c := range []struct {
		list []string
		want string
		// members-only channels admit their members
	}{{nil, "hall room club"}, {[]string{"hall"}, "hall club"}, {[]string{"*=w"}, "club"}, {[]string{}, "club"}} {
		for _, path := range []string{"/api/messages", "/api/messages?since=0", "/api/channels"} {
			a := s.do("GET", path, "", "Authorization: Bearer "+tokenFor(t, "alice", c.list))
			a.is(t, 200, "")
			for _, channel := range []string{"hall", "room", "club"} {
				if got, want := strings.Contains(a.body, "said in "+channel), strings.Contains(c.want, channel); got != want {
					t.Errorf("%s with %q shows %s: %v", path, c.list, channel, got)
				}
			}
		}
	}
}
