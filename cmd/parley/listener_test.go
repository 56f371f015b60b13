package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// serveOn serves "ok" on a listener until the test ends and returns its URL.
func serveOn(t *testing.T, full func() bool) (*listener, string) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(socket, full, nil, func(string) {})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })}
	var running sync.WaitGroup
	running.Go(func() { _ = l.run() })
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { server.Close(); running.Wait() })
	return l, "http://" + socket.Addr().String()
}

func TestWhoFindsNoRoomIsToldToComeBackAndThenServed(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	_, url := serveOn(t, full.Load)
	get := func() *http.Response {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	for range 3 {
		res := get()
		var p struct{ Code string }
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || p.Code != "overloaded" {
			t.Fatalf("without room: %s, %q, %v", res.Status, p.Code, err)
		}
	}
	full.Store(false)
	if res := get(); res.StatusCode != 200 {
		t.Errorf("with room: %s", res.Status)
	}
}

func TestWhoSpeaksTLSIsToldToComeBackToo(t *testing.T) {
	cert, key, roots := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(socket, func() bool { return true }, nil, func(string) {})
	l.secure = &tls.Config{Certificates: []tls.Certificate{pair}}
	var running sync.WaitGroup
	running.Go(func() { _ = l.run() })
	t.Cleanup(func() { l.Close(); running.Wait() })
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	res, err := client.Get("https://" + socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("without room: %s", res.Status)
	}
}

func TestAConnectionThatComesBackIsServedWithWhatWasReadOfItsRequest(t *testing.T) {
	l, _ := serveOn(t, func() bool { return false })
	client, server := net.Pipe()
	defer client.Close()
	go l.giveBack(server, []byte("GET / HTTP/1.1\r\nHo"))
	go io.WriteString(client, "st: a\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(client)
	if err != nil || string(answer[len(answer)-2:]) != "ok" {
		t.Errorf("answered with %q, %v", answer, err)
	}
}
