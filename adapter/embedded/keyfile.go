package embedded

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-server/parley"
)

// KeyFile implements parley.Keys: hashes in a file of the data directory, next to the database, so
// that the command parley keys can change them while a server has the database open.
type KeyFile struct {
	path string
	mu   sync.Mutex // held during a change: the file's lock belongs to the process
}

var _ parley.Keys = (*KeyFile)(nil)

// OpenKeys returns the keys of a data directory. The directory need not exist.
func OpenKeys(data string) *KeyFile { return &KeyFile{path: filepath.Join(data, "keys.json")} }

// keyEntry is a key in the file.
type keyEntry struct {
	Name string    `json:"name"`
	Hash string    `json:"sha256"` // in hexadecimal
	Made time.Time `json:"made"`
}

// ListKeys implements parley.Keys.
func (f *KeyFile) ListKeys(context.Context) (keys []parley.Key, err error) {
	var entries []keyEntry
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &entries)
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys in %s: %w", f.path, err)
	}
	for _, e := range entries {
		h, err := hex.DecodeString(e.Hash)
		if err != nil || len(h) != 32 {
			return nil, fmt.Errorf("read the keys in %s: the hash of %q is damaged", f.path, e.Name)
		}
		keys = append(keys, parley.Key{Name: e.Name, Hash: [32]byte(h), Created: parley.Timestamp(e.Made.UnixMicro())})
	}
	slices.SortFunc(keys, func(a, b parley.Key) int { return strings.Compare(a.Name, b.Name) })
	return keys, nil
}

// PutKey implements parley.Keys.
func (f *KeyFile) PutKey(ctx context.Context, k parley.Key) (created bool, err error) {
	err = f.change(ctx, func(keys []parley.Key) []parley.Key {
		if created = !slices.ContainsFunc(keys, func(old parley.Key) bool { return old.Name == k.Name }); created {
			return append(keys, k)
		}
		return nil
	})
	return created && err == nil, err
}

// RemoveKey implements parley.Keys.
func (f *KeyFile) RemoveKey(ctx context.Context, name string) (removed bool, err error) {
	err = f.change(ctx, func(keys []parley.Key) []parley.Key {
		left := slices.DeleteFunc(slices.Clone(keys), func(k parley.Key) bool { return k.Name == name })
		if removed = len(left) < len(keys); removed {
			return left
		}
		return nil
	})
	return removed && err == nil, err
}

// change replaces the keys by the result of do (nil: no change) while holding the lock against other processes.
func (f *KeyFile) change(ctx context.Context, do func([]parley.Key) []parley.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	keys, err := f.ListKeys(ctx)
	if err == nil {
		if keys = do(keys); keys != nil {
			err = f.write(keys)
		}
	}
	return errors.Join(err, unlock())
}

// lock waits for other processes.
func (f *KeyFile) lock(ctx context.Context) (unlock func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		l, err := vfs.Default.Lock(f.path + ".lock")
		if err == nil {
			return l.Close, nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("another process changes the keys: %w", err)
		}
	}
}

// write replaces the file atomically: a reader sees either the new or the previous content.
func (f *KeyFile) write(keys []parley.Key) error {
	entries := make([]keyEntry, len(keys))
	for i, k := range keys {
		entries[i] = keyEntry{k.Name, hex.EncodeToString(k.Hash[:]), time.UnixMicro(int64(k.Created)).UTC()}
	}
	b, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	temp := f.path + ".new"
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(b, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, f.path); err != nil {
		return err
	}
	return syncDir(vfs.Default, filepath.Dir(f.path))
}
