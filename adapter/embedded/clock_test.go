package embedded_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/internal/clock"
)

// Setting the clock forward does not make messages older; when it is set back, times still increase.
func TestAJumpOfTheClockDeletesNothingEarly(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		now := clock.NewJumping()
		l := start(
			t,
			"data",
			embedded.Config{FS: vfs.NewMem(), Fsync: embedded.FsyncMemory, Clock: now.Now, TrimEvery: 5 * time.Millisecond,
				RetentionOf: func(channel parley.ChannelID) parley.Retention {
					if channel == "few" {
						return parley.Retention{Messages: 1}
					}
					return parley.Retention{Seconds: 60}
				}},
		)
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
		passes := func() { // of retention, which also trims the other channel
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

// A store opened while the clock is ahead deletes nothing early; once the clock has been ahead for
// an hour it is trusted, and old messages are deleted. The same holds if the last stop was a crash.
func TestAClockThatIsAheadAtTheStartDeletesNothingEarly(t *testing.T) {
	for _, clean := range []bool{true, false} {
		fs := vfs.NewCrashableMem()
		now := clock.NewJumping()
		cfg := embedded.Config{FS: fs, Clock: now.Now, TrimEvery: time.Hour, Retention: parley.Retention{Seconds: 600}}
		before := start(t, "data", cfg)
		for range 3 {
			if r := before.Append(t.Context(), "quiet", parley.Draft{User: "alice", Text: "hello"}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
		}
		if clean {
			before.stop(t)
		}
		cfg.FS = fs.CrashClone(vfs.CrashCloneCfg{})
		now.Jump(24 * time.Hour) // the machine's clock while it was down
		cfg.Clock = now.Now
		log := start(t, "data", cfg)
		kept := func(want bool, when string) {
			t.Helper()
			if err := log.Retain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if b, err := log.Bounds(t.Context(), "quiet"); err != nil || (b[0].First == 1) != want {
				t.Errorf("clean %t, %s: %+v, %v", clean, when, b, err)
			}
		}
		kept(true, "at the start")
		if r := log.Append(t.Context(), "busy", parley.Draft{User: "alice", Text: "of tomorrow"}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		now.Advance(9 * time.Minute)
		kept(true, "nine minutes old")
		if clean {
			now.Advance(2 * time.Minute)
			kept(false, "eleven minutes old")
			continue
		}
		now.Advance(time.Hour)
		kept(false, "when the clock was ahead for an hour")
	}
}
