package embedded

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// space watches the disk. Pebble ends the process when its log cannot be written, so appends are
// refused while there is still space for writes in progress:
//
//	free > 2·floor   appends are accepted, the ballast exists
//	free < floor     appends are refused until free > 2·floor; removal of rights is not
//	free < floor/8   without the ballast: nothing is accepted
//	no space left    the ballast is freed, and the write is retried
//
// So the space below the floor, and then the ballast, are a reserve for small writes that must not
// wait for space: a ban must work even while a user is filling the disk.
type space struct {
	// fixed after construction
	log     Config
	fs      vfs.FS
	ballast string
	floor   uint64 // 0: not watched
	free    func() (uint64, error)

	low   atomic.Bool  // messages are refused
	spent atomic.Bool  // writes that may use the reserve are refused too
	since atomic.Int64 // bytes appended since the last check

	mu sync.Mutex // one check at a time
}

func newSpace(cfg Config, d *directory) *space {
	s := &space{log: cfg, fs: cfg.FS, ballast: d.fs.PathJoin(d.path, "ballast"), free: cfg.FreeSpace}
	if cfg.FreeFloor > 0 {
		s.floor = uint64(cfg.FreeFloor)
	}
	if s.free == nil {
		s.free = func() (uint64, error) {
			u, err := d.fs.GetDiskUsage(d.path)
			return u.AvailBytes, err
		}
	}
	return s
}

// open checks the space before the store is opened, which itself needs space.
func (s *space) open() error {
	if s.floor == 0 {
		return nil
	}
	free, err := s.free()
	if errors.Is(err, vfs.ErrUnsupported) {
		s.floor = 0
		return nil
	}
	if err == nil && free < s.floor {
		s.dropBallast()
	}
	s.look()
	return err
}

// run checks every second.
func (s *space) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for s.floor > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.look()
		}
	}
}

// appending also checks in between when much is written.
func (s *space) appending(bytes int) {
	if s.floor > 0 && s.since.Add(int64(bytes)) > int64(s.floor/8) {
		s.look()
	}
}

func (s *space) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since.Store(0)
	free, err := s.free()
	if err == nil {
		s.spent.Store(free < s.floor/8 && !s.hasBallast())
	}
	switch {
	case err != nil:
		s.log.Logger.Error("the free space of the disk can't be read", "err", err)
	case free < s.floor:
		if !s.low.Swap(true) {
			s.log.Logger.Error("the disk is almost full; messages are refused", "free", free, "floor", s.floor)
		}
	case free > 2*s.floor:
		if err := s.makeBallast(); err != nil {
			s.log.Logger.Warn("there is no ballast on the disk", "err", err)
		}
		if s.low.Swap(false) {
			s.log.Logger.Info("there is room on the disk again; messages are taken", "free", free)
		}
	}
}

// full is called by the file system, which blocks all writes until it returns.
func (s *space) full() {
	s.dropBallast()
	if s.floor > 0 { // otherwise nothing checks whether there is space again
		s.low.Store(true)
		s.log.Logger.Error("the disk is full; messages are refused")
	}
}

func (s *space) dropBallast() {
	if err := s.fs.Remove(s.ballast); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Logger.Error("the ballast can't be removed", "err", err)
	}
}

func (s *space) hasBallast() bool {
	_, err := s.fs.Stat(s.ballast)
	return err == nil
}

// makeBallast creates the ballast, a quarter of the floor, unless it exists.
func (s *space) makeBallast() error {
	if s.hasBallast() {
		return nil
	}
	f, err := s.fs.Create(s.ballast, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	return errors.Join(f.Preallocate(0, int64(s.floor/4)), f.Sync(), f.Close())
}
