package limit_test

import (
	"testing"
	"time"

	"github.com/parley-server/parley/internal/clock"
	"github.com/parley-server/parley/limit"
)

// Setting the system's clock neither refuses active users nor clears any counts.
func TestJumpsOfTheClockChangeNoLimit(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		now := clock.NewJumping()
		l := limit.New(limit.Config{User: 10, Handshakes: 10, UserReads: 10, Clock: now.Now})
		for range 20 {
			if e := l.AllowSend("alice", here, "general"); e != nil {
				t.Fatal(e)
			}
			if e := l.AllowHandshake(here); e != nil {
				t.Fatal(e)
			}
			if e := l.AllowRead("alice", here, 1); e != nil {
				t.Fatal(e)
			}
		}
		now.Jump(jump)
		if n, e := spent(l, "alice", here, "general"); n != 10 || e.RetryAfter > 100*time.Millisecond {
			t.Errorf("jump of %v: %d messages, then %v; want the 10 that were left", jump, n, e.RetryAfter)
		}
		for i := range 11 {
			if e := l.AllowHandshake(here); (e != nil) != (i == 10) {
				t.Errorf("jump of %v: handshake %d: %v", jump, i, e)
			}
		}
		for i := range 181 {
			if e := l.AllowRead("alice", here, 1); (e != nil) != (i == 180) {
				t.Errorf("jump of %v: read %d: %v", jump, i, e)
			}
		}
		now.Advance(time.Minute)
		if e := l.AllowSend("alice", here, "general"); e != nil {
			t.Errorf("jump of %v: a minute later: %v", jump, e)
		}
	}
}
