package cassandra_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/cassandra"
	"github.com/parley-server/parley/feed"
)

// rig is a store as a node uses it, through a feed, which combines what waits for one channel; and next to it a bare table, into
// which as many bytes are inserted plainly.
type rig struct {
	*cassandra.Store
	feed   *feed.Feed
	bare   *gocql.Session
	prefix string
	keyed  bool
}

var benchText = strings.Repeat("x", 200)

// benchConfig is that of a store with partitions of the usual size.
func benchConfig(b *testing.B) cassandra.Config {
	const usual = 10_000
	cfg := configOf(b, usual)
	is, err := cassandra.Inspect(b.Context(), cfg)
	if err != nil || is.Bucket != usual {
		b.Fatalf("the buckets have %d ids, want %d (%v)", is.Bucket, usual, err)
	}
	return cfg
}

func newRig(b *testing.B, cfg cassandra.Config) *rig {
	b.Helper()
	s, err := cassandra.Open(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{Store: s, feed: feed.New(s, feed.Config{Node: "n", Index: s, Outbox: s}),
		prefix: fmt.Sprint(strings.ReplaceAll(b.Name(), "/", "-"), "-", b.N, "-")}
	c := gocql.NewCluster(server.URL(b))
	c.Keyspace, c.Consistency = cfg.URL[strings.LastIndexByte(cfg.URL, '/')+1:], gocql.LocalQuorum
	if r.bare, err = c.CreateSession(); err != nil {
		b.Fatal(err)
	}
	const table = `CREATE TABLE IF NOT EXISTS bare (channel text, id bigint, body blob, PRIMARY KEY (channel, id))`
	if err := r.bare.Query(table).Exec(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.feed.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		r.bare.Close()
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return r
}

func (r *rig) insert(publisher, i int) error {
	return r.bare.Query(`INSERT INTO bare (channel, id, body) VALUES (?, ?, ?)`, fmt.Sprint(r.prefix, publisher), i, []byte(benchText)).Exec()
}

func (r *rig) publish(publisher, i, channels int) error {
	d := parley.Draft{User: parley.UserID(fmt.Sprint("u", publisher)), Text: benchText, Join: true}
	if r.keyed {
		d.Key = fmt.Sprint(r.prefix, i)
	}
	return r.feed.PublishAll(parley.ChannelID(fmt.Sprint(r.prefix, i%channels)), []parley.Draft{d})[0].Err
}

// all has publishers do n things. each is waited for by its publisher.
func all(b *testing.B, publishers, n int, do func(publisher, i int) error) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for p := range publishers {
		wait.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := do(p, int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// BenchmarkCassandra has publishers wait for each message of 200 bytes, and compares that with plain inserts.
func BenchmarkCassandra(b *testing.B) {
	cfg := benchConfig(b)
	for _, publishers := range []int{1, 10, 100, 200} {
		run := func(name string, keyed bool, do func(r *rig) func(p, i int) error) {
			b.Run(fmt.Sprintf("%s/publishers=%d", name, publishers), func(b *testing.B) {
				r := newRig(b, cfg)
				r.keyed = keyed
				b.ResetTimer()
				all(b, publishers, b.N, do(r))
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			})
		}
		run("insert", false, func(r *rig) func(p, i int) error { return r.insert })
		for _, channels := range []int{1, 1000} {
			for _, keyed := range []bool{false, true} {
				run(fmt.Sprintf("channels=%d,key=%v", channels, keyed), keyed, func(r *rig) func(p, i int) error {
					return func(p, i int) error { return r.publish(p, i, channels) }
				})
			}
		}
	}
}

// quantile sorts.
func quantile(all []time.Duration, q float64) float64 {
	slices.Sort(all)
	return float64(all[min(int(q*float64(len(all))), len(all)-1)].Microseconds()) / 1000
}

// BenchmarkCassandraIdle publishes into a channel where nothing else happens, in turns with a plain insert.
func BenchmarkCassandraIdle(b *testing.B) {
	cfg := benchConfig(b)
	for _, keyed := range []bool{false, true} {
		b.Run(fmt.Sprintf("key=%v", keyed), func(b *testing.B) {
			r := newRig(b, cfg)
			r.keyed = keyed
			took := func(do func() error) time.Duration {
				began := time.Now()
				if err := do(); err != nil {
					b.Fatal(err)
				}
				return time.Since(began)
			}
			var inserts, publishes []time.Duration
			for i := range b.N {
				inserts = append(inserts, took(func() error { return r.insert(0, i) }))
				publishes = append(publishes, took(func() error { return r.publish(0, i, 1) }))
			}
			is, bare := quantile(publishes, 0.5), quantile(inserts, 0.5)
			b.ReportMetric(is, "p50-ms")
			b.ReportMetric(bare, "insert-p50-ms")
			b.ReportMetric(is/bare, "x-insert")
		})
	}
}

// BenchmarkCassandraHalfRate publishes into 1,000 channels from 200 publishers: as fast as that goes, and then at half that rate, where a
// message's latency counts from the moment at which it was due.
func BenchmarkCassandraHalfRate(b *testing.B) {
	r := newRig(b, benchConfig(b))
	began := time.Now()
	all(b, 200, b.N, func(p, i int) error { return r.publish(p, i, 1000) })
	top := float64(b.N) / time.Since(began).Seconds()
	each := time.Duration(2 * float64(time.Second) / top)
	late := make([]time.Duration, b.N+1)
	began = time.Now()
	all(b, 200, b.N, func(p, i int) error {
		due := began.Add(time.Duration(i) * each)
		time.Sleep(time.Until(due))
		err := r.publish(p, i, 1000)
		late[i] = time.Since(due)
		return err
	})
	b.ReportMetric(top, "top-msgs/s")
	b.ReportMetric(quantile(late[1:], 0.5), "p50-ms")
	b.ReportMetric(quantile(late[1:], 0.99), "p99-ms")
}

// BenchmarkCassandraNewest reads the newest messages of a channel of a million.
func BenchmarkCassandraNewest(b *testing.B) {
	r := newRig(b, benchConfig(b))
	const size, some = 1_002_000, 2000 // at a border of buckets it would read one more
	for at := int64(0); at < size; at += some {
		ms := make([]parley.Message, some)
		for i := range ms {
			id := at + int64(i) + 1
			ms[i] = parley.Message{ID: id, User: "u", Text: benchText, Time: parley.Timestamp(1_700_000_000_000_000 + id), Count: id}
		}
		if err := r.Restore(b.Context(), "large", parley.Origin{}, ms); err != nil {
			b.Fatal(err)
		}
	}
	for _, limit := range []int{100, 10_000} {
		b.Run(fmt.Sprint(limit), func(b *testing.B) {
			var took []time.Duration
			for range b.N {
				began := time.Now()
				bounds, err := r.Bounds(b.Context(), "large")
				if err != nil {
					b.Fatal(err)
				}
				for at := bounds[0].Last - int64(limit); at < bounds[0].Last; {
					run, err := r.Read(b.Context(), "large", parley.Cursor{ID: at}, limit)
					if err != nil {
						b.Fatal(err)
					}
					at += int64(len(run.Entries))
				}
				took = append(took, time.Since(began))
			}
			b.ReportMetric(quantile(took, 0.5), "p50-ms")
			b.ReportMetric(quantile(took, 0.99), "p99-ms")
		})
	}
}
