package embedded

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/parley-server/parley/internal/clock"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// directory is the data directory:
//
//	state    the process that runs it, or a clean stop
//	ballast  space that is freed when the disk is full
//	store/   Pebble's files and its lock
type directory struct {
	cfg   Config
	fs    vfs.FS
	path  string
	store string
	lock  *pebble.Lock
	was   state // as it was found
}

// state is the content of the state file. Without the file it is unknown how the store was stopped.
type state struct {
	Running bool  `json:"running"`
	Fsync   Fsync `json:"fsync"`
	PID     int   `json:"pid"`

	// Aged is the last time that messages' ages were compared with, in microseconds since 1970; see ages.
	Aged int64 `json:"aged,omitempty"`

	Format int    `json:"format,omitempty"` // of the directory; 0: 1
	Epoch  string `json:"epoch,omitempty"`  // a copy of its row, which damage may make unreadable
}

// openDirectory creates the directory if it does not exist and locks it.
func openDirectory(path string, cfg Config) (*directory, error) {
	d := &directory{cfg: cfg, fs: cfg.FS, path: path, store: cfg.FS.PathJoin(path, "store")}
	if err := makeDir(d.fs, d.store); err != nil {
		return nil, err
	}
	var err error
	d.was, err = d.readState()
	if err != nil {
		return nil, err
	}
	if d.lock, err = pebble.LockDirectory(d.store, d.fs); err != nil {
		if _, isPath := errors.AsType[*fs.PathError](err); isPath {
			return nil, err // it could not even be created
		}
		return nil, fmt.Errorf("%w by process %d: %w", ErrInUse, d.was.PID, err)
	}
	return d, nil
}

func (d *directory) statePath() string { return d.fs.PathJoin(d.path, "state") }

func (d *directory) readState() (state, error) {
	unknown := state{Running: true}
	f, err := d.fs.Open(d.statePath())
	if errors.Is(err, os.ErrNotExist) {
		return unknown, nil
	}
	if err != nil {
		return unknown, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return unknown, err
	}
	var s state
	if json.Unmarshal(b, &s) != nil {
		return unknown, nil // damaged: not a clean stop
	}
	if s.Format > format {
		return unknown, newer(s.Format)
	}
	return s, nil
}

// writeState replaces the state file; when it returns the new one is durable.
func (d *directory) writeState(s state) error {
	s.Format = format
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	temp := d.statePath() + ".new"
	f, err := d.fs.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := d.fs.Rename(temp, d.statePath()); err != nil {
		return err
	}
	return syncDir(d.fs, d.path)
}

// makeDir creates a directory whose name survives a power cut, with its parents.
func makeDir(fs vfs.FS, path string) error {
	if _, err := fs.Stat(path); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := fs.PathDir(path)
	if parent == path {
		return nil
	}
	if err := makeDir(fs, parent); err != nil {
		return err
	}
	if err := fs.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return syncDir(fs, parent)
}

func syncDir(fs vfs.FS, path string) error {
	f, err := fs.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *directory) markRunning(f Fsync, epoch string, aged time.Time) error {
	return d.writeState(state{Running: true, Fsync: f, PID: os.Getpid(), Epoch: epoch, Aged: aged.UnixMicro()})
}

// close records a clean stop and releases the lock.
func (d *directory) close(f Fsync, epoch string, aged time.Time) error {
	return errors.Join(d.writeState(state{Fsync: f, Epoch: epoch, Aged: aged.UnixMicro()}), d.lock.Close())
}

// ages returns the clock that ages of messages are compared with. If the system clock is far ahead
// of it when the store is opened, the store may have been closed for that long, or the clock may be
// wrong: until the clock has been ahead for an hour, messages age only as fast as time passes while
// the store is open.
func (d *directory) ages(now func() time.Time) func() time.Time {
	begin := time.Time{}
	if d.was.Aged > 0 {
		begin = time.UnixMicro(d.was.Aged)
	}
	return clock.Patient(now, begin, time.Hour)
}

// abandon releases the lock without recording a clean stop.
func (d *directory) abandon() error { return d.lock.Close() }

// openEpoch reads the epoch, and begins one if the store is new or a stop may have lost
// messages that were already read.
func (l *Log) openEpoch() (string, error) {
	old, found, err := row(getterOf(l.db.Get), epochKey, func(v []byte) (string, error) { return string(untag(v, 0)), nil })
	if err != nil && pebble.IsCorruptionError(err) {
		old, found, err = l.dir.was.Epoch, l.dir.was.Epoch != "", nil
		if !found {
			l.cfg.Logger.Warn("the store's epoch can't be read; a new one begins")
		}
	}
	switch {
	case err != nil:
		return "", err
	case found:
		if l.dir.was.Running && l.dir.was.Fsync == FsyncCommit {
			l.cfg.Logger.Info("the last stop was not clean; what was acknowledged is there, and the epoch goes on", "epoch", old)
		}
		if !l.dir.was.Running || l.dir.was.Fsync == FsyncCommit {
			return old, nil
		}
		l.cfg.Logger.Warn("the last stop was not clean and may have taken messages; a new epoch begins",
			"fsync", string(l.dir.was.Fsync), "old", old)
	}
	epoch := strings.ToLower(rand.Text()[:8])
	// The flush makes it durable, and begins a write-ahead log in the newest format,
	// which a new database does not have at first.
	return epoch, errors.Join(l.db.Set(epochKey, tag([]byte(epoch)), pebble.NoSync), l.db.Flush())
}
