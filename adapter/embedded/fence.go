package embedded

import (
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fence is the file system for one opening of the store. Pebble ends the process, or hangs permanently,
// when it cannot write its journals (the write-ahead log and the manifest), and what a failed sync has
// left on disk is unknown. So at the first failure of a journal the fence goes down permanently:
//
//	up ──a journal fails──▶ down: journals stay as they are, although Pebble believes they are
//	                              written, and no file is removed
//
// fell is called before Pebble learns of the failed call; from then on the log considers nothing that Pebble
// reports to be durable. Tables written later are in no manifest, and the next opening removes them. So the
// next opening finds what was on disk at the failure; until then Pebble can be read, and closed.
type fence struct {
	vfs.FS

	mu   sync.RWMutex // held for reading during calls that change a journal
	fell func(error)  // guarded by mu, and called with it held; nil while the store is being opened
	why  error        // guarded by mu: set when it went down
}

func newFence(fs vfs.FS) *fence { return &fence{FS: fs} }

// arm sets the function to call from now on. It returns the reason if the fence is already down, or nil.
func (f *fence) arm(fell func(error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fell = fell
	return f.why
}

func (f *fence) down() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.why != nil
}

// journal changes a journal unless the fence is down, and takes it down if the change fails.
func (f *fence) journal(do func() error) {
	f.mu.RLock()
	if f.why != nil {
		f.mu.RUnlock()
		return
	}
	err := do()
	f.mu.RUnlock()
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why == nil {
		f.why = err
		if f.fell != nil {
			f.fell(err)
		}
	}
}

// isJournal reports whether Pebble cannot continue without the file.
func (f *fence) isJournal(path string) bool {
	name := f.PathBase(path)
	return strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "MANIFEST-") || strings.HasPrefix(name, "marker.")
}

// make creates a file.
func (f *fence) make(path string, do func() (vfs.File, error)) (vfs.File, error) {
	if !f.isJournal(path) {
		return do()
	}
	j := &journal{fence: f, name: f.PathBase(path)}
	f.journal(func() (err error) {
		j.File, err = do()
		return err
	})
	return j, nil
}

// Create implements vfs.FS, as do the following methods.
func (f *fence) Create(path string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.make(path, func() (vfs.File, error) { return f.FS.Create(path, c) })
}

func (f *fence) ReuseForWrite(old, path string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.make(path, func() (vfs.File, error) { return f.FS.ReuseForWrite(old, path, c) })
}

func (f *fence) OpenDir(path string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return &journal{File: dir, fence: f, name: f.PathBase(path)}, nil
}

func (f *fence) Remove(path string) error {
	if f.down() {
		return nil
	}
	return f.FS.Remove(path)
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

// journal is a journal, or the directory that lists them. Without a File it exists only for Pebble.
type journal struct {
	vfs.File
	fence *fence
	name  string
}

// Write implements vfs.File, as do the following methods.
func (j *journal) Write(b []byte) (int, error) {
	j.fence.journal(func() error { _, err := j.File.Write(b); return err })
	return len(b), nil
}

func (j *journal) WriteAt(b []byte, at int64) (int, error) {
	j.fence.journal(func() error { _, err := j.File.WriteAt(b, at); return err })
	return len(b), nil
}

// Preallocate may fail without harm.
func (j *journal) Preallocate(offset, length int64) error {
	if j.fence.down() {
		return nil
	}
	return j.File.Preallocate(offset, length)
}

func (j *journal) Sync() error {
	j.fence.journal(j.syncFile)
	return nil
}

func (j *journal) syncFile() error { return j.File.Sync() }

func (j *journal) SyncData() error {
	j.fence.journal(func() error { return j.File.SyncData() })
	return nil
}

func (j *journal) SyncTo(length int64) (full bool, _ error) {
	full = true
	j.fence.journal(func() (err error) { full, err = j.File.SyncTo(length); return err })
	return full, nil
}

// Close releases the file even when the fence is down.
func (j *journal) Close() error {
	if j.File == nil {
		return nil
	}
	if j.fence.down() {
		_ = j.File.Close() // its content is not trusted anyway
		return nil
	}
	j.fence.journal(j.File.Close)
	return nil
}

func (j *journal) Stat() (vfs.FileInfo, error) {
	if j.File == nil {
		return nowhere(j.name), nil
	}
	return j.File.Stat()
}

func (j *journal) Fd() uintptr {
	if j.File == nil {
		return vfs.InvalidFd
	}
	return j.File.Fd()
}

// nowhere describes a file that does not exist.
type nowhere string

func (n nowhere) Name() string         { return string(n) }
func (nowhere) Size() int64            { return 0 }
func (nowhere) Mode() fs.FileMode      { return 0o600 }
func (nowhere) ModTime() time.Time     { return time.Time{} }
func (nowhere) IsDir() bool            { return false }
func (nowhere) Sys() any               { return nil }
func (nowhere) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
