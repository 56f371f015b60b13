package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/httpapi"
)

// Walks through the routes of devices. No answer contains what could be used to push to a device.
func TestDevices(t *testing.T) {
	s := serve(t)
	bytes := func(n int) string { return base64.RawURLEncoding.EncodeToString(make([]byte, n)) }
	web := func(endpoint, key, secret string) string {
		return fmt.Sprintf(`{"platform":"webpush","subscription":{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}}}`, endpoint,
			key, secret)
	}
	const at = "https://push.example.com/secret-endpoint"
	for _, c := range []struct {
		method, path, body string
		status             int
		code, answer       string
	}{
		{"GET", "/api/devices?user=alice", "", 200, "", `{"devices":[]}`},
		{"PUT", "/api/devices/phone?user=alice", `{"platform":"apns","token":"secret-token"}`, 204, "", ""},
		{"PUT", "/api/devices/phone", `{"platform":"apns","token":"secret-token","user":"alice","app":"default"}`, 204, "", ""},
		{"PUT", "/api/devices/browser:1?user=alice", web(at, bytes(65), bytes(16)), 204, "", ""},
		{"PUT", "/api/devices/browser:2?user=alice", web(at+"/2", bytes(65)+"==", bytes(16)+"=="), 204, "", ""},
		{"GET", "/api/devices?user=alice", "", 200, "", `{"devices":[{"id":"browser:1","platform":"webpush","app":"default","created":1`},
		{"GET", "/api/devices?user=alice", "", 200, "", `{"id":"phone","platform":"apns","app":"default","created":1`},
		{"GET", "/api/devices?user=alice", "", 200, "", `,"failed":null}]}`},
		{"PUT", "/api/devices/tablet?user=bob", `{"platform":"apns","token":"secret-token"}`, 204, "", ""},
		{"GET", "/api/devices?user=bob", "", 200, "", `{"devices":[{"id":"tablet","platform":"apns",`},
		{"DELETE", "/api/devices/browser:1?user=alice", "", 204, "", ""},
		{"DELETE", "/api/devices/browser:1?user=alice", "", 204, "", ""},
		{"DELETE", "/api/devices/never?user=alice", "", 204, "", ""},
		{"GET", "/api/devices?user=alice", "", 200, "", `{"devices":[{"id":"browser:2",`},

		{"PUT", "/api/devices/" + strings.Repeat("x", 64) + "?user=alice", `{"platform":"fcm","token":"t"}`, 204, "", ""},
		{"PUT", "/api/devices/" + strings.Repeat("x", 65) + "?user=alice", `{"platform":"fcm","token":"t"}`, 400, "bad_request", "64"},
		{"PUT", "/api/devices/a%20b?user=alice", `{"platform":"fcm","token":"t"}`, 400, "bad_request", ""},
		{"PUT", "/api/devices/@a?user=alice", `{"platform":"fcm","token":"t"}`, 400, "bad_request", ""},
		{"DELETE", "/api/devices/a%20b?user=alice", "", 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", "", 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", "{", 400, "bad_json", ""},
		{"PUT", "/api/devices/x?user=alice", `{"platform":"apns","token":5}`, 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", `{"platform":"apns"}`, 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", `{"platform":"sms","token":"t"}`, 400, "bad_request", "apns, fcm or webpush"},
		{"PUT", "/api/devices/x?user=alice", `{"platform":"apns","token":"` + strings.Repeat("x", 4<<10+1) + `"}`, 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", `{"platform":"apns","token":"secret-token2","app":"game"}`, 400, "bad_request",
			"{apps: {game: {apns"},
		{"PUT", "/api/devices/x?user=alice", web(at, bytes(64), bytes(16)), 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", web(at, bytes(65), bytes(17)), 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", web(at, "secret!", bytes(16)), 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", web("ftp://push.example.com/secret-endpoint", bytes(65), bytes(16)), 400, "bad_request", ""},
		{"PUT", "/api/devices/x?user=alice", `{"platform":"webpush","token":"secret-token3"}`, 400, "bad_request", ""},
		{"PUT", "/api/devices/x", `{"platform":"apns","token":"t"}`, 403, "forbidden", ""},
		{"GET", "/api/devices", "", 403, "forbidden", ""},
		{"DELETE", "/api/devices/x", "", 403, "forbidden", ""},
		{"POST", "/api/devices/x?user=alice", "{}", 405, "method_not_allowed", ""},
		{"GET", "/api/push/public-key?user=alice", "", 200, "", `{"key":"BPublicKey"}`},
		{"GET", "/api/push?user=alice", "", 404, "not_found", ""},
	} {
		a := s.do(c.method, c.path, c.body, "Content-Type: application/json")
		if a.is(t, c.status, c.code); !strings.Contains(a.body, c.answer) || strings.Contains(a.body, "secret") {
			t.Errorf("%s %s %.80s: %s", c.method, c.path, c.body, a.body)
		}
	}
	for i := range 18 {
		s.do("PUT", fmt.Sprint("/api/devices/more", i, "?user=alice"), fmt.Sprintf(`{"platform":"fcm","token":"more%d"}`, i)).is(t, 204, "")
	}
	s.do("PUT", "/api/devices/one?user=alice", `{"platform":"fcm","token":"one"}`).is(t, 409, "conflict")
}

func TestDevicesInProduction(t *testing.T) {
	s := production(t)
	const body = `{"platform":"apns","token":"t"}`
	for _, call := range [][2]string{{"GET", "/api/devices"}, {"PUT", "/api/devices/x"}, {"DELETE", "/api/devices/x"},
		{"GET", "/api/push/public-key"}} {
		s.do(call[0], call[1], body).is(t, 401, "unauthorized")
	}
	alice := "Authorization: Bearer " + tokenFor(t, "alice", []string{})
	s.do("PUT", "/api/devices/x", body, alice).is(t, 204, "")
	s.do("PUT", "/api/devices/x?user=bob", body, alice).is(t, 403, "not_you")
	s.do("DELETE", "/api/devices/x?user=bob", "", alice).is(t, 403, "not_you")
	if a := s.get("/api/devices", alice); !strings.Contains(a.body, `"id":"x"`) {
		t.Errorf("%s", a.body)
	}
	backEnd := "Authorization: Bearer " + apiKey
	if a := s.get("/api/devices?user=alice", backEnd); !strings.Contains(a.body, `"id":"x"`) {
		t.Errorf("%s", a.body)
	}
	// A revocation ends the tokens of a user, not the devices: the user may have signed in again on the device.
	s.do("POST", "/api/users/alice/revoke", "", backEnd).is(t, 204, "")
	if a := s.get("/api/devices?user=alice", backEnd); !strings.Contains(a.body, `"id":"x"`) {
		t.Errorf("after a revocation: %s", a.body)
	}
	s.do("DELETE", "/api/devices/x", `{"user":"alice"}`, backEnd).is(t, 204, "")
	if a := s.get("/api/devices?user=alice", backEnd); a.body != `{"devices":[]}` && a.body != "{\"devices\":[]}\n" {
		t.Errorf("%s", a.body)
	}
}

func TestDeviceWithoutPushConfigured(t *testing.T) {
	s := serveWith(t, mem.NewStore(mem.StoreConfig{}).Open(), chat.Config{}, func(_ chat.Store, tickets *auth.Tickets) httpapi.Authenticator {
		return httpapi.Development{Tickets: tickets}
	})
	a := s.do("PUT", "/api/devices/x?user=alice", `{"platform":"fcm","token":"t"}`)
	if a.is(t, 400, "bad_request"); !strings.Contains(a.problem(t).Hint, "--push-fcm-credentials-file") {
		t.Errorf("%s", a.body)
	}
	if a = s.get("/api/push/public-key?user=alice"); !strings.Contains(a.body, "--push-webpush-subject") {
		t.Errorf("%s", a.body)
	}
	a.is(t, 404, "not_found")
	if a = s.get("/api/devices?user=alice"); !strings.Contains(a.body, `{"devices":[]}`) {
		t.Errorf("%s", a.body)
	}
}
