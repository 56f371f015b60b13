package embedded_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley"
	"parley/adapter/embedded"
	"parley/internal/clock"
)

// A clock that is set forward makes no message older; one that is set back makes times
// rise all the same.
func TestAJumpOfTheClockDeletesNothingEarly(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		now := clock.NewJumping()
		l := start(t, "data", embedded.Config{FS: vfs.NewMem(), Fsync: embedded.FsyncMemory, Clock: now.Now, TrimEvery: 5 * time.Millisecond,
			RetentionOf: func(channel parley.ChannelID) parley.Retention {
				if channel == "few" {
					return parley.Retention{Messages: 1}
				}
				return parley.Retention{Seconds: 60}
			}})
		last := parley.Timestamp(0)
		say := func(channel parley.ChannelID) {
			r := l.Append(t.Context(), channel, parley.Draft{User: "alice", Text: "hello"})
			if r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
			if channel == "young" {
				if r[0].Message.Time <= last {
					t.Errorf("jump of %v: %v comes after %v", jump, r[0].Message.Time, last)
				}
				last = r[0].Message.Time
			}
		}
		first := func(channel parley.ChannelID) int64 {
			b, err := l.Bounds(t.Context(), channel)
			if err != nil {
				t.Fatal(err)
			}
			return b[0].First
		}
		passes := func() { // of retention, which trims the other channel too
			for range 2 {
				before := first("few")
				for range 30 {
					say("few")
				}
				for give := time.Now().Add(20 * time.Second); first("few") == before; {
					if time.Now().After(give) {
						t.Fatal("retention does not run")
					}
				}
			}
		}
		say("young")
		now.Jump(jump)
		now.Advance(10 * time.Second)
		say("young")
		if passes(); first("young") != 1 {
			t.Errorf("jump of %v: a message of ten seconds was deleted", jump)
		}
	}
}
