package parleytest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	client "github.com/parley-server/parley/client/go"
)

// hop dials the tested transport and the four that every server has, in turn.
func (w *target) hop(t *testing.T, i int, after int64, epoch string) *stream {
	t.Helper()
	all := client.Transports()
	if i%2 == 0 {
		return w.dial(t, after, epoch)
	}
	from := client.Position{After: &after, Epoch: epoch}
	tr := all[i/2%len(all)]
	return newStream(t, string(tr), func(ctx context.Context) (client.Stream, error) {
		return w.c.Open(ctx, tr, w.channel, from)
	})
}

func transportHops(t *testing.T, w *target) {
	w.post(t, 1, 64)
	epoch := ""
	for i, at := 0, int64(0); at < 64; i++ {
		s := w.hop(t, i, at, epoch)
		to := min(at+1+int64(i%5), 64)
		s.want(at+1, to)
		at, epoch = to, s.welcome.Epoch
		s.Close()
	}
}

func transportHopsLive(t *testing.T, w *target) {
	const n = 300
	var wg sync.WaitGroup
	wg.Go(func() {
		for id := int64(1); id <= n && !t.Failed(); id++ {
			if _, err := w.c.Publish(t.Context(), w.channel, client.Draft{Text: fmt.Sprint(id)}); err != nil {
				t.Error(err)
			}
		}
	})
	defer wg.Wait()
	for i, at := 0, int64(0); at < n; i++ {
		s := w.hop(t, i, at, "")
		to := min(at+1+int64(i*7%23), n)
		s.want(at+1, to)
		at = to
		s.Close()
	}
}

func transportMany(t *testing.T, w *target) {
	const readers = 20
	var all []*stream
	for range readers {
		all = append(all, w.dial(t, 0, ""))
	}
	for i := int64(0); i < 10; i++ {
		w.post(t, 10*i+1, 10)
	}
	for _, s := range all {
		s.want(1, 100)
	}
}

// transportSlow leaves far more unread than sockets and recent bytes can hold.
func transportSlow(t *testing.T, w *target) {
	const batches, per, size = 8, 40, 48 << 10 // 15 MiB
	fill, _ := json.Marshal(map[string]string{"fill": strings.Repeat("x", size)})
	slow := w.dial(t, 0, "")
	quick := w.dial(t, 0, "")
	for b := range int64(batches) {
		var drafts []client.Draft
		for i := range int64(per) {
			drafts = append(drafts, client.Draft{Text: fmt.Sprint(b*per + i + 1), Data: json.RawMessage(fill)})
		}
		w.batch(t, drafts, b*per+1)
		quick.want(b*per+1, (b+1)*per)
	}
	slow.want(1, batches*per)
	w.post(t, batches*per+1, 1)
	slow.want(batches*per+1, batches*per+1)
	quick.want(batches*per+1, batches*per+1)
}
