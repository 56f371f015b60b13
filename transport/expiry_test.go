package transport

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/internal/clock"
	"github.com/parley-server/parley/wire"
)

// expiringStream is a stream of either kind whose token has a known life, opened when some of it is left.
type expiringStream struct {
	tick func() time.Duration
	took func() string
	peer *wsPeer // nil for an event stream
}

func openExpiring(t *testing.T, ways *Transports, now *clock.Jumping, form wire.Form, life, left time.Duration) expiringStream {
	t.Helper()
	as := *access.Developer
	as.Expires = now.Now().Add(left)
	if life > 0 {
		as.Issued = as.Expires.Add(-life)
	}
	c := access.Caller{User: "alice", As: &as}
	if form == wire.FormSSE {
		p := &ssePeer{}
		ways.newStream(&p.stream, parley.TransportSSE, c, form)
		return expiringStream{tick: func() time.Duration { return p.Tick(now.Now(), engine.Sending{}) },
			took: func() string { return string(p.session.TakeOwn()) }}
	}
	p := ways.newPeer(c, form, nil)
	return expiringStream{peer: p, tick: func() time.Duration { return p.Tick(now.Now(), engine.Sending{}) },
		took: func() string { return string(p.session.TakeOwn()) }}
}

// A stream is warned once that its token expires: 60 s before, or a fifth of the token's life if
// that is less, even if it opens later than that.
func TestATokensEndIsToldOnce(t *testing.T) {
	for _, form := range []wire.Form{wire.FormWS, wire.FormSSE} {
		for _, c := range []struct{ life, left, told time.Duration }{
			{time.Hour, time.Hour, 60 * time.Second},
			{5 * time.Minute, 5 * time.Minute, 60 * time.Second},
			{50 * time.Second, 50 * time.Second, 10 * time.Second},
			{50 * time.Second, 30 * time.Second, 10 * time.Second},
			{50 * time.Second, 7 * time.Second, 7 * time.Second}, // opened late
			{time.Hour, 30 * time.Second, 30 * time.Second},
			{5 * time.Second, 5 * time.Second, time.Second},
			{0, 10 * time.Minute, 60 * time.Second}, // without iat its life is not known
			{0, 20 * time.Second, 20 * time.Second},
		} {
			t.Run(fmt.Sprint(form, c), func(t *testing.T) {
				now := clock.NewJumping()
				e, err := engine.New(engine.Config{Clock: now.Now})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				ways := New(chat.New(nil, feed.New(nil, feed.Config{}), chat.Config{}), e, Config{HeartbeatTimeout: 24 * time.Hour})
				s := openExpiring(t, ways, now, form, c.life, c.left)
				told := 0
				wait := s.who(ways, now, c.life, c.left)
				for left := c.left; left > 0; {
					step := min(wait, left)
					now.Advance(step)
					left -= step
					if left == 0 {
						break
					}
					wait = max(s.tick(), time.Millisecond)
					if got := s.took(); strings.Contains(got, "token-expiring") {
						if told++; left != c.told || !strings.Contains(got, fmt.Sprintf(`"in":%d}`, int(c.told.Seconds()))) {
							t.Errorf("with %v left it is told %q, want it with %v", left, got, c.told)
						}
					}
				}
				if told != 1 {
					t.Errorf("it was told %d times", told)
				}
			})
		}
	}
}

// who returns the delay after which the engine first looks at a stream.
func (s expiringStream) who(ways *Transports, now *clock.Jumping, life, left time.Duration) time.Duration {
	as := *access.Developer
	as.Expires = now.Now().Add(left)
	if life > 0 {
		as.Issued = as.Expires.Add(-life)
	}
	return ways.keep(access.Caller{User: "alice", As: &as}).untilLook(now.Now())
}

// Sending the same token again, as a client without another token does, causes no second warning; another token does.
func TestTheSameTokenAgainIsNotToldOfAgain(t *testing.T) {
	now := clock.NewJumping()
	e, err := engine.New(engine.Config{Clock: now.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	next := *access.Developer
	ways := New(chat.New(nil, feed.New(nil, feed.Config{}), chat.Config{}), e, Config{HeartbeatTimeout: 24 * time.Hour,
		Credentials: credentials{bearer: func() access.Caller {
			as := next
			return access.Caller{User: "alice", As: &as}
		}}})
	s := openExpiring(t, ways, now, wire.FormWS, time.Hour, 30*time.Second)
	told := func(want bool, when string) {
		t.Helper()
		var got string
		e.VisitOne(&s.peer.conn, func(engine.Peer) bool {
			s.tick()
			got = s.took()
			return false
		})
		if strings.Contains(got, "token-expiring") != want {
			t.Errorf("%s: %q", when, got)
		}
	}
	auth := func(expires, issued time.Time) {
		t.Helper()
		next.Expires, next.Issued = expires, issued
		e.VisitOne(&s.peer.conn, func(engine.Peer) bool {
			err = s.peer.auth(t.Context(), &wire.Frame{Type: "auth", Token: "t"})
			return false
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	told(true, "at first")
	old := *s.peer.who.rest.As
	auth(old.Expires, old.Issued)
	told(false, "the same token")
	auth(now.Now().Add(time.Hour), now.Now())
	told(false, "a new one")
	now.Advance(time.Hour - time.Minute)
	told(true, "a minute before its end")
	told(false, "afterwards")
}
