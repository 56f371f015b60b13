package wire

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"
)

// permessage-deflate (RFC 7692) without context takeover: each message is compressed by itself,
// so that all readers can receive the same bytes.

const (
	deflateFrom = 128  // bytes; shorter payloads hardly shrink
	rsv1        = 0x40 // the Per-Message Compressed bit
	syncTail    = "\x00\x00\xff\xff"
)

// AppendDeflated appends payload as one final, unmasked text frame: compressed with RSV1 set if
// that is shorter, otherwise uncompressed.
//
// BenchmarkDeflateLevels shows why the stateless compressor is used: for messages of up to a few
// kilobytes it compresses as well as level 6, in less time, and holds no memory between messages,
// while a compressor with state holds about a megabyte.
func AppendDeflated(dst, payload []byte) []byte {
	if len(payload) < deflateFrom {
		return append(AppendFrameHeader(dst, OpText, len(payload)), payload...)
	}
	start := len(dst)
	out := outs.Get().(*appender)
	out.b = openFrame(dst)
	_ = flate.StatelessDeflate(out, payload, false, nil) // an appender has no errors
	b := out.b[:len(out.b)-len(syncTail)]                // RFC 7692, section 7.2.1: the tail is omitted
	out.b = nil
	outs.Put(out)
	if len(b)-start-frameRoom >= len(payload) {
		return append(AppendFrameHeader(b[:start], OpText, len(payload)), payload...)
	}
	b = closeFrame(b, start, OpText)
	b[start] |= rsv1
	return b
}

// appender is an io.Writer that appends to a slice.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

var outs = sync.Pool{New: func() any { return new(appender) }}

// inflater is the state needed to inflate one message.
type inflater struct {
	flate flateReader
	src   bytes.Reader
	in    []byte // the message and its tail
	out   []byte
}

type flateReader interface {
	io.Reader
	flate.Resetter
}

var inflaters = sync.Pool{New: func() any {
	return &inflater{flate: flate.NewReader(bytes.NewReader(nil)).(flateReader)}
}}

const (
	inflateKept   = 64 << 10 // a larger buffer is not reused
	inflateFirst  = 4 << 10
	finalBlocks   = 64 // maximum per message; each costs more than its bytes
	deflateWindow = 32 << 10
)

// inflate inflates p and passes the message to use, which may use it only during the call. A message of more
// than most bytes gives error 1009, and needs at most about twice most of memory; invalid DEFLATE gives 1007.
func inflate(p []byte, most int, use func([]byte) error) error {
	z := inflaters.Get().(*inflater)
	defer func() {
		if cap(z.in) <= inflateKept && cap(z.out) <= inflateKept {
			z.src.Reset(nil)
			inflaters.Put(z)
		}
	}()
	// The tail that the sender omitted, and an empty final block, after which the decompressor reports the end.
	z.in = append(append(append(z.in[:0], p...), syncTail...), "\x01"+syncTail...)
	z.src.Reset(z.in)
	z.out = z.out[:0]
	if err := z.read(most); err != nil {
		return err
	}
	return use(z.out)
}

func corrupt() error {
	return &CloseError{1007, "a message is not compressed as it should be"}
}

// read fills z.out.
func (z *inflater) read(most int) error {
	if err := z.flate.Reset(&z.src, nil); err != nil {
		return corrupt()
	}
	for finals := 0; ; {
		if len(z.out) == cap(z.out) {
			z.out = slices.Grow(z.out, max(inflateFirst, min(cap(z.out), most+1-len(z.out))))
		}
		n, err := z.flate.Read(z.out[len(z.out):min(cap(z.out), most+1)])
		z.out = z.out[:len(z.out)+n]
		switch {
		case len(z.out) > most:
			return &CloseError{1009, "a message is too large"}
		case err == io.EOF && z.src.Len() == 0:
			return nil
		case err == io.EOF: // a sender may end its blocks with a final one (section 7.2.3.4)
			if finals++; finals > finalBlocks {
				return corrupt()
			}
			if z.flate.Reset(&z.src, z.out[max(0, len(z.out)-deflateWindow):]) != nil {
				return corrupt()
			}
		case err != nil:
			return corrupt()
		}
	}
}
