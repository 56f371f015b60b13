package client

import (
	"errors"
	"sync/atomic"
	"time"
)

// errSilent ends a stream that was silent for Config.IdleTimeout.
var errSilent = errors.New("the server has fallen silent")

// idleTimer calls dead if neither life nor stop follows start within d. It runs only
// while a caller reads: a slow caller is not a silent server.
type idleTimer struct {
	d     time.Duration
	timer *time.Timer
	did   atomic.Bool
}

func newIdleTimer(d time.Duration, dead func()) *idleTimer {
	t := &idleTimer{d: d}
	t.timer = time.AfterFunc(d, func() {
		t.did.Store(true)
		dead()
	})
	t.timer.Stop()
	return t
}

func (t *idleTimer) start()      { t.timer.Reset(t.d) }
func (t *idleTimer) life()       { t.timer.Reset(t.d) }
func (t *idleTimer) stop()       { t.timer.Stop() }
func (t *idleTimer) fired() bool { return t.did.Load() }
