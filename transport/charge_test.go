package transport

import (
	"bytes"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/wire"
)

// counted is a Policy that allows a number of units.
type counted struct{ left, asked int }

func (*counted) AllowSend(access.Caller, parley.ChannelID, int) *parley.Error { return nil }
func (*counted) AllowCreate(access.Caller) *parley.Error                      { return nil }
func (l *counted) ChargeRead(_ access.Caller, units int)                      { l.left -= units; l.asked += units }
func (l *counted) AllowRead(_ access.Caller, units int) *parley.Error {
	if l.asked += units; l.left <= 0 {
		return &parley.Error{Code: parley.CodeRateLimited, RetryAfter: 200 * time.Millisecond}
	}
	l.left -= units
	return nil
}

// Every frame and every byte that is read or inflated is charged, and a client that exceeds
// the limit is not read from for a time.
func TestEveryFrameAndItsBytesAreCharged(t *testing.T) {
	text := func(s string) ws.Frame { return ws.NewTextFrame([]byte(s)) }
	inflated := func(s string) ws.Frame {
		raw := bytes.NewReader(wire.AppendDeflated(nil, []byte(s)))
		head, err := ws.ReadHeader(raw)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := io.ReadAll(raw)
		if err != nil {
			t.Fatal(err)
		}
		return ws.Frame{Header: head, Payload: payload}
	}
	long := strings.Repeat(" ", 100<<10)
	part := ws.NewFrame(ws.OpText, false, []byte("{"))
	for name, c := range map[string]struct {
		form   wire.Form
		frames []ws.Frame
		units  int // at least
	}{
		"ping":            {wire.FormWS, []ws.Frame{text(`{"type":"ping"}`)}, 1},
		"pong":            {wire.FormWS, []ws.Frame{text(`{"type":"pong"}`)}, 1},
		"unsubscribe":     {wire.FormWS, []ws.Frame{text(`{"type":"unsubscribe","channel":"general"}`)}, 1},
		"visibility":      {wire.FormWS, []ws.Frame{text(`{"type":"visibility","state":"hidden"}`)}, 1},
		"control ping":    {wire.FormWS, []ws.Frame{ws.NewPingFrame(nil)}, 1},
		"control pong":    {wire.FormWS, []ws.Frame{ws.NewPongFrame([]byte("x"))}, 1},
		"large":           {wire.FormWS, []ws.Frame{text(`{"type":"pong"}`), text(`{"type":"pong"` + long + `}`)}, 8},
		"inflated":        {wire.FormWSDeflate, []ws.Frame{inflated(`{"type":"pong"` + long + `}`)}, 7},
		"unknown":         {wire.FormWSDeflate, []ws.Frame{inflated(`{"type":"nonsense"` + long + `}`)}, 6},
		"in small pieces": {wire.FormWS, append([]ws.Frame{part}, empties(3000)...), 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			limits := &counted{left: 1000}
			f := feed.New(nil, feed.Config{})
			e, err := engine.New(engine.Config{Portable: true})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			ways := New(chat.New(nil, f, chat.Config{Limits: limits}), e, Config{})
			p := ways.newPeer(access.Caller{User: "alice", As: access.Developer, Address: netip.MustParseAddr("192.0.2.1")}, c.form, nil)
			p.set(many)
			receive := func() (full bool) {
				for _, f := range c.frames {
					var sent bytes.Buffer
					if err := ws.WriteFrame(&sent, ws.MaskFrame(f)); err != nil {
						t.Fatal(err)
					}
					if _, full = p.Receive(sent.Bytes()); full {
						return true
					}
				}
				return false
			}
			if receive(); limits.asked < c.units {
				t.Errorf("%s: %d units were charged, want at least %d", name, limits.asked, c.units)
			}
			if p.closing() {
				t.Fatalf("%s: the connection closes", name)
			}
			if p.dealings != nil {
				p.dealings.frames = wire.FrameReader{} // in a new message
			}
			limits.left = 0
			if !receive() {
				t.Errorf("%s: it is read from though its user asks for too much", name)
			}
			time.Sleep(time.Second) // the test's own clock
			synctest.Wait()
			if p.full() {
				t.Errorf("%s: it is not read from any more", name)
			}
		})
	}
}

// empties are empty frames in the middle of a message.
func empties(n int) []ws.Frame {
	fs := make([]ws.Frame, n)
	for i := range fs {
		fs[i] = ws.NewFrame(ws.OpContinuation, false, nil)
	}
	return fs
}
