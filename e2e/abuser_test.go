package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// abuser does to a server what should harm no other client.
type abuser struct {
	url, token string
	refused    *atomic.Int64 // refusals that it received
	rounds     *atomic.Int64 // of abuse
}

func newAbuser(url, token string) abuser {
	return abuser{url, token, new(atomic.Int64), new(atomic.Int64)}
}

// run abuses the server in every way at the same time until ctx ends. The error reports
// an answer that the server should not have given.
func (a abuser) run(ctx context.Context) (failed error) {
	var all sync.WaitGroup
	var mu sync.Mutex // guards failed
	for _, attack := range []func(context.Context) error{a.flood, a.storm, a.bombs, a.deaf, a.guesses, a.reads,
		a.hoards, a.frames, a.toggles, a.lists} {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := attack(ctx); err != nil && ctx.Err() == nil {
					mu.Lock()
					defer mu.Unlock()
					failed = err
					return
				}
				a.rounds.Add(1)
			}
		})
	}
	all.Wait()
	return failed
}

// flood sends as fast as it can.
func (a abuser) flood(ctx context.Context) error {
	ws, _, err := websocket.Dial(ctx, a.url+"/ws?token="+a.token,
		&websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"198.51.100.1"}}})
	if err != nil {
		return pause(ctx, a.refused) // it has opened too many
	}
	defer ws.CloseNow()
	go func() {
		for i := 0; i < 3000; i++ {
			if ws.Write(ctx, websocket.MessageText,
				fmt.Appendf(nil, `{"channel":"mine:%d","text":"%s","key":"k"}`, i%5, strings.Repeat("x", 1000))) != nil {
				return
			}
		}
	}()
	a.answers(ctx, ws, 3000)
	return nil
}

// storm opens connections and closes them at once.
func (a abuser) storm(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, "GET", a.url+"/api/stream/room:0", nil)
	if err != nil {
		return err
	}
	r.Header.Set("X-Forwarded-For", "198.51.100.2")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); bytes.Contains(b, []byte("rate_limited")) {
		a.refused.Add(1)
	}
	return nil
}

// bombs sends input that is expensive to read: deep and broken JSON, large headers,
// highly compressed data, broken frames.
func (a abuser) bombs(ctx context.Context) error {
	for _, body := range []string{strings.Repeat("[", 1<<20), `{"channel_id":"mine:0",` +
		`"data":` + strings.Repeat(`{"a":`, 100_000), strings.Repeat("x", 2<<20), `{"text":"` + strings.Repeat(`\ud800`, 100_000)} {
		r, err := http.NewRequestWithContext(ctx, "POST", a.url+"/api/messages?token="+a.token, strings.NewReader(body))
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			continue // the server may close before it has read everything
		}
		res.Body.Close()
		if res.StatusCode < 400 || res.StatusCode >= 500 {
			return fmt.Errorf("a bomb is answered with %s", res.Status)
		}
	}
	_, address, _ := strings.Cut(a.url, "://")
	for _, bytes := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("a", 1<<20), "GET /" + strings.Repeat("a", 1<<20), strings.Repeat("A: "+
			"b\r\n", 10_000),
		"GET /ws?token=" + a.token + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: " +
			"13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
			"X-Forwarded-For: 198.51.100.3\r\nSec-WebSocket-Extensions: " +
			"permessage-deflate\r\n\r\n" + "\xc1\xfe\xff\xff" + strings.Repeat("\x00", 4+0xffff) + "\xff\xff\xff\xff",
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(c, bytes)
		_, _ = c.Read(make([]byte, 512))
		c.Close()
	}
	return nil
}

// deaf follows a busy room and reads nothing.
func (a abuser) deaf(ctx context.Context) error {
	ws, _, err := websocket.Dial(ctx, a.url+"/ws/chat/room:1?after=0&token="+a.token,
		&websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"198.51.100.4"}}})
	if err != nil {
		return pause(ctx, nil)
	}
	defer ws.CloseNow()
	return pause(ctx, nil)
}

// guesses tries credentials.
func (a abuser) guesses(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, "GET", a.url+"/api/channels?token=guess", nil)
	if err != nil {
		return err
	}
	r.Header.Set("X-Forwarded-For", "198.51.100.5")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil
	}
	res.Body.Close()
	if !slices.Contains([]int{401, 429}, res.StatusCode) {
		return fmt.Errorf("a guess is answered with %s", res.Status)
	}
	a.refused.Add(1)
	return nil
}

// reads exceeds the read limits: all of a room, and rooms that do not exist.
func (a abuser) reads(ctx context.Context) error {
	ws, _, err := websocket.Dial(ctx, a.url+"/ws?token="+a.token,
		&websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"198.51.100.6"}}})
	if err != nil {
		return pause(ctx, a.refused)
	}
	defer ws.CloseNow()
	ws.SetReadLimit(2 << 20)
	const each = 3000
	go func() {
		for i := range each {
			frame := `{"type":"history","channel":"room:0","limit":1000,"after":0}`
			if i%2 == 0 {
				frame = fmt.Sprintf(`{"type":"subscribe","channel":"mine:%d","after":0}`, i)
			}
			if ws.Write(ctx, websocket.MessageText, []byte(frame)) != nil {
				return
			}
		}
	}()
	a.answers(ctx, ws, each)
	return nil
}

// answers reads n answers and counts the refusals among them.
func (a abuser) answers(ctx context.Context, ws *websocket.Conn, n int) {
	for range n {
		_, b, err := ws.Read(ctx)
		if err != nil {
			return
		}
		if bytes.Contains(b, []byte("rate_limited")) {
			a.refused.Add(1)
		}
	}
}

func pause(ctx context.Context, refused *atomic.Int64) error {
	if refused != nil {
		refused.Add(1)
	}
	select {
	case <-time.After(200 * time.Millisecond):
	case <-ctx.Done():
	}
	return nil
}

// hoards requests large pages and does not read them.
func (a abuser) hoards(ctx context.Context) error {
	_, address, _ := strings.Cut(a.url, "://")
	for i := range 50 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		defer c.Close()
		fmt.Fprintf(c,
			"GET /api/messages?channel_id=room:%d&after=0&limit=1000&token=%s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n",
			i%2, a.token)
	}
	return pause(ctx, nil)
}

// frames sends frames that need neither a right nor the store.
func (a abuser) frames(ctx context.Context) error {
	ws, _, err := websocket.Dial(ctx, a.url+"/ws?token="+a.token,
		&websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"198.51.100.8"}}})
	if err != nil {
		return pause(ctx, a.refused)
	}
	defer ws.CloseNow()
	go func() {
		for {
			if _, _, err := ws.Read(ctx); err != nil {
				return
			}
		}
	}()
	for i := range 20_000 {
		frame := []string{`{"type":"ping","key":"k"}`, `{"type":"pong"}`, `{"type":"visibility",` +
			`"state":"hidden"}`, `{"type":"unsubscribe","channel":"mine:1"}`}[i%4]
		if ws.Write(ctx, websocket.MessageText, []byte(frame)) != nil {
			return nil
		}
	}
	return nil
}

// toggles adds a reaction to a large message and removes it.
func (a abuser) toggles(ctx context.Context) error {
	post := func(method, path, body string) {
		r, err := http.NewRequestWithContext(ctx, method, a.url+path, strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set("Authorization", "Bearer "+a.token)
		r.Header.Set("X-Forwarded-For", "198.51.100.9")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return
		}
		if res.Body.Close(); res.StatusCode == 429 {
			a.refused.Add(1)
		}
	}
	post("POST", "/api/messages", `{"channel_id":"mine:0","key":"large","text":"`+strings.Repeat("x", 16_000)+`"}`)
	for range 100 {
		post("PUT", "/api/messages/mine:0/1/reactions/x", "")
		post("DELETE", "/api/messages/mine:0/1/reactions/x", "")
	}
	return nil
}

// lists makes requests that are expensive to answer.
func (a abuser) lists(ctx context.Context) error {
	for _, path := range []string{"/api/channels?all=true&limit=1000", "/api/channels?limit=1000", "/api/messages/room:0/1/thread",
		"/api/channels/room:0/members"} {
		r, err := http.NewRequestWithContext(ctx, "GET", a.url+path, nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+a.token)
		r.Header.Set("X-Forwarded-For", "198.51.100.10")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil
		}
		if res.Body.Close(); res.StatusCode >= 500 && res.StatusCode != 503 {
			return fmt.Errorf("%s is answered with %s", path, res.Status)
		}
	}
	return nil
}
