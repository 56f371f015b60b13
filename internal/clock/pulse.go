package clock

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pulse is a ticker for periodic work. All pulses of a process tick at whole multiples of their periods, counted from the same
// moment, so that an idle process wakes up once for many of them: waking up costs more than the work. The moment differs between
// processes, so that many processes do not wake up together.
type Pulse struct {
	C <-chan time.Time // its receiver calls Again

	timer  *time.Timer
	period time.Duration
}

var phase = time.Duration(rand.Int64N(int64(time.Minute)))

// NewPulse returns a pulse whose first tick comes within one period.
func NewPulse(period time.Duration) *Pulse {
	t := time.NewTimer(untilNext(time.Now(), period))
	return &Pulse{C: t.C, timer: t, period: period}
}

// untilNext returns the time from a moment to the first multiple of a period after it.
func untilNext(from time.Time, period time.Duration) time.Duration {
	since := (time.Duration(from.UnixNano()) + phase) % period
	return period - since
}

// Again schedules the next tick. Ticks missed since the last one are skipped.
func (p *Pulse) Again() { p.timer.Reset(untilNext(time.Now(), p.period)) }

// Wait waits for a tick and reports whether one came before ctx ended.
func (p *Pulse) Wait(ctx context.Context) bool {
	select {
	case <-p.C:
		p.Again()
		return true
	case <-ctx.Done():
		return false
	}
}

// Stop ends the ticks.
func (p *Pulse) Stop() { p.timer.Stop() }
