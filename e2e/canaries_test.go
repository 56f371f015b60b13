package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/testenv"
)

// canaries are readers of one channel, to which one publisher sends the current time every 20 ms. They show when
// clients are served again and which streams were cut.
type canaries struct {
	all     []*canary
	sent    atomic.Int64 // messages that were acknowledged
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

type canary struct {
	name string

	mu       sync.Mutex
	since    time.Time       // the first message sent from then on is awaited
	served   time.Time       // when it arrived
	late     []time.Duration // latencies of those that arrived since
	troubles int             // connections that were cut or refused
	last     error
}

// release starts them behind proxies.
func release(t *testing.T, behind ...*proxy) *canaries {
	t.Helper()
	c := &canaries{}
	c.ctx, c.stop = context.WithCancel(context.Background())
	channel := fmt.Sprintf("canary-%08x", rand.Uint32())
	for i := range 12 {
		p := behind[i%len(behind)]
		via := []client.Transport{client.WebSocket, client.SSE, client.LongPoll}[i/len(behind)%3]
		one := &canary{name: fmt.Sprint(i, " over ", via)}
		s := p.impatient("").Subscribe(channel, client.Options{From: client.At(0), Transport: via, OnTrouble: one.trouble})
		c.all = append(c.all, one)
		c.running.Go(func() {
			defer s.Close()
			for {
				e, err := s.Next(c.ctx)
				if err != nil {
					return
				}
				if e.Message != nil {
					one.note(e.Message.Text)
				}
			}
		})
	}
	c.running.Go(func() {
		for n := 0; c.ctx.Err() == nil; n++ {
			p := behind[n%len(behind)]
			if _, err := p.impatient("watchman").Publish(c.ctx, channel, client.Draft{Text: fmt.Sprint(time.Now().UnixNano())}); err == nil {
				c.sent.Add(1)
			}
			select {
			case <-c.ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	t.Cleanup(c.end)
	return c
}

func (c *canaries) end() {
	c.stop()
	c.running.Wait()
}

// impatient is a client that tries again soon.
func (p *proxy) impatient(user string) *client.Client {
	return client.New(p.url, client.Config{User: user, HTTPClient: p.http, FirstWait: 20 * time.Millisecond, MaxWait: 500 * time.Millisecond,
		TryTimeout: 5 * time.Second})
}

func (c *canary) trouble(tr client.Trouble) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.troubles++
	c.last = tr.Err
}

func (c *canary) note(text string) {
	at := time.Now()
	ns, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return
	}
	born := time.Unix(0, ns)
	c.mu.Lock()
	defer c.mu.Unlock()
	if born.Before(c.since) {
		return
	}
	if c.served.IsZero() {
		c.served = at
	}
	c.late = append(c.late, at.Sub(born))
}

// from starts to wait for a message sent at or after a time.
func (c *canaries) from(at time.Time) {
	for _, one := range c.all {
		one.mu.Lock()
		one.since, one.served, one.late = at, time.Time{}, nil
		one.mu.Unlock()
	}
}

// calm waits until all are served, and resets their troubles.
func (c *canaries) calm(t *testing.T) {
	t.Helper()
	now := time.Now()
	c.from(now)
	c.servedSince(t, now)
	for _, one := range c.all {
		one.mu.Lock()
		one.troubles = 0
		one.mu.Unlock()
	}
}

// servedSince waits until each canary has received something sent after the time given to from, and returns how long
// after that time the last of them received it.
func (c *canaries) servedSince(t *testing.T, at time.Time) (took time.Duration) {
	t.Helper()
	for _, one := range c.all {
		for deadline := time.Now().Add(testenv.Patience); ; time.Sleep(5 * time.Millisecond) {
			one.mu.Lock()
			served, last := one.served, one.last
			one.mu.Unlock()
			if !served.IsZero() {
				took = max(took, served.Sub(at))
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("canary %s is not served; its last trouble: %v", one.name, last)
			}
		}
	}
	return took
}

// cut reports which streams were cut since calm. Polls, which end and begin all the time, are not counted.
func (c *canaries) cut() (err error) {
	for _, one := range c.all {
		one.mu.Lock()
		if one.troubles > 0 && !strings.HasSuffix(one.name, string(client.LongPoll)) {
			err = errors.Join(err, fmt.Errorf("canary %s was cut %d times: %w", one.name, one.troubles, one.last))
		}
		one.mu.Unlock()
	}
	return err
}

// lateness is the 99th percentile of the latencies since from.
func (c *canaries) lateness() time.Duration {
	var all []time.Duration
	for _, one := range c.all {
		one.mu.Lock()
		all = append(all, one.late...)
		one.mu.Unlock()
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}
