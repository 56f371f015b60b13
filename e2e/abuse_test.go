package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/parley-server/parley/testenv"
)

// A hundred clients talk while one floods, opens connections in storms, sends bombs and
// broken frames, and does not read. The hundred see no error and receive everything in
// order. Latency is measured by the benchmarks.
func TestOneWhoAbusesTheServerHarmsNobody(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-handshakes", "10", "--rate-reads-user", "50", "--max-connections-per-ip", "300", "--trusted-proxies",
		"127.0.0.1", "--compression")
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
	mallory := newAbuser(p.URL, p.hour("mallory", "room:0", "room:1", "mine:*"))
	var abusing sync.WaitGroup
	defer abusing.Wait()
	defer stop()
	abusing.Go(func() {
		if err := mallory.run(abuse); err != nil {
			t.Errorf("the abuser gave up: %v", err)
		}
	})
	becomes(t, "the abuse is under way, and refused", true, func() bool {
		return mallory.rounds.Load() > 10 && mallory.refused.Load() > 100 && p.refusals("rate_user") > 0 &&
			p.refusals("rate_handshakes") > 0 &&
			p.refusals("reads_user") > 0
	})
	close(start)
	done.Wait()
	stop()
	abusing.Wait()
	t.Logf("%d rounds of abuse, %d refusals", mallory.rounds.Load(), mallory.refused.Load())
	p.expect(200, "GET", "/api/messages?channel_id=room:0", p.key, "")
}

// converse sends messages one after another and reads the messages of all clients, each
// once and in order.
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

// Refusing costs something too, so the server reads ever more slowly from a client that ignores refusals.
func TestWhoDoesNotStopIsReadFromSlowly(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-user", "0.001", "--trusted-proxies", "127.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	ws := p.dial("/ws", p.hour("mallory", "*"), "198.51.100.1")
	var answers atomic.Int64
	var reading, writing sync.WaitGroup
	reading.Go(func() {
		for {
			if _, _, err := ws.Read(ctx); err != nil {
				return
			}
			answers.Add(1)
		}
	})
	writing.Go(func() {
		for ctx.Err() == nil && ws.Write(ctx, websocket.MessageText, []byte(`{"channel":"room:a","text":"x","key":"k"}`)) == nil {
		}
	})
	defer writing.Wait()
	defer reading.Wait()
	defer ws.CloseNow()
	becomes(t, "ten thousand refusals", true, func() bool { return answers.Load() >= 10_000 })
	for i := range 10 { // other clients are served at the same time
		p.expect(201, "POST", "/api/messages", p.hour(fmt.Sprint("user", i), "*"), `{"channel_id":"room:a","text":"y"}`)
	}
	if n := answers.Load(); n > 15_000 {
		t.Errorf("%d refusals were told", n)
	}
	// The same holds for requests: the connection is from the same address.
	res, body := p.from("198.51.100.1", "POST", "/api/messages", p.hour("mallory", "*"), `{"channel_id":"room:a","text":"x"}`)
	p.limited("a request of that address", res, body)
}
