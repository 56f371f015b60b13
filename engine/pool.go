package engine

import "sync"

// pool does work that may block, on a bounded number of goroutines that end when
// there is none.
type pool struct {
	mu      sync.Mutex
	waiting []func()
	workers int
}

const poolWorkers = 32

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
		work()
	}
}
