// Command peer is a minimal server on the centrifuge library, for comparison with parley in "parley
// bench --peer centrifuge". It stores nothing on disk. Publishers speak parley's frames at /ws;
// readers speak centrifuge's protocol.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/coder/websocket"
)

type channelKey struct{}

// heads assigns ids; a channel's publications are sent in their order.
type heads struct {
	mu sync.Mutex
	of map[string]int64
}

func main() {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelError,
		LogHandler: func(e centrifuge.LogEntry) { log.Println(e.Message, e.Fields) }})
	if err != nil {
		log.Fatal(err)
	}
	h := &heads{of: map[string]int64{}}
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		channel, _ := ctx.Value(channelKey{}).(string)
		h.mu.Lock()
		head := h.of[channel]
		h.mu.Unlock()
		welcome := fmt.Sprintf(`{"type":"welcome","channel":%q,"first_id":1,"last_id":%d,"cursor":%d}`, channel, head, head)
		return centrifuge.ConnectReply{Data: []byte(welcome), Credentials: &centrifuge.Credentials{},
			Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}}}, nil
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	readers := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{UseWriteBufferPool: true})
	http.HandleFunc("/connection/websocket", func(w http.ResponseWriter, r *http.Request) {
		readers.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), channelKey{}, r.URL.Query().Get("channel"))))
	})
	http.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			_, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			ack, err := h.publish(node, b)
			if err != nil || c.Write(r.Context(), websocket.MessageText, ack) != nil {
				return
			}
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("ready http=http://%s\n", l.Addr())
	log.Fatal(http.Serve(l, nil))
}

// publish gives a draft its id and sends it to the channel's subscribers.
func (h *heads) publish(node *centrifuge.Node, draft []byte) (ack []byte, err error) {
	var d struct{ Channel, Key, Text string }
	if err := json.Unmarshal(draft, &d); err != nil {
		return nil, err
	}
	now := float64(time.Now().UnixMicro()) / 1e6
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of[d.Channel]++
	id := h.of[d.Channel]
	m := fmt.Sprintf(`{"type":"message","id":%d,"channel":%q,"user":"guest","text":%q,"timestamp":%.6f,"key":%q}`, id, d.Channel, d.Text,
		now, d.Key)
	if _, err := node.Publish(d.Channel, []byte(m)); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"type":"ack","channel":%q,"id":%d,"timestamp":%.6f,"duplicate":false,"key":%q}`, d.Channel, id, now,
		d.Key), nil
}
