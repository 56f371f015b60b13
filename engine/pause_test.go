package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/internal/clock"
)

// eachWith is each with a clock and a function that is called after a pause.
func eachWith(t *testing.T, now *clock.Jumping, resume func(context.Context) error, test func(t *testing.T, e subject)) {
	for name, c := range map[string]struct{ portable, inside bool }{
		"parked": {}, "watched": {inside: true}, "goroutine": {portable: true}, "goroutine inside": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := engine.New(engine.Config{Portable: c.portable, Grain: time.Millisecond, Clock: now.Now})
			if err != nil {
				t.Fatal(err)
			}
			e.OnPause(resume)
			ctx, stop := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { _ = e.Run(ctx) })
			defer func() { e.Close(); stop(); running.Wait() }()
			of := subject{e, c.inside}
			goOn(t, now, "the wheel turns", ticking(t, of, time.Millisecond).gone) // before the wheel turns there is no pause
			test(t, of)
		})
	}
}

// ticking parks a peer whose tick, due after d, ends it.
func ticking(t *testing.T, e subject, d time.Duration) *fake {
	_, server := pair(t)
	p := &fake{conn: new(engine.Conn), gone: make(chan struct{})}
	p.tick = func(engine.Sending) time.Duration { return engine.Dead }
	e.Park(p.conn, server, nil, p, true, d)
	return p
}

// goOn advances the clock, a slot at a time, until something happens: a connection that
// is at work when it is due is visited in the next slot.
func goOn(t *testing.T, now *clock.Jumping, what string, happened <-chan struct{}) {
	t.Helper()
	for range 20_000 {
		select {
		case <-happened:
			return
		case <-time.After(time.Millisecond):
			now.Advance(time.Millisecond)
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

func TestAWheelThatStoodStillTurnsAsFarAsTimePassed(t *testing.T) {
	now := clock.NewJumping()
	eachWith(t, now, func(context.Context) error { return nil }, func(t *testing.T, e subject) {
		soon, late, never := ticking(t, e, time.Second), ticking(t, e, time.Hour), ticking(t, e, 30*time.Hour)
		now.Advance(2 * time.Hour)
		goOn(t, now, "the first is due", soon.gone)
		goOn(t, now, "the second is due", late.gone)
		_ = never
	})
}

func TestClockJumpMovesNoTick(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		now := clock.NewJumping()
		paused := func(context.Context) error { t.Errorf("a jump of %v is taken for a pause", jump); return nil }
		eachWith(t, now, paused, func(t *testing.T, e subject) {
			p := ticking(t, e, 800*time.Millisecond)
			q := ticking(t, e, 100*time.Millisecond)
			now.Jump(jump)
			now.Advance(200 * time.Millisecond)
			goOn(t, now, "the earlier is due", q.gone)
			select {
			case <-p.gone:
				t.Errorf("jump of %v: the later tick came early", jump)
			default:
			}
			now.Advance(700 * time.Millisecond)
			goOn(t, now, "the later is due", p.gone)
		})
	}
}

func TestAfterAPauseNothingIsReadOrWrittenUntilItIsKnownWhatWasMissed(t *testing.T) {
	now := clock.NewJumping()
	var asked func() error
	resume := func(context.Context) error { return asked() }
	eachWith(t, now, resume, func(t *testing.T, e subject) {
		p, c := park(t, e, "", true)
		fmt.Fprint(c, "hello\n")
		expect(t, c, "hello\n")
		calls, done := 0, make(chan struct{})
		asked = func() error {
			switch calls++; calls {
			case 1:
				fmt.Fprint(c, "read\n")
				p.send([]byte("written\n"))
				return errors.New("the store does not answer")
			case 2:
				p.mu.Lock()
				defer p.mu.Unlock()
				if string(p.out) != "written\n" || len(p.kept) > 0 {
					t.Errorf("served while held: %q is left of the output, %q was read", p.out, p.kept)
				}
				close(done)
			}
			return nil
		}
		now.Advance(30 * time.Second)
		wait(t, "it asks what was missed", done)
		expect(t, c, "written\nread\n")
		if calls != 2 {
			t.Errorf("asked %d times", calls)
		}
	})
}
