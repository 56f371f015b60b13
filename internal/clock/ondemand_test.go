package clock_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley/internal/clock"
)

const period = 100 * time.Millisecond

// list is work that rounds do, each at most some of it.
type list struct {
	*clock.OnDemand
	most    int           // in a round
	slow    time.Duration // what a round takes
	checked func()        // called after each check whether there is work; nil: nothing is

	mu     sync.Mutex
	waits  []time.Time
	done   int
	late   time.Duration // the longest time that work waited
	rounds []time.Time
}

func (l *list) put() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits = append(l.waits, time.Now())
	l.Need()
}

func (l *list) pending() bool {
	l.mu.Lock()
	some := len(l.waits) > 0
	l.mu.Unlock()
	if l.checked != nil {
		l.checked()
	}
	return some
}

func (l *list) round() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rounds = append(l.rounds, time.Now())
	n := min(len(l.waits), l.most)
	for _, at := range l.waits[:n] {
		l.late = max(l.late, time.Since(at))
	}
	l.waits, l.done = l.waits[n:], l.done+n
}

// start runs the list until the test's end.
func (l *list) start(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var ends sync.WaitGroup
	ends.Go(func() {
		for l.Wait(ctx, l.pending) {
			l.round()
			time.Sleep(l.slow)
		}
	})
	t.Cleanup(func() { stop(); ends.Wait() })
}

// result returns when there were rounds, how much work they have done, and how long some of it waited at most.
func (l *list) result() (rounds []time.Time, done int, late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rounds, l.done, l.late
}

func TestOnDemandTicksOnlyWhileThereIsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &list{OnDemand: clock.NewOnDemand(period, 0), most: 2}
		l.start(t)
		time.Sleep(time.Hour)
		pulse := clock.NewPulse(period)
		defer pulse.Stop()
		for range 5 {
			l.put()
		}
		var ticks []time.Time
		for range 3 {
			pulse.Wait(t.Context())
			ticks = append(ticks, time.Now())
		}
		time.Sleep(time.Hour)
		all, done, _ := l.result()
		if done != 5 || len(all) != 3 {
			t.Fatalf("%d of 5 were done, in %d rounds of 2", done, len(all))
		}
		for i, at := range all {
			if at != ticks[i] {
				t.Errorf("tick %d came %v after that of a pulse", i, at.Sub(ticks[i]))
			}
		}
	})
}

// Work that is put during a slow round is done as early as a Pulse would have it done: at once, if a tick was missed since.
func TestOnDemandIsNotLaterAfterASlowRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &list{OnDemand: clock.NewOnDemand(period, 0), most: 1, slow: 25 * period / 10}
		l.start(t)
		l.put()
		l.put()
		time.Sleep(period)
		l.put()
		time.Sleep(time.Minute)
		all, done, _ := l.result()
		for i := 1; i < min(len(all), 3); i++ {
			if d := all[i].Sub(all[i-1]); d != l.slow {
				t.Errorf("round %d began %v after the previous one, which took %v", i, d, l.slow)
			}
		}
		if done != 3 {
			t.Errorf("%d of 3 were done", done)
		}
	})
}

func TestOnDemandRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &list{OnDemand: clock.NewOnDemand(period, 3*period), most: 1000}
		l.start(t)
		time.Sleep(time.Minute)
		if rounds, _, _ := l.result(); len(rounds) != 200 {
			t.Errorf("%d ticks in a minute without work, want 200", len(rounds))
		}
		for range 1000 {
			l.put()
			time.Sleep(rand.N(5 * period))
		}
		time.Sleep(time.Minute)
		if _, done, late := l.result(); done != 1000 || late > period {
			t.Errorf("%d of 1000 were done, one after %v", done, late)
		}
	})
}

// Work that is put right after a check that found none is not forgotten.
func TestOnDemandSeesWorkThatPendingMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &list{OnDemand: clock.NewOnDemand(period, 0), most: 1}
		puts := 3
		l.checked = func() {
			if puts--; puts >= 0 {
				l.put()
			}
		}
		l.start(t)
		time.Sleep(time.Minute)
		if rounds, done, late := l.result(); done != 3 || late > period {
			t.Errorf("%d of 3 were done, in %d rounds, one after %v", done, len(rounds), late)
		}
	})
}
