package transport

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/wire"
)

// Each reason for which the server ends a stream has one outcome on each transport, and is counted
// once: the table in stream.go.
func TestEachReasonHasOneOutcomeOnEachTransport(t *testing.T) {
	var dropped []string
	store := mem.NewStore(mem.StoreConfig{}).Open()
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ways := New(chat.New(store, feed.New(store, feed.Config{}), chat.Config{}), e,
		Config{Events: parley.Events{Dropped: func(reason string) { dropped = append(dropped, reason) }}})
	caller := access.Caller{User: "alice", As: access.Developer}
	open := map[string]func() peer{
		"WebSocket": func() peer { return ways.newPeer(caller, wire.FormWS, nil) },
		"event stream": func() peer {
			p := &ssePeer{}
			ways.newStream(&p.stream, parley.TransportSSE, caller, wire.FormSSE)
			return p
		},
		"held poll": func() peer {
			p := &pollPeer{head: &answerHead{header: http.Header{}}}
			ways.newStream(&p.stream, parley.TransportLongPoll, caller, wire.FormJSON)
			return p
		},
	}
	lose := func(p peer) { p.lost([]parley.ChannelID{"general"}) }
	for _, c := range []struct {
		name, counted string
		end           func(peer)
		want          map[string][]string // parts of what is written then; nil: nothing
	}{
		{"rights lost", "forbidden", lose, map[string][]string{
			"WebSocket": {"\x88\x0b\x11\x33forbidden"}, "event stream": {"event: forbidden\n"}, "held poll": {"HTTP/1.1 403 ",
				`"channel":"general"`}}},
		{"expired", "expired", func(p peer) { end(p, expired, errExpired) }, map[string][]string{
			"WebSocket": {`"code":"unauthorized"`, "\x11\x31unauthorized"}, "held poll": {"HTTP/1.1 401 ", "expired"}}},
		{"revoked", "unauthorized", func(p peer) { end(p, revoked, errExpired) }, map[string][]string{
			"WebSocket": {`"code":"unauthorized"`, "\x11\x31unauthorized"}, "held poll": {"HTTP/1.1 401 "}}},
		{"drained", "draining", func(p peer) { p.Drain(2 * time.Second) }, map[string][]string{
			"WebSocket":    {`"type":"draining"`, "\x03\xf4Server draining"},
			"event stream": {"retry: 2000\nevent: draining\n"},
			"held poll":    {"HTTP/1.1 503 ", "Connection: close\r\n", "Retry-After: 2\r\n"}}},
	} {
		for name, opened := range open {
			dropped = nil
			p := opened()
			c.end(p)
			c.end(p) // the second call does nothing
			var written strings.Builder
			for range 5 {
				b, err := p.Output()
				if err == io.EOF || err == engine.ErrReturn {
					break
				}
				if err != nil {
					t.Fatalf("%s, %s: %v", name, c.name, err)
				}
				written.Write(b)
			}
			want := c.want[name]
			for _, part := range want {
				if !strings.Contains(written.String(), part) {
					t.Errorf("%s, %s: it writes %q, want %q in it", name, c.name, &written, part)
				}
			}
			if want == nil && written.Len() > 0 {
				t.Errorf("%s, %s: it writes %q, want nothing", name, c.name, &written)
			}
			if !slices.Equal(dropped, []string{c.counted}) {
				t.Errorf("%s, %s: counted as %q, want once %q", name, c.name, dropped, c.counted)
			}
			if p.base().affectedBy("", "") {
				t.Errorf("%s, %s: it would ask for its rights again", name, c.name)
			}
			p.Gone()
		}
	}
}

// A stream that is silent, or does not read, ends and is counted under that reason.
func TestASilentStreamIsCounted(t *testing.T) {
	var dropped []string
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ways := New(chat.New(nil, feed.New(nil, feed.Config{}), chat.Config{}), e,
		Config{Events: parley.Events{Dropped: func(reason string) { dropped = append(dropped, reason) }}})
	caller := access.Caller{User: "alice", As: access.Developer}
	socket := ways.newPeer(caller, wire.FormWS, nil)
	events, poll := &ssePeer{}, &pollPeer{}
	ways.newStream(&events.stream, parley.TransportSSE, caller, wire.FormSSE)
	ways.newStream(&poll.stream, parley.TransportLongPoll, caller, wire.FormJSON)
	late := e.Now().Add(2 * ways.cfg.HeartbeatTimeout)
	blocked := engine.Sending{Pending: true, Blocked: true}
	for name, p := range map[string]peer{"WebSocket": socket, "event stream": events, "held poll": poll} {
		dropped = nil
		p.Tick(e.Now(), blocked)
		if next := p.Tick(late, blocked); next != engine.Dead || !slices.Equal(dropped, []string{"heartbeat"}) {
			t.Errorf("%s: the next tick is after %v, counted as %q", name, next, dropped)
		}
	}
}
