package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-server/parley/testenv"
)

// Environment variables that give the abuser process its target.
const abuseURL, abuseToken = "PARLEY_ABUSE_URL", "PARLEY_ABUSE_TOKEN"

// abuseFromOutside abuses a server until the standard input ends.
func abuseFromOutside(url string) {
	ctx, stop := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); stop() }()
	if err := newAbuser(url, os.Getenv(abuseToken)).run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// BenchmarkBesideAbuse measures how much longer the deliveries to a hundred clients in
// ten rooms take, at the 99th percentile, while one abuser attacks the server in every
// way at the same time: compared with no abuse (times-p99), and with the same abuse of
// another server on the same machine (times-p99-elsewhere), which uses as much CPU. The
// abuser has the lowest priority, since on another machine it would use none of the
// server's CPU.
func BenchmarkBesideAbuse(b *testing.B) {
	p, other := serve(b, "--trusted-proxies", "127.0.0.1"), serve(b, "--trusted-proxies", "127.0.0.1")
	good := p.crowd(b, 100, 10)
	const rounds, stretch = 5, 4 * time.Second
	good.talk(b, 2*time.Second) // until all is warm
	most := int64(0)            // resident bytes of the abused server
	beside := func(abused *production) float64 {
		defer abused.abuse(b)()
		p99 := good.talk(b, stretch)
		if rss, err := testenv.RSS(p.Cmd.Process.Pid); err == nil {
			most = max(most, rss)
		}
		return p99
	}
	measured := map[string][]float64{}
	for range rounds {
		quiet, elsewhere, here := good.talk(b, stretch), beside(other), beside(p)
		for unit, v := range map[string]float64{"quiet-p99-ms": quiet, "elsewhere-p99-ms": elsewhere, "abused-p99-ms": here,
			"times-p99": here / quiet, "times-p99-elsewhere": here / elsewhere} {
			measured[unit] = append(measured[unit], v)
		}
	}
	if p.refusals("rate_user") == 0 {
		b.Error("the abuser was not refused anything")
	}
	for unit, v := range measured {
		slices.Sort(v)
		b.ReportMetric(v[len(v)/2], unit)
	}
	b.ReportMetric(float64(most)/(1<<20), "rss-mib")
	b.ReportMetric(0, "ns/op")
}

// abuse starts the abuser and returns when it is running.
func (p *production) abuse(b *testing.B) (stop func()) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	before := p.refusals("rate_user")
	args := []string{self}
	if nice, err := exec.LookPath("nice"); err == nil {
		args = []string{nice, "-n", "19", self}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), abuseURL+"="+p.URL, abuseToken+"="+p.hour("mallory", "room:0", "room:1", "mine:*"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("the abuser: %v", err)
		}
	})
	b.Cleanup(stop)
	becomes(b, "the abuse is under way", true, func() bool { return p.refusals("rate_user") > before+100 })
	return stop
}

// crowd are clients that talk in rooms.
type crowd struct {
	clients []*websocket.Conn
	each    int // clients per room

	mu     sync.Mutex
	waited []time.Duration // the latencies of this stretch's deliveries
	failed error
}

func (p *production) crowd(b *testing.B, clients, rooms int) *crowd {
	b.Helper()
	c := &crowd{each: clients / rooms}
	for i := range clients {
		room := fmt.Sprint("room:", i%rooms)
		ws, _, err := websocket.Dial(b.Context(), p.URL+"/ws/chat/"+room, &websocket.DialOptions{HTTPHeader: http.Header{
			"Authorization": {"Bearer " + p.hour(fmt.Sprint("user", i), room)}, "X-Forwarded-For": {fmt.Sprintf("203.0.113.%d", i)}}})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { ws.CloseNow() })
		c.clients = append(c.clients, ws)
		go c.listen(b.Context(), ws)
	}
	return c
}

// listen records when each message arrives.
func (c *crowd) listen(ctx context.Context, ws *websocket.Conn) {
	for {
		_, frame, err := ws.Read(ctx)
		now := time.Now()
		var f struct{ Type, User, Text string }
		if err == nil {
			err = json.Unmarshal(frame, &f)
		}
		if err == nil && f.Type == "error" {
			err = fmt.Errorf("a good client was told %s", frame)
		}
		if ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		if said, bad := strconv.ParseInt(f.Text, 10, 64); err == nil && f.Type == "message" && f.User != "mallory" && bad == nil {
			c.waited = append(c.waited, now.Sub(time.Unix(0, said)))
		} else if err != nil && c.failed == nil {
			c.failed = err
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// talk makes every client send twice a second, at times fixed in advance, and returns
// the 99th percentile of the delivery latencies, in milliseconds.
func (c *crowd) talk(b *testing.B, stretch time.Duration) float64 {
	b.Helper()
	c.mu.Lock()
	c.waited = c.waited[:0]
	c.mu.Unlock()
	const gap = 5 * time.Millisecond
	begun, said := time.Now(), 0
	for ; time.Duration(said)*gap < stretch; said++ {
		due := begun.Add(time.Duration(said) * gap)
		time.Sleep(time.Until(due))
		if err := c.clients[said%len(c.clients)].Write(b.Context(), websocket.MessageText, fmt.Appendf(nil, `{"text":"%d"}`,
			due.UnixNano())); err != nil {
			b.Fatal(err)
		}
	}
	becomes(b, "all was delivered", true, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.waited) >= said*c.each || c.failed != nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		b.Fatal(c.failed)
	}
	slices.Sort(c.waited)
	return float64(c.waited[len(c.waited)*99/100].Microseconds()) / 1000
}
