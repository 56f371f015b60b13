package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/tinylib/msgp/msgp"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/testenv"
)

// packed is a WebSocket that speaks parley.msgpack.
type packed struct {
	t    *testing.T
	conn *websocket.Conn
}

func dialPacked(t *testing.T, base, path string) *packed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, base+path, &websocket.DialOptions{Subprotocols: []string{"other", "parley.msgpack"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if conn.Subprotocol() != "parley.msgpack" {
		t.Fatalf("the sub-protocol is %q", conn.Subprotocol())
	}
	return &packed{t, conn}
}

func (p *packed) send(kind websocket.MessageType, v map[string]any) {
	p.t.Helper()
	b, err := msgp.AppendMapStrIntf(nil, v)
	if err == nil {
		err = p.conn.Write(p.t.Context(), kind, b)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// until reads up to a frame of a type.
func (p *packed) until(kind string) map[string]any {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), testenv.Patience)
	defer cancel()
	for {
		how, b, err := p.conn.Read(ctx)
		if err != nil {
			p.t.Fatalf("waiting for %s: %v", kind, err)
		}
		v, err := unpack(b)
		m, ok := v.(map[string]any)
		if err != nil || !ok || how != websocket.MessageBinary {
			p.t.Fatalf("a frame holds %x: %v", b, err)
		}
		if m["type"] == kind {
			return m
		}
	}
}

// Bytes that a MessagePack client puts into data arrive as bytes for MessagePack
// readers, and as base64 for all others, also after a crash.
func TestRawBytesInDataReachEveryReader(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	live := dialPacked(t, server.URL, "/ws/chat/blobs?user=zoe") // the writer may see its message before its ack
	live.until("welcome")
	writer := dialPacked(t, server.URL, "/ws/chat/blobs?user=alice")
	writer.until("welcome")
	writer.send(
		websocket.MessageBinary,
		map[string]any{
			"key":  "k1",
			"data": map[string]any{"blob": []byte{0, 1, 255}, "none": []byte{}, "list": []any{[]byte("hi"), "AAH/"}},
		},
	)
	if ack := writer.until("ack"); ack["key"] != "k1" || fmt.Sprint(ack["id"]) != "1" {
		t.Errorf("the acknowledgement is %v", ack)
	}
	if _, err := client.New(server.URL, client.Config{User: "bob"}).Publish(t.Context(), "blobs",
		client.Draft{Data: json.RawMessage(`{"blob": "AAH/", "list" : [ "AAH/" ]}`)}); err != nil {
		t.Fatal(err)
	}
	bytes := map[string]any{"blob": []byte{0, 1, 255}, "none": []byte(nil), "list": []any{[]byte("hi"), "AAH/"}}
	text := map[string]any{"blob": "AAH/", "list": []any{"AAH/"}}
	check := func(life string, p *packed) {
		t.Helper()
		for _, want := range []map[string]any{bytes, text} {
			if m := p.until("message"); !reflect.DeepEqual(m["data"], want) {
				t.Errorf("%s, msgpack: %#v, want %#v", life, m["data"], want)
			}
		}
		c := client.New(server.URL, client.Config{User: "carol"})
		for _, tr := range client.Transports() {
			s, err := c.Open(t.Context(), tr, "blobs", client.At(0))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`{"blob":"AAH/","list":["aGk=","AAH/"],"none":""}`, `{"blob":"AAH/","list":["AAH/"]}`} {
				var got, wanted any
				for got == nil {
					e, err := s.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if e.Message != nil {
						_ = json.Unmarshal(e.Message.Data, &got)
					}
				}
				if _ = json.Unmarshal([]byte(want), &wanted); !reflect.DeepEqual(got, wanted) {
					t.Errorf("%s, %s: %v, want %s", life, tr, got, want)
				}
			}
			_ = s.Close()
		}
	}
	check("live", live)
	check("stored", dialPacked(t, server.URL, "/ws/chat/blobs?user=dave&after=0"))
	server.Kill()
	server.Restart()
	late := dialPacked(t, server.URL, "/ws?user=erin")
	late.send(websocket.MessageBinary, map[string]any{"type": "subscribe", "channel": "blobs", "after": 0, "key": "s"})
	if w := late.until("welcome"); w["key"] != "s" || w["resumed"] != true {
		t.Errorf("the welcome is %v", w)
	}
	check("after a crash", late)
	late.send(websocket.MessageBinary, map[string]any{"type": "history", "channel": "blobs", "before": 2, "limit": 1})
	if ms, _ := late.until("history")["messages"].([]any); len(ms) != 1 || !reflect.DeepEqual(ms[0].(map[string]any)["data"], bytes) {
		t.Errorf("the history is %#v", ms)
	}
}

func TestBytesInEventsReachMsgpackReaders(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	reader := dialPacked(t, server.URL, "/ws/chat/live?user=bob")
	reader.until("welcome")
	writer := dialPacked(t, server.URL, "/ws/chat/live?user=alice")
	writer.until("welcome")
	writer.send(websocket.MessageBinary, map[string]any{"type": "event", "event": "frame", "data": map[string]any{"pixels": []byte{7}}})
	if e := reader.until("event"); !reflect.DeepEqual(e["data"], map[string]any{"pixels": []byte{7}}) {
		t.Errorf("the event is %#v", e)
	}
}

func TestWrongMsgpackIsAnsweredAndTextClosesTheConnection(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	p := dialPacked(t, server.URL, "/ws/chat/general?user=alice")
	for name, frame := range map[string][]byte{
		"an extension": {0x81, 0xA4, 'd', 'a', 't', 'a', 0x81, 0xA1, 'v', 0xD4, 5, 0}, "a cut " +
			"map": {0x82, 0xA4}, "an announced giant": {0xDF, 255, 255, 255, 255},
	} {
		if err := p.conn.Write(t.Context(), websocket.MessageBinary, frame); err != nil {
			t.Fatal(err)
		}
		if e := p.until("error"); e["code"] != "bad_request" || e["hint"] == "" {
			t.Errorf("%s is answered with %v", name, e)
		}
	}
	if err := p.conn.Write(t.Context(), websocket.MessageText, []byte(hello)); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); ; {
		if _, _, err = p.conn.Read(t.Context()); err != nil {
			if code := websocket.CloseStatus(err); code != 1003 {
				t.Errorf("text closed with %d: %v", code, err)
			}
			break
		}
	}
}

// A page can't see a handshake's status, and accepts no answer without the sub-protocol
// that it requested.
func TestARefusedHandshakeSpeaksTheSubprotocolToo(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/ws/chat/not%20a%20name", &websocket.DialOptions{
		Subprotocols: []string{"parley.msgpack"}, HTTPHeader: http.Header{"Origin": {"http://localhost:3000"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	p := &packed{t, conn}
	if e := p.until("error"); conn.Subprotocol() != "parley.msgpack" || e["code"] != "bad_channel" {
		t.Errorf("sub-protocol %q, answer %v", conn.Subprotocol(), e)
	}
}

// Without --compression an offer is ignored; with it, it is accepted, and MessagePack takes precedence.
func TestHandshakeNegotiation(t *testing.T) {
	t.Parallel()
	offer := "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	both := offer + "Sec-WebSocket-Protocol: chat, parley.msgpack\r\n"
	plain, squeezing := testenv.Server(t), testenv.Server(t, "--compression")
	const deflate = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for _, c := range []struct {
		server              *testenv.Proc
		offer               string
		extension, protocol string
	}{
		{plain, "\r\n", "", ""}, {plain, offer, "", ""}, {plain, both, "", "parley.msgpack"},
		{squeezing, "\r\n", "", ""}, {squeezing, offer, deflate, ""}, {squeezing, both, "", "parley.msgpack"},
		{plain, "\r\nSec-WebSocket-Protocol: chat\r\n", "", ""}, {plain, "\r\nSec-WebSocket-Protocol: Parley.MsgPack\r\n", "", ""},
	} {
		s := dial(t, c.server, strings.Replace(upgrade, "\r\n\r\n", c.offer+"\r\n", 1))
		h := s.answer().Header
		if h.Get("Sec-WebSocket-Extensions") != c.extension || h.Get("Sec-WebSocket-Protocol") != c.protocol {
			t.Errorf("%q is answered with %v", c.offer, h)
		}
	}
}

// Third-party clients that offer compression by default.
func TestThirdPartyClientsReadCompressedMessages(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, base, channel string) *testenv.Client{
		"npm ws": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Node(t, "clients/ws.cjs", base, channel)
		},
		"Python websockets": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Python(t, "clients/websockets_client.py", base, channel)
		},
		"Chromium WebSocket": func(t *testing.T, base, channel string) *testenv.Client {
			return testenv.Browser(t, "clients/chromium.cjs", "ws", base, channel)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.Server(t, "--compression")
			c := start(t, server.URL, "general")
			c.Expect("ready")
			for n := range 20 {
				post(t, server.URL, "general", fmt.Sprint(n, strings.Repeat(" a word, another word…", n*n)))
			}
			post(t, server.URL, "general", "the end")
			if next := until(t, c, 1, "the end"); next != 22 {
				t.Errorf("%d messages, not 21", next-1)
			}
		})
	}
}
