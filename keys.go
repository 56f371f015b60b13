package parley

import "context"

// Key is an API key of a back end. The key itself is kept nowhere.
type Key struct {
	Name    string   // 1–128 bytes
	Hash    [32]byte // SHA-256 of the key
	Created Timestamp
}

// Keys are the API keys of a system. All methods may be called at the same time, from all nodes.
type Keys interface {
	// PutKey keeps a key, durably. created is false, and nothing is kept, if there is one of this name.
	PutKey(ctx context.Context, k Key) (created bool, err error)
	// ListKeys returns all keys, in the order of their names. There are few.
	ListKeys(ctx context.Context) ([]Key, error)
	// RemoveKey removes a key, durably. removed reports whether there was one of this name.
	RemoveKey(ctx context.Context, name string) (removed bool, err error)
}
