package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// The smuggling corpus: every way out of net/http (held polls, event streams, upgrades, and returned connections)
// carries a request whose body is another request. net/http itself is the oracle: a request that it does not see must
// not be executed.
//
// A new route that takes its connection out of net/http must be added to carriers.

// smuggled stores a message in LOOT if it is executed as a request.
const smuggled = "POST /api/messages?channel_id=LOOT&user=mallory&text=x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"

// carriers are requests that leave net/http, up to the blank line after their head.
// streams: the connection never returns, so nothing that follows may be executed.
// closes: the server may close it after its answer, so that what follows need not be
// executed.
var carriers = []struct {
	name, head      string
	streams, closes bool
}{
	{"held poll", rawHead("GET", "/api/messages/poll?channel_id=QUIET&user=USER&timeout=0.3"), false, false},
	{"held poll of many", rawHead("GET", "/api/messages/poll?channel_id=QUIET&channel_id=other&user=USER&timeout=0.3"), false, false},
	{"poll that is answered at once", rawHead("GET", "/api/messages/poll?channel_id=busy&user=USER&after=0"), false, false},
	{"HEAD of a poll", rawHead("HEAD", "/api/messages/poll?channel_id=QUIET&user=USER&timeout=0.3"), false, false},
	{"HEAD of a stream", rawHead("HEAD", "/api/stream/QUIET?user=USER"), false, false},
	{"short poll", rawHead("GET", "/api/messages?channel_id=QUIET&user=USER"), false, false},
	{"refused upgrade", rawHead("GET", "/ws/chat/QUIET?user=USER",
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 12"), false, true},
	{"stream", rawHead("GET", "/api/stream/QUIET?user=USER"), true, false},
	{"stream of many", rawHead("GET", "/api/stream?channel_id=QUIET&channel_id=other&user=USER"), true, false},
	{"upgrade", rawUpgrade("/ws/chat/QUIET?user=USER"), true, false},
	{"upgrade of many", rawUpgrade("/ws?user=USER"), true, false},
	{"upgrade that is refused in a frame", rawUpgrade("/ws/chat/QUIET?user=%20", "Origin: http://127.0.0.1"), true, false},
}

// rawHead is the head of a request up to its last field.
func rawHead(method, path string, fields ...string) string {
	return strings.Join(append([]string{method + " " + path + " HTTP/1.1", "Host: 127.0.0.1"}, fields...), "\r\n") + "\r\n"
}

func rawUpgrade(path string, fields ...string) string {
	return rawHead("GET", path, append(fields, "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")...)
}

// framings state, truly or not, where the carrier ends; N is the length of what follows.
var framings = []struct{ name, fields, before, after string }{
	{name: "no body, pipelined"},
	{name: "Content-Length: 0, pipelined", fields: "Content-Length: 0\r\n"},
	{name: "Content-Length", fields: "Content-Length: N\r\n"},
	{name: "Content-Length, lower case", fields: "content-length: N\r\n"},
	{name: "Content-Length twice", fields: "Content-Length: N\r\nContent-Length: N\r\n"},
	{name: "Content-Length of two values", fields: "Content-Length: N\r\nContent-Length: 0\r\n"},
	{name: "Content-Length of two values, 0 first", fields: "Content-Length: 0\r\nContent-Length: N\r\n"},
	{name: "Content-Length as a list", fields: "Content-Length: N, N\r\n"},
	{name: "Content-Length with a plus", fields: "Content-Length: +N\r\n"},
	{name: "Content-Length with zeros", fields: "Content-Length: 000N\r\n"},
	{name: "Content-Length with a space before the colon", fields: "Content-Length : N\r\n"},
	{name: "Content-Length with a tab", fields: "Content-Length:\tN\r\n"},
	{name: "Content-Length, folded", fields: "X-Other: a\r\n Content-Length: N\r\n"},
	{name: "Content-Length, folded value", fields: "Content-Length:\r\n N\r\n"},
	{name: "Content-Length after a bare line feed", fields: "X-Other: a\nContent-Length: N\r\n"},
	{name: "Content-Length after a bare carriage return", fields: "X-Other: a\rContent-Length: N\r\n"},
	{name: "Content_Length", fields: "Content_Length: N\r\n"},
	{name: "Content-Length and Expect", fields: "Content-Length: N\r\nExpect: 100-continue\r\n"},
	{name: "Content-Length and less than is sent", fields: "Content-Length: 7\r\n"},
	{name: "chunked", fields: "Transfer-Encoding: chunked\r\n", before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "chunked with a trailer", fields: "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n",
		before: "X\r\n", after: "\r\n0\r\nX-T: 1\r\n\r\n"},
	{name: "chunked, empty, pipelined", fields: "Transfer-Encoding: chunked\r\n", before: "0\r\n\r\n"},
	{name: "chunked, in capitals", fields: "Transfer-Encoding: CHUNKED\r\n", before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "chunked twice", fields: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "chunked and Content-Length: 0", fields: "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
		before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "chunked and a short Content-Length", fields: "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
		before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "chunked by another name", fields: "Transfer-Encoding: xchunked\r\n", before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "chunked after identity", fields: "Transfer-Encoding: identity, chunked\r\n", before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "chunked with a space before the colon", fields: "Transfer-Encoding : chunked\r\n",
		before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "chunked after a vertical tab", fields: "Transfer-Encoding: \vchunked\r\n", before: "X\r\n", after: "\r\n0\r\n\r\n"},
	{name: "a second upgrade, to h2c", fields: "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: N\r\n"},
	{name: "Sec-WebSocket fields and Content-Length", fields: "Sec-WebSocket-Protocol: parley.msgpack\r\nContent-Length: N\r\n"},
}

// seen is a net/http server that counts the requests it sees for each channel of loot.
func seen(t *testing.T) (addr string, count func(loot string) int) {
	var mu sync.Mutex
	loots := map[string]int{}
	oracle := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			mu.Lock()
			defer mu.Unlock()
			loots[r.FormValue("channel_id")]++
		}
	}))
	t.Cleanup(oracle.Close)
	return oracle.Listener.Addr().String(), func(loot string) int {
		mu.Lock()
		defer mu.Unlock()
		return loots[loot]
	}
}

func TestNothingIsSmuggledPastNetHTTP(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	address := strings.TrimPrefix(server.URL, "http://")
	oracle, oracleSaw := seen(t)
	post(t, server.URL, "busy", "something to answer with")
	slots := make(chan struct{}, 24)
	n := 0
	for _, c := range carriers {
		for _, f := range framings {
			for _, late := range []bool{false, true} {
				n++
				names := strings.NewReplacer("QUIET", fmt.Sprintf("quiet-%d", n), "USER", fmt.Sprintf("u%d", n), "LOOT",
					fmt.Sprintf("loot-%d", n))
				body := names.Replace(smuggled)
				if f.before == "X\r\n" {
					body = fmt.Sprintf("%x\r\n", len(body)) + body + f.after
				} else {
					body = f.before + body + f.after
				}
				head := names.Replace(c.head) + strings.ReplaceAll(f.fields, "N", fmt.Sprint(len(names.Replace(smuggled)))) + "\r\n"
				a := attack{t: t, base: server.URL, head: head, body: body, late: late, streams: c.streams,
					channel: names.Replace("QUIET"), user: names.Replace("USER")}
				loot := names.Replace("LOOT")
				t.Run(fmt.Sprintf("%s/%s/late=%v", c.name, f.name, late), func(t *testing.T) {
					t.Parallel()
					slots <- struct{}{}
					defer func() { <-slots }()
					a.t = t
					a.run(oracle, true)
					a.run(address, false)
					got, most := len(history(t, server.URL, loot)), oracleSaw(loot)
					if got > most || !c.streams && !c.closes && got < most {
						t.Errorf("the smuggled request ran %d times, and %d times in net/http", got, most)
					}
				})
			}
		}
	}
}

// attack is one carrier with one framing, sent in one piece, or with the body sent only
// after the carrier is already served.
type attack struct {
	t             *testing.T
	base          string
	head, body    string
	late, streams bool
	channel, user string
}

// attackTime bounds one attack, which takes a second.
const attackTime = time.Minute

const lastRequest = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"

// run sends the attack and waits until its effects are complete. plain: the other side is
// net/http, where each request is answered at once.
func (a *attack) run(address string, plain bool) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(attackTime))
	in := bufio.NewReader(conn)
	rest := a.body + lastRequest
	if a.late {
		write(a.t, conn, a.head)
		if !plain {
			a.served(conn, in)
		}
	} else {
		rest = a.head + rest
	}
	_, _ = io.WriteString(conn, rest) // the server may have closed it
	if plain || !a.streams {
		if _, err := io.Copy(io.Discard, in); errors.Is(err, os.ErrDeadlineExceeded) { // a reset is an end too
			a.t.Errorf("the connection to %s does not end", address)
		}
		return
	}
	// A stream does not end. A message posted after the attack marks its end.
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			a.t.Error("the stream is silent")
		}
		if err != nil || strings.Contains(line, "the barrier") {
			return
		}
		if strings.HasPrefix(line, "HTTP/1.1 200") || strings.HasPrefix(line, "HTTP/1.1 101") {
			if strings.HasPrefix(line, "HTTP/1.1 101") {
				return // a socket's input is processed in order, as broken frames, not as a request
			}
			post(a.t, a.base, a.channel, "the barrier")
		}
	}
}

// served waits until the user is present or the request was answered.
func (a *attack) served(conn net.Conn, in *bufio.Reader) {
	for range 200 {
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		if _, err := in.Peek(1); err == nil || err == io.EOF {
			break
		}
		if strings.Contains(fetch(a.t, a.base+"/api/users/"+a.user+"/presence"), `"online":true`) {
			break
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(attackTime))
}

// history returns the messages of a channel.
func history(t *testing.T, base, channel string) (all []message) {
	t.Helper()
	if err := json.Unmarshal([]byte(fetch(t, base+"/api/messages?channel_id="+channel)), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The answer to HEAD must have no body, or what follows it on the connection is misread.
func TestTheAnswerToHeadHasNoBody(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	post(t, server.URL, "busy", "something to answer with")
	for _, path := range []string{"/api/messages/poll?channel_id=busy&after=0", "/api/messages/poll?channel_id=quiet&timeout=60",
		"/api/messages/poll?channel_id=quiet&timeout=0", "/api/messages?channel_id=busy", "/api/stream/busy",
		"/api/stream?channel_id=busy", "/api/channels", "/api/channels/busy", "/api/messages/busy/1", "/healthz", "/readyz",
		"/", "/parley.js", "/openapi.json", "/nowhere", "/ws/chat/busy"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(attackTime))
			write(t, conn, "HEAD "+path+" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
			write(t, conn, lastRequest)
			in := bufio.NewReader(conn)
			first, err := http.ReadResponse(in, &http.Request{Method: http.MethodHead})
			if err != nil {
				t.Fatal(err)
			}
			if first.Close {
				if rest, _ := io.ReadAll(in); len(rest) > 0 {
					t.Errorf("after the head came %q", rest)
				}
				return
			}
			next, err := http.ReadResponse(in, &http.Request{Method: http.MethodGet})
			if err != nil {
				t.Fatalf("what follows the head is not an answer: %v", err)
			}
			if next.StatusCode != http.StatusOK {
				t.Errorf("the next request is answered with %s", next.Status)
			}
		})
	}
}

// Behind a proxy that shares its server connections among its clients, a smuggled head
// would take the next client's request, and its token, as its own body.
func TestNoClientOfAProxyGetsAnothersRequest(t *testing.T) {
	t.Parallel()
	for _, proxy := range []string{"nginx", "haproxy"} {
		t.Run(proxy, func(t *testing.T) {
			t.Parallel()
			server := testenv.Server(t)
			front := testenv.Service(t, proxy, "--backends", strings.TrimPrefix(server.URL, "http://"))
			for n := range 40 {
				post(t, server.URL, fmt.Sprintf("of-%d", n), fmt.Sprintf("only for %d", n))
			}
			prefix := rawHead("POST", "/api/messages?channel_id=loot&user=mallory",
				"Content-Type: application/x-www-form-urlencoded", "Content-Length: 300") + "\r\ntext="
			var wrong atomic.Int32
			var all sync.WaitGroup
			for n := range 40 {
				all.Go(func() {
					attacker(t, front, carriers[n%len(carriers)].head, prefix, n)
				})
				all.Go(func() {
					for range 10 {
						r, err := http.NewRequest(http.MethodGet,
							fmt.Sprintf("%s/api/messages?channel_id=of-%d&user=victim-%d", front, n, n), nil)
						if err != nil {
							t.Error(err)
							return
						}
						r.Header.Set("Authorization", "Bearer "+strings.Repeat("secret", 20))
						res, err := http.DefaultClient.Do(r)
						if err != nil {
							t.Error(err)
							return
						}
						b, _ := io.ReadAll(res.Body)
						res.Body.Close()
						if res.StatusCode != http.StatusOK || !bytes.Contains(b, fmt.Appendf(nil, "only for %d\"", n)) {
							wrong.Add(1)
						}
					}
				})
			}
			all.Wait()
			if loot := history(t, server.URL, "loot"); len(loot) > 0 {
				t.Errorf("the attacker has %d requests of others: %.300q", len(loot), loot[0].Text)
			}
			if n := wrong.Load(); n > 0 {
				t.Errorf("%d of 400 answers are not those to their requests", n)
			}
		})
	}
}

// attacker sends a carrier whose body is the head of another request, and waits for the
// beginning of the answer.
func attacker(t *testing.T, front, head, prefix string, n int) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(front, "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(attackTime))
	head = strings.NewReplacer("QUIET", fmt.Sprintf("quiet-%d", n), "USER", fmt.Sprintf("mallory-%d", n)).Replace(head)
	fields := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(prefix), prefix)
	if n%2 == 1 {
		fields = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(prefix), prefix)
	}
	_, _ = io.WriteString(conn, head+fields)
	_, _ = bufio.NewReader(conn).ReadString('\n')
}
