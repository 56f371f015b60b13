package feed_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
)

// noting is a store that can note a channel with an append. It records the calls that write.
type noting struct {
	*mem.Handle
	fails error // of appends

	mu    sync.Mutex
	calls []string
}

func (n *noting) called(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, what)
}

func (n *noting) take() (calls string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	calls, n.calls = fmt.Sprint(n.calls), nil
	return calls
}

func (n *noting) PutUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	n.called("note")
	return n.Handle.PutUnfinished(ctx, node, channels...)
}

func (n *noting) RemoveUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	n.called("forget")
	return n.Handle.RemoveUnfinished(ctx, node, channels...)
}

func (n *noting) Append(ctx context.Context, channel parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	n.called("append")
	return n.Handle.Append(ctx, channel, drafts...)
}

func (n *noting) AppendNoted(ctx context.Context, node string, channel parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	n.called("append noted")
	if n.fails != nil {
		return []parley.Result{{Err: n.fails}}
	}
	if err := n.Handle.PutUnfinished(ctx, node, channel); err != nil {
		return []parley.Result{{Err: err}}
	}
	return n.Handle.Append(ctx, channel, drafts...)
}

// The first append to a quiet channel notes it in the same call; later ones, while the note is kept, need not.
func TestAnAppendNotesAQuietChannelItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &noting{Handle: mem.NewStore(mem.StoreConfig{Projected: true}).Open()}
		f := feed.New(store, feed.Config{Node: "n0", Index: store, Outbox: store, Logger: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		post := func(want string) {
			t.Helper()
			r := f.PublishAll("room", []parley.Draft{{User: "alice", Text: "x"}})
			synctest.Wait()
			if got := store.take(); got != want || !errors.Is(r[0].Err, store.fails) {
				t.Errorf("calls are %s, want %s; result %v", got, want, r[0].Err)
			}
		}
		unfinished := func(want int) {
			t.Helper()
			if left, err := store.Unfinished(ctx, "n0", "", 10); err != nil || len(left) != want {
				t.Errorf("unfinished are %v, %v; want %d", left, err, want)
			}
		}
		post("[append noted]")
		unfinished(1)
		post("[append]")
		time.Sleep(time.Minute)
		if got := store.take(); got != "[forget]" {
			t.Errorf("in a quiet minute: %s", got)
		}
		unfinished(0)
		store.fails = parley.ErrUnavailable
		post("[append noted]")
		store.fails = nil
		post("[append noted]") // the one that failed may not have noted it
		post("[append]")
		time.Sleep(time.Minute)
		store.take()
		if err := f.Note("room"); err != nil {
			t.Error(err)
		}
		if got := store.take(); got != "[note]" {
			t.Errorf("noting without an append: %s", got)
		}
		post("[append]")
		unfinished(1)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
