package engine

import (
	"runtime"
	"sync"
	"time"
)

// pool does work that may block, on a bounded number of goroutines that end when
// there is none.
type pool struct {
	mu      sync.Mutex
	waiting []func()
	workers int
}

const poolWorkers = 32

// longWork is so long that others who wait for a processor have theirs before the next
// work: loops write to many.
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
