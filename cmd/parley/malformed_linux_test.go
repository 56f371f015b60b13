package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What net/http cannot read as a request never reaches a handler, but is answered like
// other errors.
func TestAMalformedRequestIsAnsweredWithAProblem(t *testing.T) {
	words := running(t, "--data", t.TempDir())
	address := strings.TrimPrefix(words[1], "http://")
	for request, want := range map[string]string{
		"GET /api/stream/%zz HTTP/1.1\r\nHost: HOST\r\n\r\n":                    "400 bad_request",
		"GET /ws/chat/%zz HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\n\r\n": "400 bad_request",
		"GET /healthz HTTP/1.1\r\n\r\n":                                         "400 bad_request",
		"GET /healthz HTTP/1.1\r\nHost: HOST\r\nA b: c\r\n\r\n":                 "400 bad_request",
		"nonsense\r\n\r\n": "400 bad_request",
		"GET /healthz HTTP/3.0\r\nHost: HOST\r\n\r\n":                                                "505 bad_request",
		"POST /api/messages HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: gzip\r\n\r\n":               "501 bad_request",
		"GET /healthz HTTP/1.1\r\nHost: HOST\r\nA: " + strings.Repeat("a", 1<<20) + "\r\n\r\n":       "431 too_large",
		"GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\nGET /%zz HTTP/1.1\r\nHost: HOST\r\n\r\n":         "200 400 bad_request",
		"GET /nowhere HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nAccept: text/plain\r\n\r\n\r\n": "404 not_found",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		go func() { _, _ = conn.Write([]byte(strings.ReplaceAll(request, "HOST", address))) }()
		got := ""
		for in := bufio.NewReader(conn); ; {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%.80q: %q, then %v", request, got, err)
			}
			got += fmt.Sprint(res.StatusCode)
			if res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%.80q: %v", request, res.Header)
			}
			if res.StatusCode == http.StatusOK {
				got += " "
				_, _ = in.Discard(len("ok\n"))
				continue
			}
			var problem struct {
				Status             int
				Code, Detail, Hint string
			}
			if err := json.NewDecoder(res.Body).Decode(&problem); err != nil || problem.Status != res.StatusCode || problem.Detail == "" ||
				problem.Hint == "" ||
				res.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%.80q: %+v, %v, %v", request, problem, res.Header, err)
			}
			got += " " + problem.Code
			break
		}
		if conn.Close(); got != want {
			t.Errorf("%.80q is answered with %s, want %s", request, got, want)
		}
	}
}
