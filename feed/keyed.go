package feed

import (
	"context"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// keyedWorkers is how many channels are processed at a time.
const keyedWorkers = 8

// keyed does one kind of work for channels, for each channel at most once at a time. A channel
// that is added during its work is processed once more, after a rest unless a caller waits for it.
type keyed struct {
	do   func(ctx context.Context, channel parley.ChannelID) // fixed
	rest time.Duration                                       // fixed

	mu      sync.Mutex
	more    sync.Cond // there is something for an idle worker
	waiting []parley.ChannelID
	under   map[parley.ChannelID]*keyedState
	closed  bool
}

type keyedState struct {
	again   bool
	done    chan struct{} // closed when nothing is left to do for the channel; nil: nobody waits
	resting *time.Timer   // nil: it does not rest
}

func newKeyed(do func(context.Context, parley.ChannelID), rest time.Duration) *keyed {
	k := &keyed{do: do, rest: rest, under: map[parley.ChannelID]*keyedState{}}
	k.more.L = &k.mu
	return k
}

// add queues a channel. It does not block.
func (k *keyed) add(channel parley.ChannelID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.under[channel]; s != nil {
		s.again = true
		return
	}
	k.under[channel] = &keyedState{}
	k.waiting = append(k.waiting, channel)
	k.more.Signal()
}

// wait returns when the earlier work for a channel is done, or ctx has ended.
func (k *keyed) wait(ctx context.Context, channel parley.ChannelID) {
	k.mu.Lock()
	s := k.under[channel]
	if s == nil {
		k.mu.Unlock()
		return
	}
	if s.done == nil {
		s.done = make(chan struct{})
	}
	done := s.done
	k.rousedLocked(channel, s)
	k.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// rousedLocked ends a channel's rest.
func (k *keyed) rousedLocked(channel parley.ChannelID, s *keyedState) {
	if s.resting == nil {
		return
	}
	s.resting.Stop()
	s.resting = nil
	k.waiting = append(k.waiting, channel)
	k.more.Signal()
}

// run works until ctx ends.
func (k *keyed) run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range keyedWorkers {
		workers.Go(func() { k.work(ctx) })
	}
	<-ctx.Done()
	k.mu.Lock()
	k.closed = true
	k.more.Broadcast()
	k.mu.Unlock()
	workers.Wait()
	return nil
}

func (k *keyed) work(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		for len(k.waiting) == 0 && !k.closed {
			k.more.Wait()
		}
		if k.closed {
			return
		}
		channel := k.waiting[0]
		if k.waiting = k.waiting[1:]; len(k.waiting) == 0 {
			k.waiting = nil
		}
		s := k.under[channel]
		s.again = false
		k.mu.Unlock()
		k.do(ctx, channel)
		k.mu.Lock()
		switch {
		case s.again && (k.rest == 0 || s.done != nil):
			k.waiting = append(k.waiting, channel)
			continue
		case s.again:
			s.resting = time.AfterFunc(k.rest, func() {
				k.mu.Lock()
				defer k.mu.Unlock()
				k.rousedLocked(channel, s)
			})
			continue
		}
		delete(k.under, channel)
		if s.done != nil {
			close(s.done)
		}
	}
}
