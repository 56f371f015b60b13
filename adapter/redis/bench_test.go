package redis_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/rueidis"

	"parley"
	"parley/adapter/redis"
)

// BenchmarkAppend has 100 publishers, each with its own channel or all with one, wait for each message, against a bare
// XADD of as many bytes by as many publishers over the same client.
func BenchmarkAppend(b *testing.B) {
	text := strings.Repeat("x", 200)
	const publishers = 100
	all := func(b *testing.B, publish func(publisher, i int) error) {
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
	b.Run("XADD", func(b *testing.B) {
		addr := strings.TrimPrefix(server.URL(b), "redis://")
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		prefix := fmt.Sprintf("b%d:", systems.Add(1))
		all(b, func(p, _ int) error {
			return c.Do(b.Context(), c.B().Xadd().Key(prefix+fmt.Sprint(p)).Id("*").FieldValue().FieldValue("e", text).Build()).Error()
		})
	})
	for name, channel := range map[string]func(p int) parley.ChannelID{
		"many channels": func(p int) parley.ChannelID { return parley.ChannelID(fmt.Sprint("room", p)) },
		"one channel":   func(int) parley.ChannelID { return "room" },
	} {
		b.Run(name, func(b *testing.B) {
			s, err := redis.Open(b.Context(), redis.Config{URL: server.URL(b), Prefix: fmt.Sprintf("b%d:", systems.Add(1))})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			all(b, func(p, i int) error {
				return s.Append(b.Context(), channel(p), parley.Draft{User: "alice", Key: fmt.Sprint(i), Text: text})[0].Err
			})
		})
	}
	b.Run("one channel, 20 at a time", func(b *testing.B) { // as the queue of a busy channel gives them
		s, err := redis.Open(b.Context(), redis.Config{URL: server.URL(b), Prefix: fmt.Sprintf("b%d:", systems.Add(1))})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		drafts := make([]parley.Draft, 20)
		for i := range drafts {
			drafts[i] = parley.Draft{User: "alice", Text: text}
		}
		for sent := 0; sent < b.N; sent += len(drafts) {
			for i := range drafts {
				drafts[i].Key = fmt.Sprint(sent + i)
			}
			if err := s.Append(b.Context(), "room", drafts...)[19].Err; err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	})
}
