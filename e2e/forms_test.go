package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/tinylib/msgp/msgp"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// The forms of a WebSocket other than plain JSON are held to the promises of every
// transport: a relay speaks JSON with the suite's client and the form with parley.
func TestFormsOfAWebSocket(t *testing.T) {
	url := testenv.Server(t, "--compression").URL
	for name, opts := range map[string]websocket.DialOptions{
		"permessage-deflate": {CompressionMode: websocket.CompressionNoContextTakeover, CompressionThreshold: 1},
		"parley.msgpack":     {Subprotocols: []string{"parley.msgpack"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := parleytest.NewClient(relay(t, url, opts), "tess")
			parleytest.RunTransport(t, parleytest.TransportHarness{URL: url, Transport: client.WebSocket,
				Dial: func(ctx context.Context, channel string, from client.Position) (client.Stream, error) {
					return c.Open(ctx, client.WebSocket, channel, from)
				}})
		})
	}
}

// relay is a server that forwards WebSockets to another server, in another form.
func relay(t *testing.T, base string, opts websocket.DialOptions) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up, res, err := websocket.Dial(r.Context(), base+r.URL.RequestURI(), &opts)
		if err != nil && res != nil {
			body, _ := io.ReadAll(res.Body)
			w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
			w.WriteHeader(res.StatusCode)
			_, _ = w.Write(body)
			return
		}
		if err != nil {
			t.Errorf("dial: %v", err)
			return
		}
		packed := len(opts.Subprotocols) > 0
		if deflate := strings.HasPrefix(res.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate"); deflate == packed {
			t.Errorf("the handshake's answer has %v", res.Header)
		}
		down, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		up.SetReadLimit(-1)
		down.SetReadLimit(-1)
		out, in := plain, plain
		if packed {
			out, in = toMsgpack, toJSON
		}
		go pump(r.Context(), down, up, out)
		pump(r.Context(), up, down, in)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

type translate func(kind websocket.MessageType, b []byte) (websocket.MessageType, []byte, error)

// pump forwards messages until one side closes, and then closes the other the same way.
func pump(ctx context.Context, from, to *websocket.Conn, f translate) {
	for {
		kind, b, err := from.Read(ctx)
		if err == nil {
			kind, b, err = f(kind, b)
		}
		if err == nil {
			err = to.Write(ctx, kind, b)
		}
		if err != nil {
			if code := websocket.CloseStatus(err); code > 0 {
				_ = to.Close(code, "")
			} else {
				_ = to.CloseNow()
				_ = from.CloseNow()
			}
			return
		}
	}
}

func plain(kind websocket.MessageType, b []byte) (websocket.MessageType, []byte, error) {
	return kind, b, nil
}

func toMsgpack(_ websocket.MessageType, b []byte) (websocket.MessageType, []byte, error) {
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		return 0, nil, err
	}
	b, err := msgp.AppendMapStrIntf(nil, v)
	return websocket.MessageBinary, b, err
}

func toJSON(kind websocket.MessageType, b []byte) (websocket.MessageType, []byte, error) {
	v, err := unpack(b)
	if err != nil || kind != websocket.MessageBinary {
		return 0, nil, fmt.Errorf("frame %x is not MessagePack: %v", b, err)
	}
	fixTimes(v)
	b, err = json.Marshal(v)
	return websocket.MessageText, b, err
}

func unpack(b []byte) (any, error) {
	v, rest, err := msgp.ReadIntfBytes(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow", len(rest))
	}
	return v, err
}

// fixTimes writes timestamps as in JSON; float64 is exact enough for them.
func fixTimes(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			fixTimes(e)
		}
	case map[string]any:
		for k, e := range v {
			if f, ok := e.(float64); ok && k == "timestamp" {
				v[k] = json.Number(fmt.Sprintf("%.6f", f))
			}
			fixTimes(e)
		}
	}
}
