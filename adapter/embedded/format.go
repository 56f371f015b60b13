package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Every value in the database begins with a byte that identifies its format; rows that consist only of
// their key have no value. Rows of format 1, which have no such byte, are read as they are:
//
//	m   the kind of the entry, with the bit extended if fields follow it: see codec.go
//	h p version
//	i   the format of the directory
//	all others: tagged; no value of format 1 of the same length begins with it
const tagged = 0x10

// format is the format of the directory: format 1 had no tagged rows, and nothing in the state file.
const format = 2

// ErrNewer means that a later version of parley has written the data directory.
var ErrNewer = errors.New("the data directory was written by a later version of parley")

func newer(found int) error {
	return fmt.Errorf("%w: its format is %d, and this version reads up to %d", ErrNewer, found, format)
}

// formatKey is the key of the row that stores the format of the rows.
var formatKey = []byte{'i'}

// format returns the format of the rows; 0: they are older than the row that stores it.
func (l *Log) format() (int, error) {
	found, _, err := row(getterOf(l.db.Get), formatKey, func(v []byte) (int, error) {
		if len(v) != 1 {
			return 0, errCodec
		}
		return int(v[0]), nil
	})
	if err == nil && found > format {
		err = newer(found)
	}
	return found, err
}

// begin reads the epoch and adds missing rows; before it writes anything it refuses a format that it cannot
// read.
func (l *Log) begin() error {
	found, unreadable := l.format()
	if unreadable != nil && !pebble.IsCorruptionError(unreadable) {
		return unreadable
	}
	var err error
	if l.epoch, err = l.openEpoch(); err != nil || unreadable != nil {
		return errors.Join(err, unreadable)
	}
	return l.upgrade(found)
}

// upgrade adds the rows that an earlier version did not have. After a crash it starts over.
func (l *Log) upgrade(found int) error {
	if found == format {
		return nil
	}
	if found == 0 {
		if err := l.buildIndexes(); err != nil {
			return err
		}
	}
	return l.db.Set(formatKey, []byte{format}, pebble.NoSync) // the write-ahead log contains it before all rows that need it
}

// tag returns a value with the format byte in front.
func tag(value []byte) []byte { return append([]byte{tagged}, value...) }

// untag returns a value without its format byte. long is the length of a value of format 1 that could
// be mistaken for a tagged one; 0: there is none.
func untag(b []byte, long int) []byte {
	if len(b) > 0 && b[0] == tagged && len(b) != long {
		return b[1:]
	}
	return b
}

func encodeID(id int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{tagged}, uint64(id))
}

func decodeID(b []byte) (int64, error) {
	if b = untag(b, 8); len(b) != 8 {
		return 0, errCodec
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// pointer is a read pointer: an id and the count of the entry with that id, which never changes.
type pointer struct{ id, count int64 }

func (p pointer) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{tagged}, uint64(p.id)), uint64(p.count))
}

func decodePointer(b []byte) (pointer, error) {
	if b = untag(b, 16); len(b) != 16 {
		return pointer{}, errCodec
	}
	return pointer{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}, nil
}

func encodeCount(n int64) []byte { return binary.AppendUvarint([]byte{tagged}, uint64(n)) }

func decodeCount(b []byte) (int64, error) {
	b = untag(b, 1)
	n, size := binary.Uvarint(b)
	if size != len(b) || size <= 0 {
		return 0, errCodec
	}
	return int64(n), nil
}

// encodeParts encodes the parts of a change for its c row.
func encodeParts(parts byte) []byte { return []byte{tagged, parts} }

// mayHold reports whether a change may hold text or data, according to its c row.
func mayHold(b []byte) bool {
	b = untag(b, 0)
	return len(b) == 0 || b[0]&(hasText|hasData) != 0 // the oldest rows do not say what they hold
}

// An entry may be followed by fields that this version does not know, each a tag (uvarint), its length and bytes.
// They are kept when the entry is rewritten. Those with an odd tag are content, and disappear when it is deleted.
// entryFields returns the others.
func entryFields(b string) (kept string, err error) {
	d := fields{rest: b}
	for d.rest != "" {
		at := d.rest
		name := d.uvarint()
		_ = d.string()
		if d.bad {
			return "", errCodec
		}
		if name%2 == 0 {
			kept += at[:len(at)-len(d.rest)]
		}
	}
	return kept, nil
}

// withFields ends a row of the log.
func withFields(row []byte, more string) []byte {
	if more == "" {
		return row
	}
	row[0] |= extended
	return append(row, more...)
}
