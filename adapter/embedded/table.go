package embedded

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// table is the database; it counts the rows that are read.
type table struct {
	*pebble.DB
	read *atomic.Int64 // rows requested or stepped to
}

// Get is the database's Get.
func (t *table) Get(key []byte) ([]byte, io.Closer, error) {
	t.read.Add(1)
	return t.DB.Get(key)
}

// rowsOf iterates over the rows from one key up to another.
func (t *table) rowsOf(from, to []byte) (*iterator, error) {
	it, err := t.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, err
	}
	return &iterator{Iterator: it, table: t}, nil
}

// iterator counts its steps. It adds them to the table's count when it is closed, since many
// iterators run concurrently.
type iterator struct {
	*pebble.Iterator
	table *table
	steps int64
}

func (i *iterator) First() bool            { i.steps++; return i.Iterator.First() }
func (i *iterator) Last() bool             { i.steps++; return i.Iterator.Last() }
func (i *iterator) Next() bool             { i.steps++; return i.Iterator.Next() }
func (i *iterator) Prev() bool             { i.steps++; return i.Iterator.Prev() }
func (i *iterator) SeekGE(key []byte) bool { i.steps++; return i.Iterator.SeekGE(key) }

func (i *iterator) Close() error {
	i.table.read.Add(i.steps)
	return i.Iterator.Close()
}

// RowsRead returns how many rows were read from the store, including lookups of rows that do
// not exist.
func (l *Log) RowsRead() int64 { return l.rowsRead.Load() }

// Damaged lists the files of the store in which damage was found since it was opened. The rest of
// these files, and all other files, remain readable.
func (l *Log) Damaged() []string { return l.damage.list() }

// damage is the damage found while reading. Nothing is repaired here: the file is left for the
// operator to repair.
type damage struct {
	log *slog.Logger

	mu    sync.Mutex // guards files
	files []string
}

// found is called by Pebble each time a block cannot be read.
func (d *damage) found(i pebble.DataCorruptionInfo) {
	d.mu.Lock()
	known := slices.Contains(d.files, i.Path)
	if !known {
		d.files = append(d.files, i.Path)
	}
	d.mu.Unlock()
	if !known {
		d.log.Error("a file of the store is damaged; what needs the damaged part answers unavailable", "file", i.Path, "err", i.Details)
	}
}

func (d *damage) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.files)
}
