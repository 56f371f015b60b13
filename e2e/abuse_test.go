package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/testenv"
)

// A hundred clients talk while one floods, opens connections in storms, sends bombs and
// broken frames, and does not read. The hundred see no error and get everything in order.
// How long things take is the benchmarks' to say.
func TestOneWhoAbusesTheServerHarmsNobody(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-handshakes", "10", "--max-connections-per-ip", "300", "--trusted-proxies", "127.0.0.1", "--compression")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	const clients, rooms, each = 100, 10, 20

	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range clients {
		ready.Add(1)
		user, room := fmt.Sprintf("user%d", i), fmt.Sprintf("room:%d", i%rooms)
		token := p.hour(user, room+"=rw")
		done.Go(func() {
			ws, _, err := websocket.Dial(ctx, p.URL+"/ws/chat/"+room, &websocket.DialOptions{HTTPHeader: http.Header{
				"Authorization": {"Bearer " + token}, "X-Forwarded-For": {fmt.Sprintf("203.0.113.%d", i)}}})
			ready.Done()
			if err != nil {
				t.Errorf("%s: %v", user, err)
				return
			}
			defer ws.CloseNow()
			<-start
			if err := converse(ctx, ws, user, each, clients/rooms*each); err != nil {
				t.Errorf("%s: %v", user, err)
			}
		})
	}
	ready.Wait()
	abuse, stop := context.WithCancel(ctx)
	var abusers sync.WaitGroup
	defer abusers.Wait()
	defer stop()
	mallory := p.hour("mallory", "room:0", "room:1", "mine:*")
	var refused, rounds atomic.Int64
	for _, attack := range []func() error{
		func() error { return p.flood(abuse, mallory, &refused) },
		func() error { return p.storm(abuse, &refused) },
		func() error { return p.bombs(abuse, mallory) },
		func() error { return p.deaf(abuse, mallory) },
		func() error { return p.guesses(abuse, &refused) },
	} {
		abusers.Go(func() {
			for abuse.Err() == nil {
				if err := attack(); err != nil && abuse.Err() == nil {
					t.Errorf("the abuser gave up: %v", err)
					return
				}
				rounds.Add(1)
			}
		})
	}
	becomes(t, "the abuse is under way", true, func() bool { return rounds.Load() > 10 && refused.Load() > 100 })
	close(start)
	done.Wait()
	stop()
	abusers.Wait()
	if p.refusals("rate_user") == 0 || p.refusals("rate_handshakes") == 0 {
		t.Error("no refusal was counted")
	}
	t.Logf("%d rounds of abuse, %d refusals", rounds.Load(), refused.Load())
	p.expect(200, "GET", "/api/messages?channel_id=room:0", p.key, "")
}

// converse sends messages one after the other and reads those of all, each once and in
// order.
func converse(ctx context.Context, ws *websocket.Conn, user string, own, all int) error {
	sent, acked, seen := 0, 0, map[string]int{}
	send := func() error {
		sent++
		return ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"text":"%d","key":"%s-%d"}`, sent, user, sent))
	}
	if err := send(); err != nil {
		return err
	}
	last, total := int64(0), 0
	for acked < own || total < all {
		_, b, err := ws.Read(ctx)
		if err != nil {
			return fmt.Errorf("after %d acknowledged and %d of %d messages: %w", acked, total, all, err)
		}
		var f struct {
			Type, User, Text, Key string
			ID                    int64
		}
		if err := json.Unmarshal(b, &f); err != nil {
			return err
		}
		switch f.Type {
		case "error":
			return fmt.Errorf("was told %s", b)
		case "ack":
			if acked++; acked < own {
				if err := send(); err != nil {
					return err
				}
			}
		case "message":
			if f.ID <= last && last != 0 {
				return fmt.Errorf("message %d came after %d", f.ID, last)
			}
			if last = f.ID; f.User == "mallory" {
				continue
			}
			if seen[f.User]++; f.Text != fmt.Sprint(seen[f.User]) {
				return fmt.Errorf("of %s came %q as message %d", f.User, f.Text, seen[f.User])
			}
			total++
		}
	}
	return nil
}

// flood sends as fast as it can.
func (p *production) flood(ctx context.Context, token string, refused *atomic.Int64) error {
	ws, _, err := websocket.Dial(ctx, p.URL+"/ws?token="+token, &websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"198.51.100.1"}}})
	if err != nil {
		return pause(ctx, refused) // it has opened too many
	}
	defer ws.CloseNow()
	go func() {
		for i := 0; i < 3000; i++ {
			if ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"channel":"mine:%d","text":"%s","key":"k"}`, i%5, strings.Repeat("x", 1000))) != nil {
				return
			}
		}
	}()
	for range 3000 {
		_, b, err := ws.Read(ctx)
		if err != nil {
			return nil
		}
		if bytes.Contains(b, []byte("rate_limited")) {
			refused.Add(1)
		}
	}
	return nil
}

// storm opens connections and leaves at once.
func (p *production) storm(ctx context.Context, refused *atomic.Int64) error {
	r, err := http.NewRequestWithContext(ctx, "GET", p.URL+"/api/stream/room:0", nil)
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
		refused.Add(1)
	}
	return nil
}

// bombs sends what is dear to read: deep and broken JSON, large headers, compressed
// nothing, broken frames.
func (p *production) bombs(ctx context.Context, token string) error {
	for _, body := range []string{strings.Repeat("[", 1<<20), `{"channel_id":"mine:0","data":` + strings.Repeat(`{"a":`, 100_000), strings.Repeat("x", 2<<20), `{"text":"` + strings.Repeat(`\ud800`, 100_000)} {
		r, err := http.NewRequestWithContext(ctx, "POST", p.URL+"/api/messages?token="+token, strings.NewReader(body))
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			continue // the server may close before it has read all
		}
		res.Body.Close()
		if res.StatusCode < 400 || res.StatusCode >= 500 {
			return fmt.Errorf("a bomb is answered with %s", res.Status)
		}
	}
	_, address, _ := strings.Cut(p.URL, "://")
	for _, bytes := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("a", 1<<20), "GET /" + strings.Repeat("a", 1<<20), strings.Repeat("A: b\r\n", 10_000),
		"GET /ws?token=" + token + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
			"X-Forwarded-For: 198.51.100.3\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n" + "\xc1\xfe\xff\xff" + strings.Repeat("\x00", 4+0xffff) + "\xff\xff\xff\xff",
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
func (p *production) deaf(ctx context.Context, token string) error {
	ws, _, err := websocket.Dial(ctx, p.URL+"/ws/chat/room:1?after=0&token="+token, &websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"198.51.100.4"}}})
	if err != nil {
		return pause(ctx, nil)
	}
	defer ws.CloseNow()
	return pause(ctx, nil)
}

// guesses tries credentials.
func (p *production) guesses(ctx context.Context, refused *atomic.Int64) error {
	r, err := http.NewRequestWithContext(ctx, "GET", p.URL+"/api/channels?token=guess", nil)
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
	refused.Add(1)
	return nil
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
