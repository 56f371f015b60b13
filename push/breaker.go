package push

import (
	"net/url"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// service is the unit that fails: a provider and app, and for Web Push each push service by itself, since users supply
// them.
type service struct {
	Target
	origin string // of Web Push
}

func serviceOf(d parley.Device) service {
	s := service{Target: Target{d.Platform, d.App}}
	if d.Subscription != nil {
		if u, err := url.Parse(d.Subscription.Endpoint); err == nil {
			s.origin = u.Scheme + "://" + u.Host
		}
	}
	return s
}

// breakers are those of all services that have failed lately.
type breakers struct {
	mu  sync.Mutex
	all map[service]*breaker
}

// maxBreakers limits what users can create by supplying ever more services; beyond it any breaker that is not open is
// dropped.
const maxBreakers = 4096

func (bs *breakers) of(s service) *breaker {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.all[s]
	if b == nil {
		if len(bs.all) >= maxBreakers {
			for is, b := range bs.all {
				if delete(bs.all, is); !b.open() {
					break
				}
			}
		}
		b = &breaker{}
		bs.all[s] = b
	}
	return b
}

// Broken returns the number of push services that receive no requests now because they fail.
func (p *Pusher) Broken() (n int) {
	p.breakers.mu.Lock()
	defer p.breakers.mu.Unlock()
	for _, b := range p.breakers.all {
		if b.open() {
			n++
		}
	}
	return n
}

// breaker keeps a failing provider from being called again and again.
type breaker struct {
	mu    sync.Mutex
	fails int // in a row
	until time.Time
}

const (
	breakAfter = 5 // failures in a row are not a device's fault
	breakMost  = time.Minute
)

// waits returns how long the provider must not be called; 0: now. Only one of those who may call
// first does.
func (b *breaker) waits(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails < breakAfter {
		return 0
	}
	if wait := b.until.Sub(now); wait > 0 {
		return wait
	}
	b.until = now.Add(tryTimeout) // the others wait for the outcome
	return 0
}

func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = 0
}

// failed notes a failure, and returns how long to wait at least.
func (b *breaker) failed(now time.Time, credentials bool) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails++; credentials {
		b.fails = max(b.fails, breakAfter) // every attempt is refused
	}
	if b.fails < breakAfter {
		return 0
	}
	b.until = now.Add(min(time.Second<<min(b.fails-breakAfter, 10), breakMost))
	return b.until.Sub(now)
}

// open reports whether the provider must not be called now.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fails >= breakAfter
}
