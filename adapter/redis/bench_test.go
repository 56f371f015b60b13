package redis_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/testenv"
)

// BenchmarkPublish has 100 publishers, each with its own channel or all with one, wait for each message of 200 bytes with a key, as a
// node publishes them: through a feed, with what follows from them. It is compared with a bare XADD of as many bytes by as many
// publishers over one pipelined connection, and run with appendfsync everysec and always.
func BenchmarkPublish(b *testing.B) {
	text := strings.Repeat("x", 200)
	const publishers = 100
	all := func(b *testing.B, url string, publish func(publisher, i int) error) {
		var next atomic.Int64
		var wait sync.WaitGroup
		before := cpuOf(b, url)
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
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		b.ReportMetric((cpuOf(b, url)-before)/float64(b.N)*1e6, "redis-us/message")
	}
	for _, fsync := range []string{"everysec", "always"} {
		url := testenv.Service(b, "redis", "--aof")
		cliOf(b, url, "CONFIG", "SET", "appendfsync", fsync)
		b.Run("XADD/"+fsync, func(b *testing.B) {
			addr := strings.TrimPrefix(url, "redis://")
			c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			prefix := fmt.Sprintf("b%d:", systems.Add(1))
			all(b, url, func(p, _ int) error {
				return c.Do(b.Context(), c.B().Xadd().Key(prefix+fmt.Sprint(p)).Id("*").FieldValue().FieldValue("e", text).Build()).Error()
			})
		})
		for _, channels := range []int{publishers, 1} {
			b.Run(fmt.Sprintf("%d channels/%s", channels, fsync), func(b *testing.B) {
				s, err := redis.Open(b.Context(), redis.Config{URL: url, Prefix: fmt.Sprintf("b%d:", systems.Add(1))})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				f := feed.New(s, feed.Config{Node: "bench", Index: s, Outbox: s})
				ctx, stop := context.WithCancel(b.Context())
				var running sync.WaitGroup
				running.Go(func() { _ = f.Run(ctx) })
				defer running.Wait()
				defer stop()
				stored := make([]chan error, publishers) // each buffered for its only sender
				for p := range stored {
					stored[p] = make(chan error, 1)
				}
				all(b, url, func(p, i int) error {
					f.Publish(parley.ChannelID(fmt.Sprint("room", p%channels)), parley.Draft{User: parley.UserID(fmt.Sprint("user", p)),
						Key: fmt.Sprint(i), Text: text, Join: true}, func(r parley.Result) { stored[p] <- r.Err })
					return <-stored[p]
				})
			})
		}
	}
}

// cpuOf is how many seconds a server has worked.
func cpuOf(b *testing.B, url string) (seconds float64) {
	for line := range strings.Lines(cliOf(b, url, "INFO", "cpu")) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name == "used_cpu_user" || name == "used_cpu_sys" {
			s, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			seconds += s
		}
	}
	return seconds
}
