package embedded

import (
	"errors"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// backingOff is a file system that, when no descriptor is available, waits for one with growing
// delays before it fails. Pebble would retry in the background immediately.
type backingOff struct {
	vfs.FS
	sleep func(time.Duration)
}

const (
	firstWait = 10 * time.Millisecond
	lastWait  = 640 * time.Millisecond // 1.27 s in total
)

func (fs backingOff) again(open func() error) error {
	err := open()
	for wait := firstWait; wait <= lastWait && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)); wait *= 2 {
		fs.sleep(wait)
		err = open()
	}
	return err
}

// Create implements vfs.FS, as do the following methods.
func (fs backingOff) Create(name string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = fs.again(func() (err error) { f, err = fs.FS.Create(name, category); return err })
	return f, err
}

func (fs backingOff) Open(name string, opts ...vfs.OpenOption) (f vfs.File, err error) {
	err = fs.again(func() (err error) { f, err = fs.FS.Open(name, opts...); return err })
	return f, err
}

func (fs backingOff) OpenDir(name string) (f vfs.File, err error) {
	err = fs.again(func() (err error) { f, err = fs.FS.OpenDir(name); return err })
	return f, err
}

func (fs backingOff) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = fs.again(func() (err error) { f, err = fs.FS.ReuseForWrite(old, name, category); return err })
	return f, err
}

func (fs backingOff) Unwrap() vfs.FS { return fs.FS }
