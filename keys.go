package parley

import "context"

// Key is an API key of a back end. The key itself is not stored.
type Key struct {
	Name    string   // 1–128 bytes
	Hash    [32]byte // SHA-256 of the key
	Created Timestamp
}

// Keys are the API keys of a system. All methods may be called concurrently, from all nodes.
type Keys interface {
	// PutKey stores a key, durably. created is false, and nothing is stored, if a key of this name
	// exists.
	PutKey(ctx context.Context, k Key) (created bool, err error)
	// ListKeys returns all keys, in the order of their names. There are few.
	ListKeys(ctx context.Context) ([]Key, error)
	// RemoveKey removes a key, durably. removed reports whether a key of this name existed.
	RemoveKey(ctx context.Context, name string) (removed bool, err error)
}
