package cassandra_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"parley"
	"parley/adapter/cassandra"
	"parley/feed"
)

// BenchmarkPublish has publishers wait for each message of 200 bytes, as a node publishes them: through a feed, which combines what
// waits for one channel. It is compared with plain inserts of as many bytes by as many publishers.
func BenchmarkPublish(b *testing.B) {
	cfg := config(b)
	cfg.Bucket = 10_000
	text := strings.Repeat("x", 200)
	all := func(b *testing.B, publishers int, publish func(publisher, i int) error) {
		var next atomic.Int64
		var wait sync.WaitGroup
		b.ResetTimer()
		for p := range publishers {
			wait.Go(func() {
				for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
					if err := publish(p, int(i)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wait.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	}
	at := strings.TrimPrefix(cfg.URL, "cassandra://")
	host, keyspace, _ := strings.Cut(at, "/")
	c := gocql.NewCluster(host)
	c.Keyspace, c.Consistency = keyspace, gocql.LocalQuorum
	bare, err := c.CreateSession()
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	const table = `CREATE TABLE IF NOT EXISTS bare (channel text, id bigint, body blob, PRIMARY KEY (channel, id))`
	if err := bare.Query(table).Exec(); err != nil {
		b.Fatal(err)
	}
	for _, publishers := range []int{1, 10, 100, 200} {
		b.Run(fmt.Sprintf("insert/publishers=%d", publishers), func(b *testing.B) {
			all(b, publishers, func(p, i int) error {
				return bare.Query(`INSERT INTO bare (channel, id, body) VALUES (?, ?, ?)`, fmt.Sprint(p), i, []byte(text)).Exec()
			})
		})
		for _, channels := range []int{1, 1000} {
			for _, key := range []bool{false, true} {
				b.Run(fmt.Sprintf("channels=%d/key=%v/publishers=%d", channels, key, publishers), func(b *testing.B) {
					s, err := cassandra.Open(b.Context(), cfg)
					if err != nil {
						b.Fatal(err)
					}
					defer s.Close()
					f := feed.New(s, feed.Config{Node: "n", Index: s, Outbox: s})
					ctx, cancel := context.WithCancel(b.Context())
					done := make(chan error, 1)
					go func() { done <- f.Run(ctx) }()
					prefix := fmt.Sprint(b.Name(), b.N)
					all(b, publishers, func(p, i int) error {
						d := parley.Draft{User: parley.UserID(fmt.Sprint("u", p)), Text: text, Join: true}
						if key {
							d.Key = fmt.Sprint(prefix, i)
						}
						return f.PublishAll(parley.ChannelID(fmt.Sprint(strings.ReplaceAll(prefix, "/", "-"), i%channels)), []parley.Draft{d})[0].Err
					})
					b.StopTimer()
					cancel()
					if err := <-done; err != nil {
						b.Error(err)
					}
				})
			}
		}
	}
}
