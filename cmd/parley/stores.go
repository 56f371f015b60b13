package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/cassandra"
	"github.com/parley-server/parley/adapter/embedded"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/door"
)

// stores are the stores and the bus of a node.
type stores struct {
	chat.Store
	keys     parley.Keys
	once     parley.Once
	presence parley.Presence
	bus      parley.Bus    // nil: there are no other nodes
	index    parley.Index  // for a store that does not derive in Append; nil: it does
	outbox   parley.Outbox // of all stores
	intake   parley.Intake // nil: no topic is ingested
	promise  func() string // what an acknowledgment guarantees

	busAt, presenceAt string // the URLs, without passwords

	run      func(context.Context) error
	reopened func(func(...parley.ChannelID)) // registers a function that is called after the store was reopened
	refusal  func(context.Context) error     // the reason why nothing can be stored now
	damaged  func() []string                 // files with an unreadable part
	rowsRead func() int64
	closers  []func() error

	collectors []prometheus.Collector // metrics of the store itself
}

// close closes what was opened, the last first.
func (s *stores) close() (err error) {
	for i := range s.closers {
		err = errors.Join(err, s.closers[len(s.closers)-1-i]())
	}
	return err
}

// shared reports whether other nodes may use the store too.
func (f *nodeFlags) shared() bool { return f.Store != "embedded" }

// storedIn names the directory or the database that holds the messages.
func (f *nodeFlags) storedIn() string {
	if f.shared() {
		return secretless(f.Store)
	}
	return f.Data
}

// redisURL reports whether a setting names a Redis.
func redisURL(s string) bool {
	return strings.HasPrefix(s, "redis://") || strings.HasPrefix(s, "rediss://")
}

// checkStores refuses stores and buses that are unknown or do not fit together.
func (f *nodeFlags) checkStores() error {
	switch {
	case f.RedisWait < 0:
		return refuse("--redis-wait must not be negative.", "Give the number of replicas that must have a message, such as 1.")
	case f.RedisWait > 0 && !redisURL(f.Store):
		return refuse("--redis-wait waits for replicas of a Redis store, and the store is "+secretless(f.Store)+".",
			"Add --store redis://HOST:PORT, or leave --redis-wait out.")
	case !f.shared() && f.Bus != "local":
		return refuse("--bus "+secretless(f.Bus)+" connects several nodes, but the embedded store is one node's own. Give one of:",
			"  --bus local                                     # one node; or leave --bus out",
			"  --store redis://HOST:PORT                       # a database that all nodes share",
			"  --store cassandra://HOST,HOST/KEYSPACE          # the same, for more than a machine's memory holds")
	case schemeOf(f.Store) == "cassandra":
		if err := cassandra.CheckURL(f.Store); err != nil {
			return refuse(fmt.Sprintf("--store %s: %v.", secretless(f.Store), err), "docs/operations.md has what such a URL may say.")
		}
	case f.shared() && !redisURL(f.Store):
		return refuse("--store "+secretless(f.Store)+" is not a store that this version knows.",
			"Use --store embedded, redis://HOST:PORT or cassandra://HOST,HOST/KEYSPACE.")
	}
	return f.checkBuses()
}

// clusterSecret is the secret from which all nodes derive common keys: the one in
// --cluster-secret-file, else the one that signs tokens; nil for a single node.
func (f *nodeFlags) clusterSecret(hmac []byte) ([]byte, error) {
	switch {
	case f.ClusterSecretFile != "":
		secret, err := auth.ReadSecret(f.ClusterSecretFile)
		if err != nil {
			return nil, refuse(fmt.Sprintf("--cluster-secret-file: %v.", err), "Make one: head -c 48 /dev/urandom | base64 > FILE")
		}
		return secret, nil
	case hmac == nil && f.Bus != "local":
		return nil, refuse("several nodes need a secret that all of them have.",
			"Add --cluster-secret-file FILE: head -c 48 /dev/urandom | base64 > FILE")
	}
	return hmac, nil
}

// openStores opens --store, --presence and --bus.
func (n *node) openStores(ctx context.Context) (s *stores, err error) {
	s = &stores{
		run:      func(context.Context) error { return nil },
		reopened: func(func(...parley.ChannelID)) {},
		damaged:  func() []string { return nil },
		rowsRead: func() int64 { return 0 },
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	switch {
	case !n.flags.shared():
		err = n.openEmbedded(s)
	case redisURL(n.flags.Store):
		err = n.openRedis(ctx, s)
	default:
		err = n.openCassandra(ctx, s)
	}
	if err != nil {
		return s, err
	}
	return s, n.openBuses(ctx, s)
}

func (n *node) openRedis(ctx context.Context, s *stores) error {
	f := n.flags
	store, err := redis.Open(ctx, redis.Config{URL: f.Store, Replicas: f.RedisWait, RetentionOf: n.spaces.Retention,
		Retention: parley.Retention{Messages: f.HistoryMessages, Seconds: int64(f.HistoryAge / time.Second)}})
	if err != nil {
		return away("--store", f.Store, err)
	}
	s.Store, s.keys, s.once, s.closers = store, store, store, append(s.closers, store.Close)
	s.index, s.outbox, s.run, s.promise = store, store, store.Run, store.Promise
	n.log.Info("the store is a Redis", "url", secretless(f.Store), "promise", store.Promise())
	s.refusal = store.Ready
	return nil
}

func (n *node) openCassandra(ctx context.Context, s *stores) error {
	f := n.flags
	q := newQueries(n.log)
	store, err := cassandra.Open(ctx, cassandra.Config{URL: f.Store, KeyRetention: f.KeyRetention, RetentionOf: n.spaces.Retention,
		Observe:   q.observe,
		Retention: parley.Retention{Messages: f.HistoryMessages, Seconds: int64(f.HistoryAge / time.Second)}})
	if err != nil {
		return noSchema(f.Store, err)
	}
	s.Store, s.keys, s.once, s.closers = store, store, store, append(s.closers, store.Close)
	s.index, s.outbox, s.run, s.promise = store, store, store.Run, store.Promise
	n.log.Info("the store is a Cassandra", "url", secretless(f.Store), "promise", store.Promise())
	s.refusal = store.Ready
	s.collectors = []prometheus.Collector{q.took, q.failed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_store_clock_skew_seconds", Help: "How far the store's clock is ahead of this node's; 0: less than a minute.",
	}, func() float64 { return store.Skew().Seconds() })}
	if skew := store.Skew(); skew != 0 {
		n.log.Error("the clocks of this node and of the store differ; messages are stamped by the store's", "ahead", -skew)
	}
	return nil
}

func (n *node) openEmbedded(s *stores) error {
	f := n.flags
	log, err := embedded.Open(f.Data,
		embedded.Config{MaxFiles: door.Share(true).Files(), Fsync: embedded.Fsync(f.Fsync), Logger: n.log, RetentionOf: n.spaces.Retention,
			Retention: parley.Retention{Messages: f.HistoryMessages, Seconds: int64(f.HistoryAge / time.Second)}})
	switch {
	case err == nil:
	case errors.Is(err, embedded.ErrNewer):
		return refuse(err.Error(), "Start the version that wrote it, or give this one a directory of its own: --data DIR")
	case errors.Is(err, embedded.ErrInUse):
		return refuse(err.Error(), "Stop that process, or give this one a directory of its own: --data DIR")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS), isNowhere(f.Data):
		return refuse(fmt.Sprintf("the data directory can't be used: %v.", err), "Give --data a directory that this user may write.")
	default:
		return fmt.Errorf("%w\nIf the directory is damaged, restore a copy of the whole of it, or begin with an empty one: --data DIR", err)
	}
	s.Store, s.outbox, s.keys, s.once = log, log, embedded.OpenKeys(f.Data), mem.NewOnce(nil)
	s.closers = append(s.closers, log.Close)
	s.run, s.reopened, s.damaged, s.rowsRead = log.Run, log.OnReopened, log.Damaged, log.RowsRead
	s.refusal = func(context.Context) error { return log.Ready() }
	promise := map[string]string{
		"commit":   "on the disk before it is acknowledged",
		"interval": "acknowledged at once; a crash may lose the last 100 ms",
		"memory":   "acknowledged at once; a crash loses what was not yet written",
	}[f.Fsync]
	s.promise = func() string { return promise }
	return nil
}

// isNowhere reports whether a directory does not exist, and so could not be created.
func isNowhere(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}
