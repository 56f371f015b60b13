package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/redis/rueidis"
)

// The epoch of a store is in a record in Redis, with the servers (their run_id) that it was begun or continued on. A
// server that is not among them may have lost entries: it was restarted, or promoted.
//
// Every script that touches entries is sent as the epoch's name and its body, so that its SHA-1 belongs to the epoch, and
// called by that alone. Redis forgets scripts when it restarts, and (from version 7 on) a replica is never given them. So the first call
// that reaches such a server fails with NOSCRIPT. Only then the node looks at all servers, continues or renews the
// epoch, and loads the scripts: over the connection on which the server said which it is. No call of an
// old epoch can be served by a server that lost something, and no call pays for that.
type epoch struct {
	verifying chan struct{} // holds a token while nobody verifies

	mu sync.Mutex
	is loaded
}

// loaded is an epoch with the SHA-1s of its scripts.
type loaded struct {
	name       string
	generation int // how often it was verified
	always     bool
	sha        map[*script]string
}

func (e *epoch) loaded() loaded {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.is
}

// server is what a master reports about itself.
type server struct {
	run      string
	promoted bool
	always   bool // it syncs its append-only file before it answers
	c        rueidis.DedicatedClient
	release  func()
}

// verify determines the current epoch, and loads its scripts, unless that was done since a
// generation.
func (s *Store) verify(ctx context.Context, generation int) error {
	select {
	case <-s.epoch.verifying:
		defer func() { s.epoch.verifying <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("find out the epoch of the store: %w", context.Cause(ctx))
	}
	if s.epoch.loaded().generation != generation {
		return nil
	}
	is, err := s.verified(ctx)
	if err != nil {
		return fmt.Errorf("find out the epoch of the store: %w", err)
	}
	is.generation = generation + 1
	s.epoch.mu.Lock()
	defer s.epoch.mu.Unlock()
	s.epoch.is = is
	return nil
}

func (s *Store) verified(ctx context.Context) (loaded, error) {
	servers, err := s.servers(ctx)
	defer func() {
		for _, m := range servers {
			m.c.Close()
			m.release()
		}
	}()
	if err != nil {
		return loaded{}, err
	}
	name, err := s.record(ctx, servers)
	if err != nil {
		return loaded{}, err
	}
	is := loaded{name: name, sha: map[*script]string{}, always: true}
	for _, m := range servers {
		is.always = is.always && m.always
		for _, script := range scripts {
			load := m.c.B().ScriptLoad().Script("-- epoch " + name + "\n" + script.body).Build()
			if is.sha[script], err = m.c.Do(ctx, load).ToString(); err != nil {
				return loaded{}, fmt.Errorf("load a script: %w", err)
			}
		}
	}
	return is, nil
}

// Promise says what an acknowledgment guarantees, by the configuration of the servers when they were last
// asked.
func (s *Store) Promise() string {
	where := "in the memory of Redis before it is acknowledged"
	lose := "; a crash or failover of Redis may lose what was not yet on its disk or replicated"
	if s.epoch.loaded().always {
		where = "in the append-only file of Redis, on its disk, before it is acknowledged"
		lose = "; a failover may lose what was not yet replicated"
	}
	switch s.cfg.Replicas {
	case 0:
		return where + lose
	case 1:
		where += ", and on 1 replica"
	default:
		where += fmt.Sprintf(", and on %d replicas", s.cfg.Replicas)
	}
	return where + "; a failover to a replica that was behind may lose it"
}

// servers returns the masters, each with a connection of our own.
func (s *Store) servers(ctx context.Context) (masters []server, err error) {
	for addr, node := range s.client.Nodes() {
		m, master, err := meet(ctx, node)
		if err == nil && master {
			masters = append(masters, m)
			continue
		}
		m.c.Close()
		m.release()
		if err != nil && s.client.Mode() != rueidis.ClientModeCluster { // of a Cluster, some nodes may be dead
			return masters, fmt.Errorf("ask %s: %w", addr, err)
		}
	}
	if len(masters) == 0 {
		return nil, errors.New("no master answers")
	}
	return masters, nil
}

// meet asks a server over a connection of its own. If the connection was open before the server restarted, it is broken,
// and another is made.
func meet(ctx context.Context, node rueidis.Client) (m server, master bool, err error) {
	for try := 0; ; try++ {
		m.c, m.release = node.Dedicate()
		if master, err = m.ask(ctx); !broken(err) || try == 2 {
			return m, master, err
		}
		m.c.Close()
		m.release()
	}
}

// ask stores what a server reports about itself, and reports whether it is a master.
func (m *server) ask(ctx context.Context) (master bool, err error) {
	s, err := m.c.Do(ctx, m.c.B().Info().Section("everything").Build()).ToString()
	if err != nil {
		return false, err
	}
	info := parseInfo(s)
	m.run = info["run_id"]
	m.promoted = strings.Trim(info["master_replid2"], "0") != ""
	if m.run == "" {
		return false, errAnswer
	}
	if policy, err := m.c.Do(ctx, m.c.B().ConfigGet().Parameter("appendfsync").Build()).AsStrMap(); err == nil {
		m.always = info["aof_enabled"] == "1" && policy["appendfsync"] == "always"
	}
	return info["role"] == "master", nil
}

// setRecord: the record is as it was read (ARGV[1]: its name) -> name, servers, whether all sync always.
var setRecord = rueidis.NewLuaScript(`
if (redis.call('HGET', KEYS[1], 'name') or '') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'name', ARGV[2], 'servers', ARGV[3], 'always', ARGV[4])
return 1`)

// record returns the epoch, which it continues or renews if there are servers that it does not know.
func (s *Store) record(ctx context.Context, servers []server) (name string, err error) {
	key := s.prefix + "epoch"
	var runs []string
	always := true
	for _, m := range servers {
		runs = append(runs, m.run)
		always = always && m.always
	}
	slices.Sort(runs)
	for ctx.Err() == nil {
		is, err := s.client.Do(ctx, s.client.B().Hgetall().Key(key).Build()).AsStrMap()
		if err != nil {
			return "", fmt.Errorf("read the record: %w", err)
		}
		known := strings.Split(is["servers"], " ")
		lost, strange := is["name"] == "", false
		for _, m := range servers {
			if !slices.Contains(known, m.run) {
				strange = true
				lost = lost || m.promoted || !m.always || is["always"] != "1"
			}
		}
		name = is["name"]
		if lost {
			name = rand.Text()
		}
		if !lost && !strange && is["always"] == flag(always) {
			return name, nil
		}
		set, err := setRecord.Exec(ctx, s.client, []string{key}, []string{is["name"], name, strings.Join(runs, " "), flag(always)}).AsBool()
		if err != nil {
			return "", fmt.Errorf("write the record: %w", err)
		}
		if set {
			return name, nil
		}
	}
	return "", context.Cause(ctx)
}
