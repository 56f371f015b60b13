package wire

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Op is the opcode of a WebSocket frame (RFC 6455, section 5.2).
type Op byte

// The opcodes.
const (
	OpContinuation Op = 0
	OpText         Op = 1
	OpBinary       Op = 2
	OpClose        Op = 8
	OpPing         Op = 9
	OpPong         Op = 10
)

// AppendFrameHeader appends the header of a final, unmasked frame of n bytes.
func AppendFrameHeader(dst []byte, op Op, n int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n <= 0xFFFF:
		return append(dst, 126, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
}

const frameRoom = 10 // the longest header

// openFrame starts a frame whose length is not known yet, and closeFrame completes the frame that
// starts at start: it moves the payload to where the header ends.
func openFrame(dst []byte) []byte { return append(dst, make([]byte, frameRoom)...) }

func closeFrame(b []byte, start int, op Op) []byte {
	n := len(b) - start - frameRoom
	head := AppendFrameHeader(b[:start], op, n)
	return b[:len(head)+copy(b[len(head):], b[start+frameRoom:])]
}

// AppendClose appends a close frame. reason must be UTF-8 of at most 123 bytes.
func AppendClose(dst []byte, code int, reason string) []byte {
	dst = AppendFrameHeader(dst, OpClose, 2+len(reason))
	return append(append(dst, byte(code>>8), byte(code)), reason...)
}

// CloseError ends a connection with a close frame.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string { return "websocket closed: " + e.Reason }

func violation(reason string) error { return &CloseError{1002, reason} }

// FrameReader receives the bytes of a client in pieces of any size and returns complete messages
// and control frames. It is as strict as RFC 6455 requires: masked frames, no reserved bits or
// opcodes, shortest lengths, unfragmented short control frames, valid UTF-8 (checked at each byte,
// unless compressed). It keeps only the bytes of a partial frame and of a fragmented message.
type FrameReader struct {
	kept *kept
}

// kept is the state of a reader in the middle of a frame or message.
//
//	[message: the payload of received fragments][partial: the unparsed start of a frame]
type kept struct {
	partial []byte
	message []byte
	op      Op   // of the message being assembled; 0: none
	deflate bool // the message is compressed
	checked int  // bytes of message known to be UTF-8
}

// Rules are the limits of a connection's frames.
type Rules struct {
	Most    int  // bytes of a message, before and after inflating; more is error 1009
	Deflate bool // permessage-deflate was negotiated
}

// ErrPause is what a callback of Read returns to stop further calls for now.
var ErrPause = errors.New("paused")

// Read parses the bytes kept so far followed by p, and calls frame for each complete text or binary message,
// inflated, and each control frame. The payload is valid only during the call and may be modified. The error
// is a *CloseError, or what frame returned. After an error the reader must not be used, except after ErrPause:
// that frame was processed, the bytes after it are kept, and the next Read, with nil or more bytes, continues.
func (r *FrameReader) Read(p []byte, rules Rules, frame func(op Op, payload []byte) error) error {
	var k kept // a copy, so that the usual case allocates nothing
	if r.kept != nil {
		k = *r.kept
	}
	old := len(k.partial) > 0
	if old {
		k.partial = append(k.partial, p...)
		p = k.partial
	}
	for whole := len(p); ; {
		n, err := k.next(p, rules, frame)
		if err != nil && err != ErrPause {
			return err
		}
		p = p[n:]
		if n > 0 && err == nil {
			continue
		}
		switch {
		case len(p) == 0:
			k.partial = nil
		case old && err == ErrPause:
			k.partial = p // these bytes will be needed soon
		case !old || len(p) < whole:
			k.partial = append([]byte(nil), p...)
		}
		r.keep(k)
		return err
	}
}

func (r *FrameReader) keep(k kept) {
	switch {
	case k.partial == nil && k.op == 0:
		r.kept = nil
	case r.kept == nil:
		r.kept = new(kept)
		fallthrough
	default:
		*r.kept = k
	}
}

// next parses one frame at the start of p and returns its length, 0 if it is incomplete.
func (k *kept) next(p []byte, rules Rules, frame func(Op, []byte) error) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	fin, op := p[0]&0x80 != 0, Op(p[0]&0x0F)
	control := op >= 8
	deflate := p[0]&rsv1 != 0
	switch {
	case p[0]&(0x70&^rsv1) != 0, deflate && !(rules.Deflate && (op == OpText || op == OpBinary)):
		return 0, violation("a reserved bit is set")
	case op > OpBinary && op < OpClose, op > OpPong:
		return 0, violation("unknown opcode")
	case control && !fin:
		return 0, violation("a control frame is fragmented")
	case op == OpContinuation && k.op == 0:
		return 0, violation("a continuation without a start")
	case (op == OpText || op == OpBinary) && k.op != 0:
		return 0, violation("a new message inside a fragmented one")
	}
	if len(p) < 2 {
		return 0, nil
	}
	if p[1]&0x80 == 0 {
		return 0, violation("a frame of a client is not masked")
	}
	size, head := uint64(p[1]&0x7F), 2
	if control && size > 125 {
		return 0, violation("a control frame is longer than 125 bytes")
	}
	switch size {
	case 126:
		if len(p) < 4 {
			return 0, nil
		}
		if size, head = uint64(binary.BigEndian.Uint16(p[2:])), 4; size < 126 {
			return 0, violation("a length is not in its shortest form")
		}
	case 127:
		if len(p) < 10 {
			return 0, nil
		}
		if size, head = binary.BigEndian.Uint64(p[2:]), 10; size <= 0xFFFF || size>>63 != 0 {
			return 0, violation("a length is not in its shortest form")
		}
	}
	if op == OpContinuation {
		deflate = k.deflate
	}
	if !control && size+uint64(len(k.message)) > uint64(rules.Most) {
		return 0, &CloseError{1009, "a message is too large"}
	}
	if len(p) < head+4 {
		return 0, nil
	}
	mask := [4]byte(p[head : head+4])
	body := p[head+4:]
	if uint64(len(body)) < size {
		if deflate {
			return 0, nil
		}
		return 0, k.checkPartial(op, mask, body)
	}
	body = body[:size]
	ws.Cipher(body, mask, 0)
	switch {
	case control:
		return head + 4 + int(size), frame(op, body)
	case deflate:
		return head + 4 + int(size), k.wholeDeflated(fin, op, body, rules.Most, frame)
	}
	return head + 4 + int(size), k.whole(fin, op, body, frame)
}

// checkPartial checks the UTF-8 of the received part of a text frame, so that an error is reported
// immediately and not when the frame is complete.
func (k *kept) checkPartial(op Op, mask [4]byte, body []byte) error {
	if op != OpText && (op != OpContinuation || k.op != OpText) {
		return nil
	}
	const much = 4096 // copying more than this for each received piece would cost too much
	if len(body) == 0 || len(body)+len(k.message) > much {
		return nil
	}
	text := append(append([]byte(nil), k.message...), body...)
	ws.Cipher(text[len(k.message):], mask, 0)
	if !validSoFar(text) {
		return &CloseError{1007, "text is not UTF-8"}
	}
	return nil
}

func (k *kept) whole(fin bool, op Op, body []byte, frame func(Op, []byte) error) error {
	if op != OpContinuation {
		if fin { // the usual case, without a copy
			if op == OpText && !utf8.Valid(body) {
				return &CloseError{1007, "text is not UTF-8"}
			}
			return frame(op, body)
		}
		k.op, k.checked = op, 0
	}
	k.message = append(k.message, body...)
	if k.op == OpText {
		rest := k.message[k.checked:]
		if fin && !utf8.Valid(rest) || !fin && !validSoFar(rest) {
			return &CloseError{1007, "text is not UTF-8"}
		}
		k.checked = len(k.message) - tail(rest)
	}
	if !fin {
		return nil
	}
	message, op := k.message, k.op
	k.message, k.op = nil, 0
	return frame(op, message)
}

// wholeDeflated processes a frame of a compressed message.
func (k *kept) wholeDeflated(fin bool, op Op, body []byte, most int, frame func(Op, []byte) error) error {
	if op != OpContinuation && !fin {
		k.op, k.deflate = op, true
	}
	if op == OpContinuation || !fin {
		k.message = append(k.message, body...)
		if !fin {
			return nil
		}
		body, op = k.message, k.op
		k.message, k.op, k.deflate = nil, 0, false
	}
	return inflate(body, most, func(message []byte) error {
		if op == OpText && !utf8.Valid(message) {
			return &CloseError{1007, "text is not UTF-8"}
		}
		return frame(op, message)
	})
}

// validSoFar reports whether b is UTF-8, with the possible exception of an incomplete rune at
// the end.
func validSoFar(b []byte) bool { return utf8.Valid(b[:len(b)-tail(b)]) }

// tail returns how many bytes at the end of b begin a rune without completing it. utf8.FullRune
// is also true for bytes that cannot become a rune.
func tail(b []byte) int {
	for n := 1; n <= 3 && n <= len(b); n++ {
		if c := b[len(b)-n]; c >= 0xC0 {
			if utf8.FullRune(b[len(b)-n:]) {
				return 0
			}
			return n
		} else if c < 0x80 {
			return 0
		}
	}
	return 0
}

// CloseCode checks the payload of a client's close frame (RFC 6455, section 7.4)
// and returns the code to echo, 1000 for none.
func CloseCode(payload []byte) (code int, err error) {
	if len(payload) == 0 {
		return 1000, nil
	}
	if len(payload) == 1 {
		return 0, violation("a close code of one byte")
	}
	code = int(binary.BigEndian.Uint16(payload))
	switch {
	case code >= 3000 && code <= 4999, code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
	default:
		return 0, violation("a close code that may not be sent")
	}
	if !utf8.Valid(payload[2:]) {
		return 0, &CloseError{1007, "a close reason is not UTF-8"}
	}
	return code, nil
}
