package bench

import (
	"bytes"
	"fmt"
	"net/url"
)

// dialect is the protocol of another server. The programs in load/peers wrap objects of parley's
// shape in their own messages, and accept publishing at /ws as parley does.
type dialect struct {
	path       string // %s: the channel
	hello      string // the first frame of a client
	ping, pong string // a frame and its answer
}

var dialects = map[string]*dialect{
	"centrifuge": {"/connection/websocket?channel=%s", `{"id":1,"connect":{}}`, "{}", "{}"},
	"socket.io":  {"/socket.io/?EIO=4&transport=websocket&channel=%s", "40", "2", "3"},
}

func (d *dialect) request(channel string) string {
	return fmt.Sprintf(d.path, url.QueryEscape(channel))
}

// unwrap finds parley's object in a frame; nil if there is none.
func (d *dialect) unwrap(r *reader, obj []byte) []byte {
	if string(obj) == d.ping {
		r.say(d.pong)
		return nil
	}
	if i := bytes.Index(obj, []byte(`{"type":"`)); i >= 0 {
		return obj[i:]
	}
	return nil
}
