package auth

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
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

	"parley/chat"
)

const keyPrefix = "key_"

// lookEvery is how often, at most, the files of keys are looked at.
const lookEvery = time.Second / 4

// Keys are the API keys of back ends: hashes in a file that parley keys writes, and one
// key per line in a file that the operator does. Files that change are read anew within
// a second.
type Keys struct {
	hashed, plain string // paths; "" for none
	clock         func() time.Time

	mu     sync.Mutex
	looked time.Time
	stamps [2]time.Time // when the files were last changed
	known  map[[32]byte]*chat.Credentials
}

// KeyFile is where parley keys keeps hashes in a data directory.
func KeyFile(data string) string { return filepath.Join(data, "keys.json") }

// OpenKeys reads the keys; hashed need not exist, plain has to if it is named.
func OpenKeys(hashed, plain string, clock func() time.Time) (*Keys, error) {
	if clock == nil {
		clock = time.Now
	}
	k := &Keys{hashed: hashed, plain: plain, clock: clock}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k, k.readLocked()
}

// Credentials are what a key allows, nil for a key that is not one of them. Only hashes
// are compared, which reveal nothing by the time it takes.
func (k *Keys) Credentials(key string) *chat.Credentials { return k.of(sha256.Sum256([]byte(key))) }

// Has reports whether the key of some credentials is still one of them.
func (k *Keys) Has(c *chat.Credentials) bool {
	return len(c.Key) == sha256.Size && k.of([32]byte([]byte(c.Key))) != nil
}

// Watch calls removed after a key was removed, within a second, until ctx ends.
func (k *Keys) Watch(ctx context.Context, removed func()) error {
	tick := time.NewTicker(lookEvery / 2)
	defer tick.Stop()
	last := k.all()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := k.all()
		for h := range last {
			if now[h] == nil {
				removed()
				break
			}
		}
		last = now
	}
}

// all are the keys as they are now. The map is not changed again.
func (k *Keys) all() map[[32]byte]*chat.Credentials {
	k.of([32]byte{})
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known
}

func (k *Keys) of(h [32]byte) *chat.Credentials {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.clock(); now.Sub(k.looked) >= lookEvery {
		k.looked = now
		_ = k.readLocked() // a file that can't be read now: what it had last still counts
	}
	return k.known[h]
}

// Len is how many keys there are.
func (k *Keys) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.known)
}

func (k *Keys) readLocked() error {
	stamps := [2]time.Time{stamp(k.hashed), stamp(k.plain)}
	if stamps == k.stamps && k.known != nil {
		return nil
	}
	known := map[[32]byte]*chat.Credentials{}
	add := func(h [32]byte) {
		if known[h] = k.known[h]; known[h] == nil {
			known[h] = &chat.Credentials{Any: true, Service: true, Key: string(h[:])}
		}
	}
	entries, err := readEntries(k.hashed)
	if err != nil {
		return err
	}
	for _, e := range entries {
		add(e.hash)
	}
	if k.plain != "" {
		b, err := os.ReadFile(k.plain)
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
		for lines.Scan() {
			line := strings.TrimSpace(lines.Text())
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if len(line) < 8 {
				return fmt.Errorf("%s has a key of fewer than 8 characters", k.plain)
			}
			add(sha256.Sum256([]byte(line)))
		}
		if err := lines.Err(); err != nil {
			return err
		}
	}
	k.known, k.stamps = known, stamps
	return nil
}

func stamp(path string) time.Time {
	if path == "" {
		return time.Time{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Key is one of the keys that parley keys keeps.
type Key struct {
	Name string    `json:"name"`
	Hash string    `json:"sha256"` // in hexadecimal
	Made time.Time `json:"made"`

	hash [32]byte
}

// ErrKey says why a key can't be made or removed.
var ErrKey = errors.New("the key can't be changed")

// ListKeys reads the file of hashes, "" or missing: none.
func ListKeys(path string) ([]Key, error) { return readEntries(path) }

func readEntries(path string) (entries []Key, err error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &entries)
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys in %s: %w", path, err)
	}
	for i := range entries {
		h, err := hex.DecodeString(entries[i].Hash)
		if err != nil || len(h) != 32 {
			return nil, fmt.Errorf("read the keys in %s: the hash of %q is damaged", path, entries[i].Name)
		}
		entries[i].hash = [32]byte(h)
	}
	return entries, nil
}

// AddKey makes a key and keeps its hash. The key itself is returned once and kept nowhere.
func AddKey(path, name string, now time.Time) (key string, err error) {
	entries, err := readEntries(path)
	if err != nil {
		return "", err
	}
	if name == "" || slices.ContainsFunc(entries, func(k Key) bool { return k.Name == name }) {
		return "", fmt.Errorf("%w: there is a key %q already, or the name is empty", ErrKey, name)
	}
	key = keyPrefix + strings.ToLower(rand.Text()+rand.Text())
	h := sha256.Sum256([]byte(key))
	return key, writeEntries(path, append(entries, Key{Name: name, Hash: hex.EncodeToString(h[:]), Made: now.UTC().Truncate(time.Second)}))
}

// RemoveKey takes a key out.
func RemoveKey(path, name string) error {
	entries, err := readEntries(path)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(entries), func(k Key) bool { return k.Name == name })
	if len(left) == len(entries) {
		return fmt.Errorf("%w: there is no key %q", ErrKey, name)
	}
	return writeEntries(path, left)
}

// writeEntries replaces the file, so that a reader sees all of it or what was before.
func writeEntries(path string, entries []Key) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	b, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	temp := path + ".new"
	if err := os.WriteFile(temp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
