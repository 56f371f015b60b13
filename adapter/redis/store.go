package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
)

// Store is one node's access to a store in Redis. What belongs to a channel is in the channel's slot, and each write
// of it is one script (lua/channel.lua). Lists that belong elsewhere, a user's channels and all channels, follow: the
// script notes the updates of these lists, and the node that called it makes them (lists.go).
type Store struct {
	// fixed after construction
	client  rueidis.Client
	prefix  string
	node    string // this handle, among those that append
	cfg     Config
	numbers atomic.Int64 // of batches
	turns   turns
	appends appends
	bounds  gather[parley.Bounds]
	sets    gather[[]string] // settings and revision
	epoch   epoch
	outages outages

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // in flight
}

var _ parley.Store = (*Store)(nil)

const maxReplicasTimeout = 2 * time.Second // less than a batch has

// Open connects to a store, and begins a new epoch if Redis may have lost entries since it was last used.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.ReplicasTimeout <= 0 {
		cfg.ReplicasTimeout = time.Second
	}
	cfg.ReplicasTimeout = min(cfg.ReplicasTimeout, maxReplicasTimeout)
	c, err := open(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{client: c, prefix: cfg.Prefix, node: rand.Text()[:16], cfg: cfg, turns: turns{of: map[parley.ChannelID][]chan struct{}{}}}
	s.appends.alone = c.Mode() == rueidis.ClientModeCluster
	s.bounds.read, s.sets.read = s.readBounds, s.readSettings
	s.outages.ending, s.outages.of = make(chan struct{}), map[uint16]time.Time{}
	s.epoch.verifying = make(chan struct{}, 1)
	s.epoch.verifying <- struct{}{}
	if err := s.verify(ctx, 0); err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

// Close implements parley.Log.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	s.calls.Wait()
	s.outages.end()
	s.client.Close()
	return nil
}

// begin admits a call, which ends by s.calls.Done.
func (s *Store) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return parley.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

// guarded makes a call with a key, unless the key's server is down.
func (s *Store) guarded(key string, make func() error) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	if err := s.refused(key); err != nil {
		return err
	}
	began := time.Now()
	err := make()
	s.answered(key, began, err)
	return err
}

// do makes a call that does not concern entries.
func (s *Store) do(ctx context.Context, c rueidis.Completed) (r rueidis.RedisResult) {
	if err := s.guarded(c.Commands()[1], func() error {
		r = s.client.Do(ctx, c)
		return r.NonRedisError()
	}); err != nil {
		return rueidis.NewErrorResult(err)
	}
	return r
}

// exec calls a script that does not concern entries.
func (s *Store) exec(ctx context.Context, script *rueidis.Lua, key string, args ...string) (r rueidis.RedisResult) {
	made := false
	err := s.guarded(key, retried(ctx, func() error {
		made = true
		r = script.Exec(ctx, s.client, scriptKeys(key), args)
		return r.Error()
	}))
	if !made {
		return rueidis.NewErrorResult(err)
	}
	return r
}

// execAll calls exec for one script several times.
func (s *Store) execAll(ctx context.Context, script *rueidis.Lua, all []rueidis.LuaExec) error {
	return s.guarded(all[0].Keys[0], retried(ctx, func() error {
		for _, r := range script.ExecMulti(ctx, s.client, all...) {
			if err := r.Error(); err != nil {
				return err
			}
		}
		return nil
	}))
}

// scriptKeys are the keys of a script that is given what begins the names of its keys: see keysOf.
func scriptKeys(key string) []string { return []string{key, key + "+"} }

// retried repeats a call while a Cluster moves its slot: nothing was done.
func retried(ctx context.Context, make func() error) func() error {
	return func() error {
		until := time.Now().Add(patience)
		for {
			err := make()
			if !moving(err) || ctx.Err() != nil || time.Now().After(until) {
				return err
			}
			backoff.Wait(ctx, 0)
		}
	}
}

// moving reports whether a Cluster has refused a call because it moves the slot.
func moving(err error) bool {
	bad, ok := rueidis.IsRedisErr(err)
	return ok && bad.IsTryAgain()
}

// call is a call of a script of a channel, or of several that begin keys.
type call struct {
	script  *script
	channel parley.ChannelID
	args    []string // after the time
	keys    []string // of several
	waits   bool     // for replicas, if that is configured
}

// key is one of the call's channel.
func (c *call) key(s *Store) string {
	if c.keys != nil {
		return c.keys[0]
	}
	return s.of(c.channel)
}

// run calls scripts, and returns their results in order, with the epoch of all of them.
func (s *Store) run(ctx context.Context, calls ...call) ([]rueidis.RedisMessage, string, error) {
	return s.runFor(ctx, "", calls...)
}

// runFor is run within an epoch, unless that is "". In another epoch nothing is called.
func (s *Store) runFor(ctx context.Context, epoch string, calls ...call) ([]rueidis.RedisMessage, string, error) {
	if err := s.begin(); err != nil {
		return nil, "", err
	}
	defer s.calls.Done()
	if s.outages.any() {
		for i := range calls {
			if err := s.refused(calls[i].key(s)); err != nil {
				return nil, "", err
			}
		}
	}
	began := time.Now()
	var ms []rueidis.RedisMessage
	var name string
	err := retried(ctx, func() (err error) {
		ms, name, err = s.runVerified(ctx, epoch, calls)
		return err
	})()
	if err != nil {
		s.answered(calls[0].key(s), began, err)
	}
	return ms, name, err
}

func (s *Store) runVerified(ctx context.Context, epoch string, calls []call) ([]rueidis.RedisMessage, string, error) {
	again := false
	for range 5 {
		loaded := s.epoch.loaded()
		now := calls
		if epoch != "" && epoch != loaded.name {
			now = []call{s.boundsOf(calls[0].channel)} // or is it this node that is behind?
		}
		rs, err := s.runIn(ctx, loaded, now)
		if !again && ctx.Err() == nil && broken(err) && !slices.ContainsFunc(now, func(c call) bool { return !c.script.reads }) {
			again = true
			continue
		}
		if !errors.Is(err, errNoScript) {
			return rs, loaded.name, err
		}
		if err := s.verify(ctx, loaded.generation); err != nil {
			return nil, "", err
		}
	}
	return nil, "", errors.New("redis forgets the scripts that it was given: does something call SCRIPT FLUSH?")
}

// broken reports whether a connection ended before the response, as after a restart of the server.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

var errNoScript = errors.New("the server does not know the script")

func (s *Store) runIn(ctx context.Context, in loaded, calls []call) ([]rueidis.RedisMessage, error) {
	now := ""
	if s.cfg.Clock != nil {
		now = strconv.FormatInt(s.cfg.Clock().UnixMicro(), 10)
	}
	commands := make([]rueidis.Completed, len(calls))
	for i, c := range calls {
		sha := s.client.B().Evalsha().Sha1(in.sha[c.script])
		if c.keys != nil {
			commands[i] = sha.Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(now).Arg(c.args...).Build()
			continue
		}
		keep := s.keeps(c.channel)
		commands[i] = sha.Numkeys(2).Key(s.keysOf(c.channel)...).Arg(fmt.Sprint(now, " ", keep.Messages, " ", keep.Seconds)).
			Arg(c.args...).Build()
	}
	waits := s.cfg.Replicas > 0 && len(calls) == 1 && calls[0].waits
	if waits { // on the same connection
		commands = append(commands, s.client.B().Wait().Numreplicas(int64(s.cfg.Replicas)).Timeout(s.cfg.ReplicasTimeout.Milliseconds()).Build())
	}
	ms := make([]rueidis.RedisMessage, len(calls))
	answers := s.client.DoMulti(ctx, commands...)
	for i, r := range answers[:len(calls)] {
		m, err := r.ToMessage()
		if bad, ok := rueidis.IsRedisErr(err); ok && bad.IsNoScript() {
			return nil, errNoScript
		}
		if err != nil {
			return nil, err
		}
		ms[i] = m
	}
	if waits {
		n, err := answers[1].AsInt64()
		if err == nil && n < int64(s.cfg.Replicas) {
			err = fmt.Errorf("%w: %d of %d replicas have it", errReplicas, n, s.cfg.Replicas)
		}
		if err != nil {
			return nil, err
		}
	}
	return ms, nil
}

var errReplicas = errors.New("too few replicas of Redis have the message in time")

// of is the prefix of a channel's keys.
func (s *Store) of(channel parley.ChannelID) string { return s.prefix + "{" + string(channel) + "}:" }

// keysOf returns the keys that a channel's script is called with. There are two, one of which does not exist, so that a
// Cluster refuses the call (TRYAGAIN) while it moves their slot: it checks only these, and a script must not see only some
// of a channel's keys.
func (s *Store) keysOf(channel parley.ChannelID) []string {
	of := s.of(channel)
	return []string{of, of + "head"}
}

// keeps returns the retention of a channel without settings.
func (s *Store) keeps(channel parley.ChannelID) parley.Retention {
	if s.cfg.RetentionOf != nil {
		if of := s.cfg.RetentionOf(channel); of != (parley.Retention{}) {
			return of
		}
	}
	return s.cfg.Retention
}
