package parley

import "context"

// Row is a value under a key within a group.
type Row struct {
	Key   string // 1–300 bytes
	Value []byte // 1 byte to 64 KiB; nil: there is no such row
}

// Table keeps small rows for parts of the server that are not about messages: devices, positions of push and
// webhooks, failed attempts. The name of a group has 1–200 bytes. All methods may be called concurrently, from
// all nodes.
//
// A row is written either by Put or by Swap, never by both.
type Table interface {
	// Rows lists the rows of a group in the byte order of their keys, after the given key, at most limit.
	Rows(ctx context.Context, group, after string, limit int) ([]Row, error)
	// Get returns the values of keys of a group, in the order of the arguments, nil for rows that do not
	// exist.
	Get(ctx context.Context, group string, keys ...string) ([][]byte, error)
	// Put stores rows of a group, durably, and removes those with a nil value. After an error some of them may be
	// stored, now or later.
	Put(ctx context.Context, group string, rows ...Row) error
	// Swap replaces the value under the row's key if it is old, in one step on all nodes. A nil old means that there is
	// no such row; a nil value removes it. swapped is false if the current value differs. ErrUnknown: the row may have
	// been stored.
	Swap(ctx context.Context, group string, old []byte, row Row) (swapped bool, err error)
}
