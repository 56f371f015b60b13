package feed_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
)

// overtaken is an index in which a message is appended while the one before it is projected; that one cannot be projected for a while.
type overtaken struct {
	*mem.Handle
	appends func()
	refuses atomic.Bool
}

func (o *overtaken) Project(ctx context.Context, channel parley.ChannelID, run parley.Run) ([]parley.Fact, error) {
	if o.refuses.Load() {
		return nil, errors.New("not now")
	}
	fs, err := o.Handle.Project(ctx, channel, run)
	if o.appends != nil {
		o.appends()
		o.appends = nil
		o.refuses.Store(true)
	}
	return fs, err
}

func TestNoteStaysForAppendsDuringAProjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &overtaken{Handle: mem.NewStore(mem.StoreConfig{Projected: true}).Open()}
		f := feed.New(o.Handle, feed.Config{Node: "n0", Outbox: o.Handle, Index: o, Logger: slog.New(slog.DiscardHandler)})
		f.OnGrown(func(parley.ChannelID) {}, func(parley.ChannelID, []parley.Fact) {})
		publish := func() {
			if r := f.PublishAll("room", []parley.Draft{{User: "alice", Text: "x"}}); r[0].Err != nil {
				t.Error(r[0].Err)
			}
		}
		o.appends = publish
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		publish()
		time.Sleep(time.Minute)
		if at, err := o.Position(ctx, "room"); err != nil || at[0] != 1 {
			t.Errorf("projected up to %v, %v", at, err)
		}
		if left, err := o.Unfinished(ctx, "n0", "", 10); err != nil || len(left) != 1 {
			t.Errorf("the outbox has %v, %v", left, err)
		}
		o.refuses.Store(false)
		time.Sleep(time.Minute)
		if at, err := o.Position(ctx, "room"); err != nil || at[0] != 2 {
			t.Errorf("projected up to %v, %v", at, err)
		}
		if left, err := o.Unfinished(ctx, "n0", "", 10); err != nil || len(left) != 0 {
			t.Errorf("at the end the outbox has %v, %v", left, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
