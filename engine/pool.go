package engine

import (
	"runtime"
	"sync"
)

// pool does work that may block, on a bounded number of goroutines that end when
// there is none.
type pool struct {
	mu      sync.Mutex
	waiting []func()
	workers int
	between int // workers that have done their work and look for more
}

const poolWorkers = 32

func (p *pool) do(work func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, work)
	if len(p.waiting) > p.between && p.workers < poolWorkers {
		p.workers++
		p.between++
		go p.run()
	}
}

func (p *pool) run() {
	for {
		p.mu.Lock()
		p.between--
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
		work()
		p.mu.Lock()
		p.between++
		p.mu.Unlock()
		runtime.Gosched() // who writes to many comes before the next work of one
	}
}
