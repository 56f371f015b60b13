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

// lookEvery is how often, at most, keys are looked at.
const lookEvery = time.Second / 4

// readTime bounds a look at the keys. While it is taken what was known before still counts.
const readTime = time.Second

// Keys are the API keys of back ends: those in the store, hashed, and one key per line in a file
// that the operator writes. Changes take effect within a second.
type Keys struct {
	// fixed after construction
	store parley.Keys // nil: none
	plain string      // a path; "" for none
	clock func() time.Time

	mu      sync.Mutex
	looked  time.Time
	reading bool // somebody looks
	known   map[[32]byte]*access.Credentials
}

// OpenKeys reads the keys. store may be nil and plain ""; a file that plain names must exist.
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

// all are the keys as they are now. The map is not changed again.
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
		if k.reading = false; err == nil { // else what they were last still counts
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

// read looks at the keys. Credentials of a key that was known stay the same.
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
