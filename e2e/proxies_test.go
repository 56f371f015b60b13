package e2e_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/testenv"
)

// proxy is HAProxy or nginx with the configuration of deploy/ in front of some nodes.
type proxy struct {
	url  string
	http *http.Client // trusts the proxy
}

// proxies start by name, in front of at most three nodes.
var proxies = map[string]func(t *testing.T, id *identity, sticky bool, nodes []*testenv.Proc) *proxy{"haproxy": haproxy, "nginx": nginx}

// identity is a certificate and the roots that trust it.
type identity struct {
	cert, key string
	http      *http.Client
}

func newIdentity(t *testing.T) *identity {
	t.Helper()
	cert, key, roots := testenv.Certificate(t)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &identity{cert: cert, key: key, http: &http.Client{Transport: transport}}
}

// edited returns a file of deploy/ with text replaced in some places, each of which must exist.
func edited(t *testing.T, file string, changes ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testenv.Root(), "deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("deploy/%s has no %q", file, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	return text
}

// nodesIn puts the addresses of nodes into the lines of a configuration, and drops the lines of missing nodes.
func nodesIn(t *testing.T, text string, nodes []*testenv.Proc) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(text) {
		drop := false
		for i := range 3 {
			example := fmt.Sprintf("10.0.0.1%d:8080", i+1)
			switch {
			case !strings.Contains(line, example):
			case i < len(nodes):
				line = strings.ReplaceAll(line, example, strings.TrimPrefix(nodes[i].URL, "http://"))
			default:
				drop = true
			}
		}
		if !drop {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func haproxy(t *testing.T, id *identity, sticky bool, nodes []*testenv.Proc) *proxy {
	t.Helper()
	both := filepath.Join(t.TempDir(), "both.pem")
	var pem []byte
	for _, file := range []string{id.cert, id.key} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, b...)
	}
	writeFile(t, both, string(pem))
	changes := []string{":443 ssl", "127.0.0.1:@PORT@ ssl", "/etc/haproxy/parley.pem", both, "maxconn 50000", "maxconn 5000"}
	if sticky {
		changes = append(changes, "  balance leastconn", "  #", "  # balance hash", "  balance hash", "  # hash-type", "  hash-type")
	}
	return start(t, id, "haproxy", nodesIn(t, edited(t, "haproxy/haproxy.cfg", changes...), nodes))
}

func nginx(t *testing.T, id *identity, sticky bool, nodes []*testenv.Proc) *proxy {
	t.Helper()
	changes := []string{"listen 443", "listen 127.0.0.1:@PORT@", "/etc/nginx/parley.crt", id.cert, "/etc/nginx/parley.key", id.key}
	if sticky {
		changes = append(changes, "  least_conn;", "  #", "  # hash $channel", "  hash $channel")
	}
	conf := `worker_processes 1; pid @DIR@/nginx.pid; error_log stderr warn; daemon off;
events { worker_connections 4096; }
http {
access_log off; client_body_temp_path @DIR@/b; proxy_temp_path @DIR@/p; fastcgi_temp_path @DIR@/f; uwsgi_temp_path @DIR@/u;
scgi_temp_path @DIR@/s;
` + nodesIn(t, edited(t, "nginx/parley.conf", changes...), nodes) + "}\n"
	return start(t, id, "nginx", conf)
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, id *identity, name, conf string) *proxy {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".conf")
	writeFile(t, file, conf)
	url := testenv.Service(t, name, "--conf", file)
	return &proxy{url: strings.Replace(url, "http:", "https:", 1), http: id.http}
}

func (p *proxy) client(user string) *client.Client {
	return client.New(p.url, client.Config{User: user, HTTPClient: p.http})
}

// get returns the answer to a request, with or without the Accept header of an EventSource.
func (p *proxy) get(t *testing.T, path string, events bool) (status int, head http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if events {
		r.Header.Set("Accept", "text/event-stream")
		r.Header.Set("Origin", "https://chat.example.com")
	}
	res, err := p.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// streamsOf returns the number of streams and held polls of a node.
func streamsOf(t *testing.T, node *testenv.Proc) int {
	t.Helper()
	_, metrics := request(t, "GET", node.AdminURL+"/metrics", "")
	for line := range strings.Lines(metrics) {
		if n, ok := strings.CutPrefix(line, "parley_streams "); ok {
			count, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				t.Fatal(err)
			}
			return count
		}
	}
	t.Fatal("no parley_streams among the metrics")
	return 0
}

// eachProxy runs a test behind each proxy, with both ways of distribution.
func eachProxy(t *testing.T, count int, test func(t *testing.T, p *proxy, nodes []*testenv.Proc)) {
	for name, behind := range proxies {
		for _, sticky := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", sticky"}[sticky], func(t *testing.T) {
				t.Parallel()
				all, _ := nodes(t, count)
				test(t, behind(t, newIdentity(t), sticky, all), all)
			})
		}
	}
}

// Over every transport a message is delivered as soon as it is stored: the proxy holds nothing back.
func TestAProxyPassesEveryTransport(t *testing.T) {
	t.Parallel()
	eachProxy(t, 2, func(t *testing.T, p *proxy, nodes []*testenv.Proc) {
		for _, via := range client.Transports() {
			s, err := p.client("reader").Open(t.Context(), via, "room", client.Position{})
			if err != nil {
				t.Fatal(via, err)
			}
			if e, err := s.Next(t.Context()); err != nil || e.Welcome == nil {
				t.Fatal(via, e, err)
			}
			for range 3 { // each is read before the next is sent
				ack, err := p.client("alice").Publish(t.Context(), "room", client.Draft{Text: string(via)})
				if err != nil {
					t.Fatal(via, err)
				}
				for id := int64(0); id != ack.ID; {
					e, err := s.Next(t.Context())
					if err != nil {
						t.Fatal(via, err)
					}
					id = e.ID
				}
			}
			if err := s.Close(); err != nil {
				t.Error(via, err)
			}
		}
	})
}

// A browser speaks HTTP/2 with the proxy, and WebSocket inside it where the proxy can.
func TestAProxyPassesABrowsersWebSocket(t *testing.T) {
	t.Parallel()
	for name, behind := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, _ := nodes(t, 2)
			p := behind(t, newIdentity(t), false, all)
			page := testenv.Browser(t, "clients/chromium.cjs", "ws", p.url, "room")
			page.Expect("ready")
			post(t, all[0].URL, "room", "from one node")
			next := until(t, page, 1, "from one node")
			post(t, all[1].URL, "room", "from the other")
			until(t, page, next, "from the other")
		})
	}
}

// The clients of a killed node are served by the other one, from where they were.
func TestAProxyMovesTheClientsOfADeadNode(t *testing.T) {
	t.Parallel()
	eachProxy(t, 2, func(t *testing.T, p *proxy, nodes []*testenv.Proc) {
		var subs []*client.Subscription
		for i, via := range []client.Transport{client.WebSocket, client.SSE, client.LongPoll, client.WebSocket, client.SSE, client.LongPoll} {
			s := p.client(fmt.Sprint("reader", i)).Subscribe("room", client.Options{From: client.At(0), Transport: via})
			t.Cleanup(func() { _ = s.Close() })
			subs = append(subs, s)
		}
		next := int64(0)
		say := func() {
			t.Helper()
			next++
			ack, err := p.client("alice").Publish(t.Context(), "room", client.Draft{Text: fmt.Sprint(next)})
			if err != nil || ack.ID != next {
				t.Fatal(ack, err)
			}
			for _, s := range subs {
				for {
					e, err := s.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if e.ID == 0 {
						continue
					}
					if e.ID != next {
						t.Fatalf("%d came over %s where %d was due", e.ID, s.Transport(), next)
					}
					break
				}
			}
		}
		say()
		say()
		busy := 0
		if streamsOf(t, nodes[1]) > streamsOf(t, nodes[0]) {
			busy = 1
		}
		nodes[busy].Kill()
		say()
		say()
		nodes[busy].Restart()
		nodes[1-busy].Kill()
		say()
		say()
	})
}

// While no node is up, an EventSource receives a retry delay; all other clients get a status.
func TestEventSourceRetriesWhileNoNodeIsUp(t *testing.T) {
	t.Parallel()
	for name, behind := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, _ := nodes(t, 2)
			p := behind(t, newIdentity(t), false, all)
			page := testenv.Browser(t, "clients/chromium.cjs", "sse", p.url, "room")
			page.Expect("ready")
			post(t, all[0].URL, "room", "before")
			next := until(t, page, 1, "before")
			for _, n := range all {
				n.Kill()
			}
			for _, path := range []string{"/api/stream/room", "/api/stream?channel_id=a&channel_id=b"} {
				status, head, body := p.get(t, path, true)
				if status != 200 || !strings.HasPrefix(head.Get("Content-Type"), "text/event-stream") || !strings.HasPrefix(body, "retry: ") ||
					!strings.HasSuffix(body, "\nevent: draining\ndata: {\"code\":\"unavailable\"}\n\n") {
					t.Errorf("%s is answered %d %v %q", path, status, head, body)
				}
				if head.Get("Access-Control-Allow-Origin") != "https://chat.example.com" || head.Get("Cache-Control") != "no-store" {
					t.Errorf("%s is answered with %v", path, head)
				}
				if status, head, body = p.get(t, path, false); status != 503 || !strings.Contains(body, `"code":"unavailable"`) {
					t.Errorf("%s without Accept is answered %d %v %q", path, status, head, body)
				}
			}
			if status, head, body := p.get(t, "/api/messages?channel_id=room", true); status != 503 || head.Get("Retry-After") == "" ||
				!strings.Contains(body, `"code":"unavailable"`) {
				t.Errorf("a poll is answered %d %v %q", status, head, body)
			}
			for _, n := range all {
				n.Restart()
			}
			post(t, all[1].URL, "room", "after")
			until(t, page, next, "after")
		})
	}
}

// Sticky: the clients of one channel are on one node, for every transport and spelling of the channel's name.
func TestStickyClientsOfAChannelAreOnOneNode(t *testing.T) {
	t.Parallel()
	for name, behind := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, _ := nodes(t, 3)
			p := behind(t, newIdentity(t), true, all)
			used := map[int]bool{}
			before := make([]int, len(all))
			for i := range 12 {
				channel := fmt.Sprintf("team:red:%d", i)
				escaped := strings.ReplaceAll(channel, ":", "%3A")
				for j, path := range []string{"/api/stream/" + channel, "/api/stream/" + escaped, "/api/stream?channel_id=" + channel,
					"/api/stream?channel_id=" + escaped, "/ws/chat/" + channel} {
					if path == "/ws/chat/"+channel {
						s, err := p.client("").Dial(t.Context(), channel, client.Position{})
						if err != nil {
							t.Fatal(err)
						}
						t.Cleanup(func() { _ = s.CloseNow() })
						continue
					}
					ctx, cancel := context.WithCancel(context.Background())
					t.Cleanup(cancel)
					r, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprint(p.url, path), nil)
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("Accept", []string{"*/*", "text/event-stream"}[j/2%2])
					res, err := p.http.Do(r)
					if err != nil || res.StatusCode != 200 {
						t.Fatal(res, err)
					}
					t.Cleanup(func() { _ = res.Body.Close() })
				}
				var on []int
				for n, node := range all {
					now := streamsOf(t, node)
					if now != before[n] {
						on = append(on, n)
						used[n] = true
					}
					if now != before[n] && now != before[n]+5 {
						t.Errorf("node %d has %d of the 5 streams of %s", n, now-before[n], channel)
					}
					before[n] = now
				}
				if len(on) != 1 {
					t.Errorf("the streams of %s are on the nodes %v", channel, on)
				}
			}
			if len(used) < 2 {
				t.Errorf("all channels are on the nodes %v", used)
			}
		})
	}
}
