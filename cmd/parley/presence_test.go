package main

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// Over TLS and HTTP/2, streams and held polls stay in their handlers; they keep their
// users present as elsewhere, and no longer.
func TestPresenceOverHTTP2(t *testing.T) {
	cert, key, roots := testenv.Certificate(t)
	url := running(t, "--data", t.TempDir(), "--tls-cert", cert, "--tls-key", key, "--leave-grace", "50ms", "--presence-ttl", "1s")[1]
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	get := func(ctx context.Context, path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, "GET", url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(r)
	}
	become := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for got := ""; ; <-tick.C {
			res, err := get(ctx, "/api/channels/room/presence")
			if err != nil {
				t.Fatalf("%v; it was %s, want %s", err, got, want)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.ProtoMajor != 2 {
				t.Fatalf("%s %v", res.Proto, err)
			}
			words := []string{}
			for _, m := range whoAndHow.FindAllStringSubmatch(string(body), -1) {
				words = append(words, m[1]+":"+m[2])
			}
			if got = strings.Join(words, " "); got == want {
				return
			}
		}
	}
	streaming, endStream := context.WithCancel(t.Context())
	defer endStream()
	res, err := get(streaming, "/api/stream/room?user=bob")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	polling, endPoll := context.WithCancel(t.Context())
	defer endPoll()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if res, err := get(polling, "/api/messages/poll?channel_id=room&user=alice&timeout=30"); err == nil {
			res.Body.Close()
		}
	}()
	become(`alice:"long-poll" bob:"sse"`)
	endStream()
	become(`alice:"long-poll"`)
	endPoll()
	<-answered
	become("")
}

var whoAndHow = regexp.MustCompile(`"user":"([a-z]+)","since":[0-9.]+,"transports":\[([^]]*)\]`)
