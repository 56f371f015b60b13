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

// After a write of the log or the manifest has failed, the store is read-only until its files
// have been closed and opened again, which replays the log: a failed sync is never tried again.
//
//	written ──a journal fails──▶ read-only ──a probe can be written──▶ shut: readers get ErrUnavailable
//	   ▲                            │  ▲                                  │ closed, opened
//	   │                            └──┘ the disk still fails: 0.1 s,     │
//	   └──────────────────────────────── 0.2 s … 30 s later again ◀───────┘
//
// What was in flight is answered ErrUnknown; it may be there afterwards. In modes other than
// FsyncCommit acknowledged messages may be gone, and a new epoch begins, as after a crash.

const (
	firstReopen = 100 * time.Millisecond
	lastReopen  = 30 * time.Second
)

// OnReopened sets the function that is called each time the files were reopened after a failure,
// with the channels that have entries of unknown outcome; the epoch may be a new one. f may use the
// store. It is set before Run.
func (l *Log) OnReopened(f func(channels ...parley.ChannelID)) { l.reopened = f }

// errBetween is what readers get while the files are closed.
var errBetween = fmt.Errorf("%w: the store is being opened again", parley.ErrUnavailable)

// runReopen opens the files again after a failure, until ctx ends.
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

// reopen closes and opens the files, once the disk takes a probe, and returns the channels of
// which some entries had an unknown outcome.
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
	if err := l.closeFiles(); err != nil { // which tells no more than that it failed before
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

// probe writes to the disk as the store would, in a file of its own, so that the files stay open
// for reading as long as that fails.
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
