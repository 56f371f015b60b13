package httpapi_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A client may close its side of the connection after its request and still read.
func TestAHalfClosedClientGetsItsNormalAnswer(t *testing.T) {
	s := serve(t)
	s.post("general", "first", "second", "third")
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/api/messages?user=alice", `{"channel_id":"general","text":"hello"}`, 201},
		{"POST", "/api/messages/batch?user=alice", `[{"channel_id":"general","text":"a"},{"channel_id":"other","text":"b"}]`, 200},
		{"PATCH", "/api/messages/general/1?user=alice", `{"text":"changed %d"}`, 200},
		{"PUT", "/api/messages/general/1/reactions/%d?user=alice", "", 204},
		{"DELETE", "/api/messages/general/1/reactions/%d?user=alice", "", 204},
		{"PUT", "/api/channels/general?user=alice", `{"title":"t%d"}`, 200},
		{"PUT", "/api/channels/general/members/bob?user=alice", `{"role":"reader"}`, 204},
		{"DELETE", "/api/channels/general/members/bob?user=alice", "", 204},
		{"POST", "/api/channels/general/read?user=alice", `{"id":2}`, 200},
		{"POST", "/api/channels/general/events?user=alice", `{"event":"score"}`, 202},
		{"GET", "/api/messages?channel_id=general&user=alice", "", 200},
		{"GET", "/api/channels?user=alice", "", 200},
		{"GET", "/api/messages/general/1?user=alice", "", 200},
	} {
		for i := range 10 {
			path, body := strings.Replace(c.path, "%d", fmt.Sprint(i), 1), strings.Replace(c.body, "%d", fmt.Sprint(i), 1)
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", c.method, path, len(body), body)
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.method})
			if err != nil || r.StatusCode != c.status {
				t.Fatalf("%s %s, attempt %d: %v, %v; want %d", c.method, path, i, r, err, c.status)
			}
			conn.Close()
		}
	}
}
