package transport

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/internal/clock"
	"github.com/parley-server/parley/wire"
)

func TestAJumpOfTheClockSilencesNobody(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		now := clock.NewJumping()
		e, err := engine.New(engine.Config{Clock: now.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		f := feed.New(nil, feed.Config{})
		ways := New(chat.New(nil, f, chat.Config{}), e, Config{})
		socket := ways.newPeer(access.Caller{User: "alice"}, wire.FormWS, nil)
		stream := &ssePeer{}
		ways.newStream(&stream.stream, parley.TransportSSE, access.Caller{User: "alice"}, wire.FormSSE)
		waiting := engine.Sending{Pending: true}
		stream.Tick(now.Now(), waiting)

		now.Jump(jump)
		now.Advance(10 * time.Second)
		if next := socket.Tick(now.Now(), engine.Sending{}); socket.closing() || next != 20*time.Second {
			t.Errorf("jump of %v: a socket closes: %t, its next tick comes after %v", jump, socket.closing(), next)
		}
		if stream.Tick(now.Now(), waiting) == engine.Dead {
			t.Errorf("jump of %v: a stream that waits for an acknowledgement ends", jump)
		}
		now.Advance(80 * time.Second)
		if socket.Tick(now.Now(), engine.Sending{}); !socket.closing() {
			t.Errorf("jump of %v: a socket that is silent for 90 s stays open", jump)
		}
		if stream.Tick(now.Now(), waiting) != engine.Dead {
			t.Errorf("jump of %v: a stream that acknowledges nothing for 90 s stays open", jump)
		}
	}
}

// running returns transports over a store in memory, with a stopped clock.
func running(t *testing.T, now *clock.Jumping, cfg Config) (*Transports, *chat.Service, *engine.Engine) {
	t.Helper()
	e, err := engine.New(engine.Config{Clock: now.Now, Grain: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	store := mem.NewStore(mem.StoreConfig{}).Open()
	f := feed.New(store, feed.Config{})
	c := chat.New(store, f, chat.Config{})
	ways := New(c, e, cfg)
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{f.Run, c.Run, e.Run} {
		all.Go(func() { _ = run(ctx) })
	}
	t.Cleanup(func() { e.Close(); stop(); all.Wait() })
	return ways, c, e
}

// A process that was stopped while a token expired sends nothing more to the token's
// socket. A client that could not be heard during the pause stays.
func TestAfterAPauseAnExpiredTokenReceivesNothing(t *testing.T) {
	now := clock.NewJumping()
	ways, c, e := running(t, now, Config{Credentials: credentials{valid: func(c access.Caller) error {
		if left := c.As.Expires; !left.IsZero() && !now.Now().Before(left) {
			return errExpired
		}
		return nil
	}}})

	open := func(user parley.UserID, expires time.Time) *net.TCPConn {
		as := *access.Developer
		as.Expires = expires
		p := ways.newPeer(access.Caller{User: user, As: &as}, wire.FormWS, nil)
		if _, err := p.session.Follow(t.Context(), "general", nil); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = client.SetDeadline(time.Now().Add(20 * time.Second))
		e.Park(&p.conn, server, nil, p, true, time.Hour)
		return client.(*net.TCPConn)
	}
	expired, good := open("alice", now.Now().Add(20*time.Second)), open("bob", time.Time{})
	now.Advance(10 * time.Minute)
	stored := make(chan parley.Result, 1)
	carol := access.Caller{User: "carol", As: access.Developer}
	if err := c.Publish(t.Context(), carol, "general", parley.Draft{Text: "not for alice"},
		func(r parley.Result) { stored <- r }); err != nil {
		t.Fatal(err)
	}
	if r := <-stored; r.Err != nil {
		t.Fatal(r.Err)
	}
	got, err := io.ReadAll(expired)
	if err != nil || bytes.Contains(got, []byte("not for alice")) || !bytes.Contains(got, []byte("\x11\x31unauthorized")) { // 4401
		t.Errorf("the expired one read %q, %v", got, err)
	}
	text := make([]byte, 4096)
	n, err := good.Read(text)
	if err != nil || !bytes.Contains(text[:n], []byte("not for alice")) {
		t.Errorf("the other read %q, %v", text[:n], err)
	}
}

// credentials are set by a test.
type credentials struct {
	bearer func() access.Caller
	valid  func(access.Caller) error
}

func (c credentials) Bearer(context.Context, string) (access.Caller, error) { return c.bearer(), nil }
func (c credentials) Valid(_ context.Context, who access.Caller) error      { return c.valid(who) }
