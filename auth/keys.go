package auth

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/internal/clock"
)

const keyPrefix = "key_"

// lookEvery is the minimum interval between reads of the keys.
const lookEvery = time.Second / 4

// readTime limits a read of the keys. During a read the previous keys remain valid.
const readTime = time.Second

// Keys are the API keys of back ends: those in the store, hashed, and one key per line in a file
// written by the operator. Changes take effect within a second.
type Keys struct {
	// fixed after construction
	store parley.Keys // nil: none
	plain string      // path of the operator's file; "" for none
	clock func() time.Time

	mu      sync.Mutex
	looked  time.Time
	reading bool // a read is in progress
	known   map[[32]byte]*access.Credentials
}

// OpenKeys reads the keys. store may be nil and plain ""; if plain names a file, it must exist.
func OpenKeys(ctx context.Context, store parley.Keys, plain string, clock func() time.Time) (*Keys, error) {
	if clock == nil {
		clock = time.Now
	}
	k := &Keys{store: store, plain: plain, clock: clock}
	var err error
	k.known, err = k.read(ctx, nil)
	return k, err
}

// Credentials returns the credentials of a key, nil for an unknown one. It compares only
// hashes, so its time reveals nothing.
func (k *Keys) Credentials(key string) *access.Credentials { return k.of(sha256.Sum256([]byte(key))) }

// Has reports whether the key of some credentials still exists.
func (k *Keys) Has(c *access.Credentials) bool {
	return len(c.Key) == sha256.Size && k.of([32]byte([]byte(c.Key))) != nil
}

// Any reports whether there is a key.
func (k *Keys) Any() bool { return len(k.all()) > 0 }

// Watch calls removed after a key was removed, within a second, until ctx ends.
func (k *Keys) Watch(ctx context.Context, removed func()) error {
	tick := clock.NewPulse(lookEvery / 2)
	defer tick.Stop()
	last := k.all()
	for tick.Wait(ctx) {
		now := k.all()
		for h := range last {
			if now[h] == nil {
				removed()
				break
			}
		}
		last = now
	}
	return nil
}

// all returns the current keys. The map is not changed afterwards.
func (k *Keys) all() map[[32]byte]*access.Credentials {
	k.of([32]byte{})
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known
}

func (k *Keys) of(h [32]byte) *access.Credentials {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.clock(); now.Sub(k.looked) >= lookEvery && !k.reading {
		k.looked, k.reading = now, true
		was := k.known
		k.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), readTime)
		known, err := k.read(ctx, was)
		cancel()
		k.mu.Lock()
		if k.reading = false; err == nil { // otherwise the previous keys remain valid
			k.known = known
		}
	}
	return k.known[h]
}

// Len returns the number of keys.
func (k *Keys) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.known)
}

// read reads the keys. Known keys keep their Credentials.
func (k *Keys) read(ctx context.Context, was map[[32]byte]*access.Credentials) (map[[32]byte]*access.Credentials, error) {
	known := map[[32]byte]*access.Credentials{}
	add := func(h [32]byte) {
		if known[h] = was[h]; known[h] == nil {
			known[h] = &access.Credentials{Any: true, Service: true, Key: string(h[:])}
		}
	}
	if k.store != nil {
		keys, err := k.store.ListKeys(ctx)
		if err != nil {
			return nil, err
		}
		for i := range keys {
			add(keys[i].Hash)
		}
	}
	if k.plain == "" {
		return known, nil
	}
	b, err := os.ReadFile(k.plain)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(line) < 8 {
			return nil, fmt.Errorf("%s has a key of fewer than 8 characters", k.plain)
		}
		add(sha256.Sum256([]byte(line)))
	}
	return known, lines.Err()
}

// MakeKey creates a key and its stored form.
func MakeKey(name string, now time.Time) (key string, kept parley.Key) {
	key = keyPrefix + strings.ToLower(rand.Text()+rand.Text())
	return key, parley.Key{Name: name, Hash: sha256.Sum256([]byte(key)), Created: parley.Timestamp(now.Truncate(time.Second).UnixMicro())}
}
