package feed_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
)

// job is work controlled by a test.
type job struct {
	mu    sync.Mutex
	took  []parley.ChannelID
	grown int
	busy  bool
	fail  int // this many calls of Take fail
}

// Take implements feed.Work.
func (j *job) Take(_ context.Context, channel parley.ChannelID) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail--; j.fail >= 0 {
		return errors.New("not now")
	}
	j.took = append(j.took, channel)
	return nil
}

// Grown implements feed.Work.
func (j *job) Grown(parley.ChannelID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.grown++
}

// Busy implements feed.Work.
func (j *job) Busy(parley.ChannelID) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.busy
}

func (j *job) set(busy bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.busy = busy
}

func (j *job) calls() (took, grown int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.took), j.grown
}

// Work receives each channel that grew, and the channel's note stays in the outbox until the work is done, even over a
// store that derives everything itself.
func TestNoteOfAChannelStaysDuringWork(t *testing.T) {
	for _, projected := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := mem.NewStore(mem.StoreConfig{Projected: projected}).Open()
			cfg := feed.Config{Node: "n0", Outbox: h, Logger: slog.New(slog.DiscardHandler)}
			if projected {
				cfg.Index = h
			}
			f := feed.New(h, cfg)
			f.OnGrown(func(parley.ChannelID) {}, func(parley.ChannelID, []parley.Fact) {})
			j := &job{busy: true, fail: 3}
			f.AddWork(j)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- f.Run(ctx) }()
			if r := f.PublishAll("room", []parley.Draft{{User: "alice", Text: "x"}}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
			time.Sleep(5 * time.Second)
			if took, grown := j.calls(); took == 0 || grown == 0 {
				t.Errorf("taken %d times, told %d times", took, grown)
			}
			time.Sleep(time.Minute)
			if left, err := h.Unfinished(ctx, "n0", "", 10); err != nil || len(left) != 1 {
				t.Errorf("while it is worked on the outbox has %v, %v", left, err)
			}
			j.set(false)
			time.Sleep(time.Minute)
			if left, err := h.Unfinished(ctx, "n0", "", 10); err != nil || len(left) != 0 {
				t.Errorf("when the work is done the outbox has %v, %v", left, err)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// A node that is alone immediately takes over what its previous run left.
func TestALoneNodeTakesOverItsPreviousRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mem.NewStore(mem.StoreConfig{}).Open()
		if r := h.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "x"}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		if err := h.PutUnfinished(t.Context(), "n0-before", "room"); err != nil {
			t.Fatal(err)
		}
		f := feed.New(h, feed.Config{Node: "n0-now", Outbox: h, Logger: slog.New(slog.DiscardHandler)})
		j := &job{}
		f.AddWork(j)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		synctest.Wait()
		if took, _ := j.calls(); took != 1 {
			t.Errorf("taken %d times", took)
		}
		if nodes, err := h.UnfinishedNodes(ctx); err != nil || len(nodes) != 0 {
			t.Errorf("unfinished are %v, %v", nodes, err)
		}
		if f.Alive("n0-before") || !f.Alive("n0-now") {
			t.Error("the run before counts as alive, or this one does not")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
