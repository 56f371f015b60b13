package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// maxBatch limits the bytes of drafts in one batch: a few milliseconds of writing.
	maxBatch = 4 << 20
	// inFlight limits the batches in flight: one syncs while the next is built.
	inFlight = 2
)

// runBuilder builds batches until the queue is stopped and empty.
func (l *Log) runBuilder(built chan<- *build) {
	defer close(built)
	var number uint64
	keys := map[string]*parley.Message{}
	for l.queue.wait() {
		l.slots <- struct{}{} // requests that arrive during the wait join the batch
		if l.broken.Load() != nil {
			l.queue.refuse(l.refusal(true))
			<-l.slots
			continue
		}
		number++
		b := l.newBuild(number, l.queue.dequeue(maxBatch), keys)
		l.space.appending(b.batch.Len())
		b.failed = l.apply(b.batch, l.cfg.Fsync == FsyncCommit)
		l.applied.Store(number)
		built <- b
	}
}

// apply makes a batch visible to reads of the database and queues it for the write-ahead log. Only
// broken shows that the log cannot be written; see fence.
func (l *Log) apply(batch *pebble.Batch, sync bool) (err error) {
	if batch.Empty() {
		return nil
	}
	if sync {
		err = l.db.ApplyNoSyncWait(batch, pebble.Sync)
	} else {
		err = l.db.Apply(batch, pebble.NoSync)
	}
	if err != nil {
		l.fail(err)
	}
	return err
}

// runCompleter makes batches durable in their order, and answers their callers.
func (l *Log) runCompleter(built <-chan *build) {
	for b := range built {
		l.complete(b)
		<-l.slots
	}
}

func (l *Log) complete(b *build) {
	err := b.failed
	if err == nil && !b.batch.Empty() && l.cfg.Fsync == FsyncCommit {
		if err = b.batch.SyncWait(); err != nil {
			l.fail(err)
		}
	}
	if broken := l.broken.Load(); err == nil && broken != nil {
		err = *broken // it may be durable, but that is unknown
	}
	for i, h := range b.touched {
		if err == nil {
			h.advance(b.number, b.ends[i])
			l.trims.changed(h.channel)
		} else {
			l.unknown[h.channel] = true
		}
		l.heads.release(h)
	}
	for _, r := range b.requests {
		if err != nil && r.err == nil {
			r.err = fmt.Errorf("%w: %w", parley.ErrUnknown, err)
		}
		close(r.done)
	}
	if err == nil {
		b.batch.Close()
	}
}

// runSync limits what a power cut loses with FsyncInterval.
func (l *Log) runSync(ctx context.Context) {
	tick := time.NewTicker(l.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.slots <- struct{}{}
		if l.broken.Load() == nil {
			batch := l.db.NewBatch()
			must(batch.LogData(nil, nil))
			err := l.apply(batch, true)
			if err == nil {
				err = batch.SyncWait()
			}
			if err != nil {
				l.fail(err)
			} else {
				batch.Close()
			}
		}
		<-l.slots
	}
}
