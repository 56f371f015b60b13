package codec

import (
	"encoding/binary"
	"errors"
	"slices"
)

// A field is a tag and its value: the tag is a varint of number<<1 | kind, the value a varint (kind 0) or a length and
// that many bytes (kind 1). A zero field is omitted, a repeated one is a list, and an unknown one is skipped, so that
// nodes of two releases understand each other.

var (
	// ErrNewer means that the bytes have a form of a later release.
	ErrNewer = errors.New("the form is of a later version")
	// ErrDamaged means that no release has written these bytes.
	ErrDamaged = errors.New("the bytes are damaged")
)

// Encoder appends fields to B.
type Encoder struct{ B []byte }

// Number appends a number.
func (e *Encoder) Number(field int, v int64) {
	if v != 0 {
		e.B = binary.AppendUvarint(e.B, uint64(field)<<1)
		e.B = binary.AppendVarint(e.B, v)
	}
}

// Flag appends a boolean.
func (e *Encoder) Flag(field int, v bool) {
	if v {
		e.Number(field, 1)
	}
}

// Text appends bytes.
func (e *Encoder) Text(field int, v string) {
	if v != "" {
		e.B = binary.AppendUvarint(e.B, uint64(field)<<1|1)
		e.B = binary.AppendUvarint(e.B, uint64(len(v)))
		e.B = append(e.B, v...)
	}
}

// Nested appends a field whose value is fields. It is present even if they are empty.
func (e *Encoder) Nested(field int, fields func(*Encoder)) {
	e.B = binary.AppendUvarint(e.B, uint64(field)<<1|1)
	at := len(e.B)
	fields(e)
	var size [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(size[:], uint64(len(e.B)-at))
	e.B = slices.Insert(e.B, at, size[:n]...)
}

// Field is a decoded field.
type Field struct {
	Number uint64
	N      int64  // value of kind 0
	Bytes  string // value of kind 1
}

// Decode calls each with the fields in s, in order.
func Decode(s string, each func(f Field) error) error {
	for s != "" {
		tag, rest, ok := cutUvarint(s)
		if !ok {
			return ErrDamaged
		}
		v, rest, ok := cutUvarint(rest)
		if !ok {
			return ErrDamaged
		}
		f := Field{Number: tag >> 1}
		switch {
		case tag&1 == 0:
			f.N = int64(v>>1) ^ -int64(v&1) // as written by binary.AppendVarint
		case v > uint64(len(rest)):
			return ErrDamaged
		default:
			f.Bytes, rest = rest[:v], rest[v:]
		}
		if err := each(f); err != nil {
			return err
		}
		s = rest
	}
	return nil
}

// cutUvarint reads a number written by binary.AppendUvarint.
func cutUvarint(s string) (v uint64, rest string, ok bool) {
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		v |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return v, s[i+1:], true
		}
	}
	return 0, "", false
}
