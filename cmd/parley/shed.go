package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	samples "runtime/metrics"
	"sync/atomic"
	"time"

	"parley"
	"parley/engine"
	"parley/transport"
)

// shed refuses new streams before the process suffers from them: at the limit of
// connections, and while memory is nearly used up.
type shed struct {
	engine  *engine.Engine
	streams func() int // those of the engine and of handlers; set before anybody is served
	most    int        // streams; 0: as many as there are descriptors
	memory  int64      // bytes; 0: not watched

	short   atomic.Bool  // of memory
	served  atomic.Int64 // connections in net/http
	proxied atomic.Int64 // those whose PROXY header is being read
	limits  *limits      // of addresses; nil: none
	first   *handshakes  // which has connections of its own; nil: none
}

// shares are the descriptors of a process: the store's, with listeners and the like, those
// of the admin listener, those for answering clients that cannot be served, and the rest.
type shares struct{ store, admin, away, public int }

// share divides a limit. The store gets an eighth, at least 256 and at most what it can
// use; a process that may have few keeps half for it.
func share(limit int) (s shares) {
	s.store = max(min(limit/8, maxFiles+64), min(limit/2, 256))
	s.admin = max(1, min(limit/16, 32))
	s.away = max(1, min(limit/16, 64))
	s.public = limit - s.store - s.admin - s.away
	return s
}

// maxFiles is how many files a store may keep open.
const maxFiles = 1000

// files is how many of its descriptors the store uses for what it reads; it opens at least 64.
func (s shares) files() int { return max(64, s.store-64) }

// full reports whether the descriptors for clients are used up.
func (s *shed) full() bool {
	open := s.engine.Len() + int(s.served.Load()) + int(s.proxied.Load())
	if s.first != nil {
		open += int(s.first.arrived.Load())
	}
	return open >= share(descriptors()).public
}

// count follows the connections of net/http; it is a http.Server's ConnState.
func (s *shed) count(nc net.Conn, state http.ConnState) {
	transport.ConnState(nc, state)
	switch state {
	case http.StateNew:
		s.served.Add(1)
	case http.StateHijacked, http.StateClosed:
		s.served.Add(-1)
		if s.limits != nil {
			s.limits.gone(nc)
		}
	}
}

// shedAt is the part of the memory limit that is for those who are here already.
const shedAt = 0.9

// refusal is why no new stream is taken now, or nil.
func (s *shed) refusal() *parley.Error {
	refuse := func(reason, detail string) *parley.Error {
		return &parley.Error{Code: parley.CodeOverloaded, Reason: reason, RetryAfter: 5 * time.Second, Detail: detail, Hint: "come back after the time in Retry-After"}
	}
	switch {
	case s.most > 0 && s.streams() >= s.most:
		return refuse("connections", fmt.Sprintf("the server has the %d connections it may have", s.most))
	case s.short.Load():
		return refuse("memory", "the server is short of memory")
	}
	return nil
}

// run watches the memory until ctx ends.
func (s *shed) run(ctx context.Context) error {
	if s.memory == 0 {
		return nil
	}
	sample := []samples.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		samples.Read(sample)
		used := sample[0].Value.Uint64() - sample[1].Value.Uint64()
		s.short.Store(float64(used) > shedAt*float64(s.memory))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
