package embedded_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/embedded"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkAppend100Publishers appends from 100 publishers, each of which waits until its message
// is on disk before the next. Compare with the fdatasync/s of the same run, since disks vary by a
// factor of ten from minute to minute.
func BenchmarkAppend100Publishers(b *testing.B) {
	for _, keys := range []bool{false, true} {
		b.Run(fmt.Sprintf("keys=%v", keys), func(b *testing.B) {
			dir := b.TempDir()
			before := syncRate(b, dir)
			log := start(b, dir, embedded.Config{})
			publish(b, log, keys)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			b.ReportMetric((before+syncRate(b, dir))/2, "fdatasync/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// publish appends b.N messages of 200 bytes to 1,000 channels from 100 goroutines.
func publish(b *testing.B, log parley.Log, keys bool) {
	const publishers, channels = 100, 1000
	text := strings.Repeat("x", 200)
	var next atomic.Int64
	var wg sync.WaitGroup
	run := time.Now().UnixNano()
	b.ReportAllocs()
	b.ResetTimer()
	for p := range publishers {
		user := parley.UserID(fmt.Sprint("user-", p))
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				d := parley.Draft{User: user, Text: text}
				if keys {
					d.Key = fmt.Sprintf("%x-%x", run, i)
				}
				ch := parley.ChannelID(fmt.Sprint("channel-", i*7919%channels))
				if r := log.Append(b.Context(), ch, d)[0]; r.Err != nil || r.Duplicate {
					b.Error(r)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
}

// syncRate is how many times per second 32 KiB can be overwritten and synced.
func syncRate(b *testing.B, dir string) float64 {
	f, err := vfs.Default.OpenReadWrite(vfs.Default.PathJoin(dir, "syncs"), vfs.WriteCategoryUnspecified)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 32<<10)
	n, begin := 0, time.Now()
	for time.Since(begin) < 500*time.Millisecond {
		if _, err := f.WriteAt(block, int64(n%128)*int64(len(block))); err != nil {
			b.Fatal(err)
		}
		if err := f.SyncData(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	return float64(n) / time.Since(begin).Seconds()
}

// BenchmarkRead reads runs of 256 messages of 200 bytes.
func BenchmarkRead(b *testing.B) {
	log := start(b, b.TempDir(), embedded.Config{})
	drafts := make([]parley.Draft, 1000)
	for i := range drafts {
		drafts[i] = parley.Draft{User: "u", Text: strings.Repeat("x", 200)}
	}
	for range 10 {
		if r := log.Append(b.Context(), "room", drafts...)[0]; r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		run, err := runOf(b.Context(), log, "room", parley.Cursor{ID: i % 9700}, 256)
		if err != nil || len(run) != 256 {
			b.Fatal(len(run), err)
		}
		i += 256
	}
}
