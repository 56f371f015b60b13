package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/wire"
)

// slow is a store that answers a second late, and counts how many reads of bounds wait at a time.
type slow struct {
	*mem.Handle
	mu            sync.Mutex
	waiting, most int
}

func (s *slow) Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	s.mu.Lock()
	s.waiting++
	s.most = max(s.most, s.waiting)
	s.mu.Unlock()
	time.Sleep(time.Second) // the test's own clock
	s.mu.Lock()
	s.waiting--
	s.mu.Unlock()
	return s.Handle.Bounds(ctx, channels...)
}

// exchange passes frames to a connection as if they had arrived at once, and returns what it answers: type, channel, code
// and key of each.
func exchange(t *testing.T, p *wsPeer, frames ...ws.Frame) (answers []string) {
	t.Helper()
	var in bytes.Buffer
	for _, f := range frames {
		if err := ws.WriteFrame(&in, ws.MaskFrame(f)); err != nil {
			t.Fatal(err)
		}
	}
	work, full := p.Receive(in.Bytes())
	for work != nil || full {
		if work != nil {
			work()
		}
		synctest.Wait() // until what was published is stored
		work, full = p.Receive(nil)
	}
	own := bytes.NewReader(p.session.TakeOwn())
	for own.Len() > 0 {
		head, err := ws.ReadHeader(own)
		if err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, head.Length)
		if _, err := io.ReadFull(own, payload); err != nil {
			t.Fatal(err)
		}
		if head.OpCode != ws.OpText {
			continue
		}
		var is struct{ Type, Channel, Code, Key string }
		if err := json.Unmarshal(payload, &is); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, strings.Join(strings.Fields(is.Type+" "+is.Channel+" "+is.Code+" "+is.Key), " "))
	}
	return answers
}

// Subscribe frames that arrive together ask the store at the same time; all frames are answered in their order, and those
// after them take effect after them.
func TestSubscribeFramesAreServedTogether(t *testing.T) {
	frame := func(format string, args ...any) ws.Frame { return ws.NewTextFrame(fmt.Appendf(nil, format, args...)) }
	subscribe := func(channel string) ws.Frame { return frame(`{"type":"subscribe","channel":%q,"key":"s"}`, channel) }
	for name, c := range map[string]struct {
		frames []ws.Frame
		want   []string
		most   int // reads at a time
	}{
		"three": {[]ws.Frame{subscribe("a"), subscribe("b"), subscribe("c")},
			[]string{"welcome a s", "welcome b s", "welcome c s"}, 3},
		"a ping between": {[]ws.Frame{subscribe("a"), subscribe("b"), frame(`{"type":"ping","key":"p"}`), subscribe("c")},
			[]string{"welcome a s", "welcome b s", "pong p", "welcome c s"}, 2},
		"one channel twice": {[]ws.Frame{subscribe("a"), subscribe("a"), subscribe("b")},
			[]string{"welcome a s", "welcome a s", "welcome b s"}, 2},
		"unsubscribed": {[]ws.Frame{subscribe("a"), frame(`{"type":"unsubscribe","channel":"a","key":"u"}`)},
			[]string{"welcome a s", "ack a u"}, 1},
		"history after it": {[]ws.Frame{subscribe("a"), frame(`{"type":"history","channel":"a","key":"h"}`), subscribe("b")},
			[]string{"welcome a s", "history a h", "welcome b s"}, 1},
		"one that cannot be read": {[]ws.Frame{subscribe("a"), frame(`{"type":"subscribe","channel":"b","after":"x","key":"s"}`), subscribe("c")},
			[]string{"welcome a s", "error b bad_cursor s", "welcome c s"}, 2},
		"nonsense between": {[]ws.Frame{subscribe("a"), frame(`{`), subscribe("b")},
			[]string{"welcome a s", "error bad_json", "welcome b s"}, 1},
		"too many": {[]ws.Frame{subscribe("a"), subscribe("b"), subscribe("c"), subscribe("d"), subscribe("e")},
			[]string{"welcome a s", "welcome b s", "welcome c s", "error d too_large s", "error e too_large s"}, 3},
		"the end": {[]ws.Frame{subscribe("a"), ws.NewCloseFrame(ws.NewCloseFrameBody(1000, ""))}, []string{"welcome a s"}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := &slow{Handle: mem.NewStore(mem.StoreConfig{}).Open()}
			f := feed.New(store, feed.Config{})
			e, err := engine.New(engine.Config{Portable: true})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			transports := New(chat.New(store, f, chat.Config{}), e, Config{MaxFrame: 1 << 20, MaxSubscriptions: 3, HeartbeatInterval: time.Hour})
			p := transports.newPeer(access.Caller{User: "alice", As: access.Developer}, wire.FormWS, nil)
			p.set(many)
			if got := exchange(t, p, c.frames...); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s: answered %q, want %q", name, got, c.want)
			}
			if store.most != c.most {
				t.Errorf("%s: %d reads at a time, want %d", name, store.most, c.most)
			}
			if p.closing() != (name == "the end") {
				t.Errorf("%s: closing %t", name, p.closing())
			}
		})
	}
}
