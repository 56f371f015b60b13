package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// pushMembers is the number of offline members who are notified of a message.
const pushMembers = 10_000

// BenchmarkPushes measures how fast a message to members without a connection reaches their phones, and how that affects
// publishers: the same publisher before and during it, in one run.
func BenchmarkPushes(b *testing.B) {
	p := parleytest.NewAPNs(b)
	node := testenv.ServerIn(b, []string{"SSL_CERT_FILE=" + p.CertFile}, "--push-apns-key-file", p.KeyFile, "--push-apns-key-id", p.KeyID,
		"--push-apns-team-id", p.TeamID, "--push-apns-topic", p.Topic, "--push-apns-url", p.URL, "--push-window", "1s")
	put := func(method, path string, in any) {
		body, err := json.Marshal(in)
		if err != nil {
			b.Fatal(err)
		}
		r, err := http.NewRequestWithContext(b.Context(), method, node.URL+path, bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		res.Body.Close()
		if res.StatusCode >= 300 {
			b.Errorf("%s %s: %s", method, path, res.Status)
		}
	}
	var wait sync.WaitGroup
	for w := range 16 {
		wait.Go(func() {
			for i := w; i < pushMembers; i += 16 {
				put("PUT", fmt.Sprintf("/api/devices/phone?user=u%d", i), map[string]string{"platform": "apns", "token": p.Device(b).Token})
				put("PUT", fmt.Sprintf("/api/channels/hall/members/u%d?user=u%d", i, i), map[string]string{})
			}
		})
	}
	wait.Wait()
	// publish posts to a small channel until stop is closed, and returns the 99th percentile.
	publish := func(stop <-chan struct{}) time.Duration {
		var took []time.Duration
		for i := 0; ; i++ {
			select {
			case <-stop:
				slices.Sort(took)
				return took[len(took)*99/100]
			default:
			}
			begin := time.Now()
			put("POST", "/api/messages", map[string]any{"channel_id": "other", "user": "alice", "text": fmt.Sprint(i)})
			took = append(took, time.Since(begin))
			time.Sleep(time.Until(begin.Add(10 * time.Millisecond)))
		}
	}
	publishFor := func(d time.Duration) time.Duration {
		stop := make(chan struct{})
		time.AfterFunc(d, func() { close(stop) })
		return publish(stop)
	}
	for b.Loop() {
		before := publishFor(5 * time.Second)
		put("POST", "/api/messages", map[string]any{"channel_id": "hall", "user": "alice", "text": "all hands"})
		stop, during := make(chan struct{}), make(chan time.Duration)
		var first, last time.Time
		go func() { during <- publish(stop) }()
		for got := 0; got < pushMembers; {
			n := len(p.Pushes(b))
			if n > 0 && first.IsZero() {
				first = time.Now()
			}
			if got += n; n > 0 {
				last = time.Now()
			} else if !last.IsZero() && time.Since(last) > time.Minute {
				b.Fatalf("%d of %d notifications came", got, pushMembers)
			}
			time.Sleep(5 * time.Millisecond)
		}
		close(stop)
		with := <-during
		b.ReportMetric(pushMembers/last.Sub(first).Seconds(), "pushes/s")
		b.ReportMetric(float64(before.Microseconds())/1000, "p99-before-ms")
		b.ReportMetric(float64(with.Microseconds())/1000, "p99-during-ms")
		time.Sleep(2 * time.Second)
	}
}
