package bench

import (
	"testing"
	"time"

	"github.com/parley-server/parley/wire"
)

func TestDialectsOfPeers(t *testing.T) {
	const welcome = `{"type":"welcome","channel":"b.0","first_id":1,"last_id":3,"cursor":3}`
	for peer, stream := range map[string][]string{
		"centrifuge": {`{"id":1,"connect":{"client":"x","data":` + welcome + `}}`, "{}\n" +
			`{"push":{"channel":"b.0","pub":{"data":` + message(4) + `}}}`, `{"push":{"channel":"b.0","pub":{"data":` + message(6) + `}}}`},
		"socket.io": {`0{"sid":"x","pingInterval":25000}`, `40{"sid":"y"}`, `42["m",` + welcome + `]`, "2",
			`42["m",` + message(4) + `]`, `42["m",` + message(6) + `]`},
	} {
		s := &Swarm{args: SwarmArgs{Transport: "websocket", Channels: 1, Peer: peer}, targets: []target{{}}, hist: newHistogram()}
		r := &reader{swarm: s, fd: -1}
		r.begin(time.Now(), false)
		all := []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n")
		for _, f := range stream {
			all = append(all, frame(wire.OpText, f)...)
		}
		if err := r.take(all, 1); err != nil {
			t.Fatal(peer, err)
		}
		d := dialects[peer]
		if want := (Counts{Received: 2, Lost: 1}); s.tally.Counts != want || !r.welcomed {
			t.Errorf("%s: %+v, welcomed %v; not %+v", peer, s.tally.Counts, r.welcomed, want)
		}
		if out := said(d.hello) + said(d.pong); string(r.out) != out {
			t.Errorf("%s: it said %q, not %q", peer, r.out, out)
		}
	}
}

// said is a client's text frame.
func said(text string) string {
	return string(append(appendClientFrame(nil, 1, len(text)), text...))
}
