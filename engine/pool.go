package engine

import (
	"runtime"
	"sync"
	"time"
)

// pool does work that may block, on a bounded number of goroutines, which end when
// there is none.
type pool struct {
	mu      sync.Mutex
	waiting []func()
	workers int
}

const poolWorkers = 32

// After work that took longWork, other goroutines that wait for a processor run before
// the next work: loops write to many connections.
const longWork = 200 * time.Microsecond

func (p *pool) do(work func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, work)
	if p.workers < poolWorkers {
		p.workers++
		go p.run()
	}
}

func (p *pool) run() {
	for {
		p.mu.Lock()
		if len(p.waiting) == 0 {
			p.workers--
			p.waiting = nil
			p.mu.Unlock()
			return
		}
		work := p.waiting[0]
		p.waiting[0] = nil
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		begun := time.Now()
		work()
		if time.Since(begun) > longWork {
			runtime.Gosched()
		}
	}
}
