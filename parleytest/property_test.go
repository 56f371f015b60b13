package parleytest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
)

// TestReadersViewEqualsTheLog interleaves publishing, reading, disconnects, hops and
// trims at random. Each reader must see each message once, in order, with none missing
// except those that a reset reported, and a reset only where necessary.
func TestReadersViewEqualsTheLog(t *testing.T) {
	url := serve(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		runs++
		w := &world{ctx: ctx, url: url, c: parleytest.NewClient(url, "tess"), channel: fmt.Sprintf("prop.%d", runs), first: 1}
		for i := range 3 {
			w.add(client.Transports()[(runs+i)%4])
		}
		defer w.close()
		reader := rapid.IntRange(0, len(w.readers)-1)
		transport := rapid.SampledFrom(client.Transports())
		few := rapid.IntRange(1, 20)
		check := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		check(w.publish(1)) // after=0 accepts any beginning, so a reader would miss nothing
		for _, r := range w.readers {
			check(r.read(ctx, w, 1))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"publish": func(rt *rapid.T) { check(w.publish(few.Draw(rt, "n"))) },
			"read": func(rt *rapid.T) {
				r := w.readers[reader.Draw(rt, "reader")]
				check(r.read(ctx, w, min(r.last()+int64(few.Draw(rt, "n")), w.head)))
			},
			"disconnect": func(rt *rapid.T) {
				r := w.readers[reader.Draw(rt, "reader")]
				r.sub.Hop(r.sub.Transport())
			},
			"hop":    func(rt *rapid.T) { w.readers[reader.Draw(rt, "reader")].sub.Hop(transport.Draw(rt, "to")) },
			"live":   func(rt *rapid.T) { check(w.live(few.Draw(rt, "n"))) },
			"remove": func(*rapid.T) { check(w.remove()) },
			"retain": func(rt *rapid.T) { check(w.retain(int64(few.Draw(rt, "messages")))) },
		})
		for _, r := range w.readers {
			check(r.read(ctx, w, w.head))
		}
	})
}

// world is one channel and what must hold for it.
type world struct {
	ctx     context.Context
	url     string
	c       *client.Client
	channel string
	readers []*viewer

	mu    sync.Mutex
	head  int64
	first int64 // messages from here on must not be missing
	keep  int64 // the retention, 0: none
}

func (w *world) add(tr client.Transport) {
	w.readers = append(w.readers, &viewer{sub: w.c.Subscribe(w.channel, client.Options{From: client.At(0), Transport: tr})})
}

func (w *world) close() {
	for _, r := range w.readers {
		r.sub.Close()
	}
}

// publish stores n messages whose texts are their ids.
func (w *world) publish(n int) error {
	drafts := make([]client.Draft, n)
	for i := range drafts {
		drafts[i].Text = fmt.Sprint(w.head + int64(i) + 1)
	}
	w.grow(int64(n)) // they can be seen before they are acknowledged
	out, err := w.c.PublishBatch(w.ctx, w.channel, drafts)
	if err != nil {
		return err
	}
	for i, p := range out {
		if p.Err != nil || fmt.Sprint(p.Ack.ID) != drafts[i].Text {
			return fmt.Errorf("message %s became %d, %v", drafts[i].Text, p.Ack.ID, p.Err)
		}
	}
	return nil
}

func (w *world) grow(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.head += n
	if w.keep > 0 {
		w.first = max(w.first, w.head-w.keep+1)
	}
}

// live lets all readers read to the end while messages are published.
func (w *world) live(n int) error {
	to := w.head + int64(n)
	errs := make(chan error, len(w.readers)) // buffered for all senders
	for _, r := range w.readers {
		go func() { errs <- r.read(w.ctx, w, to) }()
	}
	var first error
	for ; n > 0 && first == nil; n-- {
		first = w.publish(1)
	}
	for range w.readers {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// remove deletes the channel's messages. Ids continue.
func (w *world) remove() error {
	w.mu.Lock()
	w.first, w.keep = w.head+1, 0
	w.mu.Unlock()
	return w.ask(http.MethodDelete, "")
}

// retain allows the server to trim at any time from now on.
func (w *world) retain(n int64) error {
	w.mu.Lock()
	w.keep = n
	w.mu.Unlock()
	w.grow(0)
	return w.ask(http.MethodPut, fmt.Sprintf(`{"retention":{"messages":%d}}`, n))
}

func (w *world) ask(method, body string) error {
	req, err := http.NewRequestWithContext(w.ctx, method, w.url+"/api/channels/"+w.channel, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusNotFound {
		return fmt.Errorf("%s %s: %s", method, w.channel, resp.Status)
	}
	return nil
}

// viewer is a reader whose every event is checked.
type viewer struct {
	sub *client.Subscription
	at  int64 // the last id it saw, or was reset to
}

func (r *viewer) last() int64 { return r.at }

// read takes events until it has seen an id, or a reset says that the id is gone.
func (r *viewer) read(ctx context.Context, w *world, to int64) error {
	for r.at < to {
		e, err := r.sub.Next(ctx)
		if err != nil {
			return fmt.Errorf("over %s after %d, towards %d: %w", r.sub.Transport(), r.at, to, err)
		}
		w.mu.Lock()
		head, first := w.head, w.first
		w.mu.Unlock()
		switch {
		case e.Reset != nil:
			if e.Reset.Reason != "expired" || r.at >= e.Reset.First-1 || e.Reset.First > first || e.Reset.Last > head {
				return fmt.Errorf("over %s after %d: reset %+v, though all from %d to %d is there", r.sub.Transport(), r.at, *e.Reset,
					first, head)
			}
			r.at = e.Reset.After()
		case e.ID == 0:
		case e.ID != r.at+1 || e.Message.Text != fmt.Sprint(e.ID):
			return fmt.Errorf("over %s after %d: %s", r.sub.Transport(), r.at, e.Raw)
		default:
			r.at = e.ID
		}
	}
	return nil
}
