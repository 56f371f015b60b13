package embedded

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// scarce is a file system in which the next few opens find no descriptor.
type scarce struct {
	vfs.FS
	fail *int
	err  error
}

func (fs scarce) take(path string) error {
	if *fs.fail--; *fs.fail >= 0 {
		return &os.PathError{Op: "open", Path: path, Err: fs.err}
	}
	return nil
}

func (fs scarce) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := fs.take(name); err != nil {
		return nil, err
	}
	return fs.FS.Create(name, c)
}

func (fs scarce) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := fs.take(name); err != nil {
		return nil, err
	}
	return fs.FS.Open(name, opts...)
}

func TestWithoutDescriptorsTheStoreBacksOff(t *testing.T) {
	for _, c := range []struct {
		fail   int
		err    error
		waits  int
		failed bool
	}{{0, syscall.EMFILE, 0, false}, {3, syscall.EMFILE, 3, false}, {3, syscall.ENFILE, 3, false}, {100, syscall.EMFILE, 7, true}, {1,
		syscall.ENOENT, 0, true}} {
		left := 0
		var waits []time.Duration
		fs := backingOff{scarce{vfs.NewMem(), &left, c.err}, func(d time.Duration) { waits = append(waits, d) }}
		for _, open := range []func() (vfs.File, error){
			func() (vfs.File, error) { return fs.Create("a", vfs.WriteCategoryUnspecified) },
			func() (vfs.File, error) { return fs.Open("a") },
		} {
			if f, err := fs.Create("a", vfs.WriteCategoryUnspecified); left <= 0 && err == nil {
				f.Close()
			}
			waits, left = nil, c.fail
			f, err := open()
			if err == nil {
				f.Close()
			}
			if (err != nil) != c.failed || c.failed && !errors.Is(err, c.err) || len(waits) != c.waits {
				t.Errorf("%d times %v: %v after %v", c.fail, c.err, err, waits)
			}
			for i := 1; i < len(waits); i++ {
				if waits[i] != 2*waits[i-1] {
					t.Errorf("it waits %v", waits)
				}
			}
			left = 0
		}
	}
}
