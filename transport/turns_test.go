package transport

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/wire"
)

// A client that sends many frames at once is read in turns with others: each call
// processes some, and the connection has rung to be called again. No frame is lost or
// answered twice.
func TestManyFramesAreReadInTurns(t *testing.T) {
	f := feed.New(nil, feed.Config{})
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	transports := New(chat.New(nil, f, chat.Config{}), e, Config{MaxFrame: 1 << 20, HeartbeatInterval: time.Hour})
	p := transports.newPeer(access.Caller{User: parley.Guest}, wire.FormWS, nil)

	const frames = 3*maxAtOnce + 5
	var sent, want bytes.Buffer
	for i := range frames {
		payload := fmt.Append(nil, i)
		if err := ws.WriteFrame(&sent, ws.MaskFrame(ws.NewPingFrame(payload))); err != nil {
			t.Fatal(err)
		}
		want.Write(append(wire.AppendFrameHeader(nil, wire.OpPong, len(payload)), payload...))
	}
	var got []byte
	in, turns := sent.Bytes(), 0
	for full := true; full; turns++ {
		var work func()
		if work, full = p.Receive(in); work != nil {
			t.Fatal("a ping needs no work")
		}
		in = nil
		own := p.session.TakeOwn()
		if n := bytes.Count(own, []byte{0x8a}); n > maxAtOnce {
			t.Errorf("%d frames were taken in one turn, at most %d may be", n, maxAtOnce)
		}
		got = append(got, own...)
	}
	if turns != 4 || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d turns gave %q, want 4 and %q", turns, got, want.Bytes())
	}
}
