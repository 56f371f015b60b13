package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// After a write to the log or the manifest has failed, the store is read-only until its files have
// been closed and opened again, which replays the log: a failed sync is never retried.
//
//	written ──a journal fails──▶ read-only ──a probe can be written──▶ shut: readers get ErrUnavailable
//	   ▲                            │  ▲                                  │ closed, opened
//	   │                            └──┘ the disk still fails: 0.1 s,     │
//	   └──────────────────────────────── 0.2 s … 30 s later again ◀───────┘
//
// Requests in flight are answered ErrUnknown; their entries may be present afterwards. In modes other
// than FsyncCommit acknowledged messages may be lost, and a new epoch begins, as after a crash.

const (
	firstReopen = 100 * time.Millisecond
	lastReopen  = 30 * time.Second
)

// OnReopened sets the function that is called each time the files have been reopened after a
// failure, with the channels that have entries of unknown outcome; the epoch may be new. f may use
// the store. It must be set before Run.
func (l *Log) OnReopened(f func(channels ...parley.ChannelID)) { l.reopened = f }

// errBetween is the error for readers while the files are closed.
var errBetween = fmt.Errorf("%w: the store is being opened again", parley.ErrUnavailable)

// runReopen reopens the files after a failure, until ctx ends.
func (l *Log) runReopen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.failed:
		}
		l.cfg.Logger.Error("a write to the store failed; it is read-only until it is opened again", "err", *l.broken.Load())
		for wait := firstReopen; ; wait = min(2*wait, lastReopen) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			unknown, err := l.reopen()
			if err == nil {
				l.cfg.Logger.Warn("the store was opened again; messages are taken", "epoch", l.Epoch())
				l.reopened(unknown...)
				break
			}
			l.cfg.Logger.Error("the store can't be opened again yet", "err", err)
		}
	}
}

// reopen closes and opens the files once a probe can be written to the disk, and returns the
// channels that have entries of unknown outcome.
func (l *Log) reopen() (unknown []parley.ChannelID, err error) {
	if err := l.probe(); err != nil {
		return nil, err
	}
	for range inFlight { // nothing is built or in flight
		l.slots <- struct{}{}
	}
	defer func() {
		for range inFlight {
			<-l.slots
		}
	}()
	l.gate.shut(errBetween)
	if err := l.closeFiles(); err != nil { // this only repeats that a write failed before
		l.cfg.Logger.Debug("the store's files were closed", "err", err)
	}
	before := l.epoch
	l.dir.was = state{Running: true, Fsync: l.cfg.Fsync, Epoch: before, Aged: l.aged().UnixMicro()}
	if err := l.openFiles(); err != nil {
		l.epoch = before
		l.broken.CompareAndSwap(nil, &err)
		return nil, err
	}
	unknown = slices.Collect(maps.Keys(l.unknown))
	clear(l.unknown)
	l.gate.shut(nil)
	return unknown, nil
}

// probe writes to the disk as the store would, but to a separate file, so that the files stay open
// for reading as long as writes fail.
func (l *Log) probe() error {
	if l.space.low.Load() {
		return errors.New("the disk is almost full")
	}
	path := l.cfg.FS.PathJoin(l.dir.path, "probe")
	f, err := l.cfg.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 64<<10))
	return errors.Join(err, f.Sync(), f.Close(), l.cfg.FS.Remove(path))
}
