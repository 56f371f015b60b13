package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/parley-server/parley/wire"
)

// clientFrame returns a masked frame, as sent by a client.
func clientFrame(fin bool, op wire.Op, payload string) []byte {
	b := []byte{byte(op)}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func read(max int, pieces ...[]byte) (got []string, err error) {
	var r wire.FrameReader
	for _, p := range pieces {
		if err = r.Read(bytes.Clone(p), wire.Rules{Most: max}, func(op wire.Op, payload []byte) error {
			got = append(got, fmt.Sprintf("%d:%s", op, payload))
			return nil
		}); err != nil {
			return got, err
		}
	}
	return got, nil
}

func TestFramesInPiecesOfAnySize(t *testing.T) {
	long := string(bytes.Repeat([]byte("é"), 40_000))
	stream := bytes.Join([][]byte{
		clientFrame(true, wire.OpText, "hello"), clientFrame(false, wire.OpText, "h\xc3"), clientFrame(true, wire.OpPing, "p"),
		clientFrame(false, wire.OpContinuation, "\xa9"), clientFrame(true, wire.OpContinuation, ""), clientFrame(true, wire.OpText, long),
		clientFrame(true, wire.OpBinary, "\xff"), clientFrame(true, wire.OpClose, "\x03\xe8bye"),
	}, nil)
	want := []string{"1:hello", "9:p", "1:hé", "1:" + long, "2:\xff", "8:\x03\xe8bye"}
	for _, size := range []int{1, 2, 3, 7, 1000, len(stream)} {
		var pieces [][]byte
		for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			pieces = append(pieces, rest[:min(size, len(rest))])
		}
		got, err := read(128<<10, pieces...)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("in pieces of %d: %d frames, %v", size, len(got), err)
		}
	}
}

func TestInvalidFramesCloseTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		bytes []byte
		code  int
	}{
		"not masked":        {[]byte{0x81, 1, 'a'}, 1002},
		"a reserved bit":    {[]byte{0xC1, 0x80, 0, 0, 0, 0}, 1002},
		"opcode 3":          {[]byte{0x83, 0x80, 0, 0, 0, 0}, 1002},
		"opcode 11":         {[]byte{0x8B, 0x80, 0, 0, 0, 0}, 1002},
		"a fragmented ping": {clientFrame(false, wire.OpPing, ""), 1002},
		"a long ping":       {[]byte{0x89, 0xFE, 0, 126}, 1002},
		"no start":          {clientFrame(true, wire.OpContinuation, "a"), 1002},
		"two starts":        {append(clientFrame(false, wire.OpText, "a"), clientFrame(true, wire.OpText, "b")...), 1002},
		"16 bits for 5":     {[]byte{0x81, 0xFE, 0, 5}, 1002},
		"64 bits for 5":     {[]byte{0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 5}, 1002},
		"the top bit":       {[]byte{0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 5}, 1002},
		"too large":         {clientFrame(true, wire.OpText, string(make([]byte, 1001))), 1009},
		"too large in parts": {append(clientFrame(false, wire.OpText, string(make([]byte, 600))),
			clientFrame(true, wire.OpContinuation, string(make([]byte, 600)))...), 1009},
		"not UTF-8":            {clientFrame(true, wire.OpText, "a\xff"), 1007},
		"not UTF-8 in a part":  {clientFrame(false, wire.OpText, "a\xff"), 1007},
		"cut at the end":       {clientFrame(true, wire.OpText, "a\xc3"), 1007},
		"wrong before it ends": {clientFrame(true, wire.OpText, "\xff0123456789")[:10], 1007},
	} {
		_, err := read(1000, c.bytes)
		ce, ok := errors.AsType[*wire.CloseError](err)
		if !ok || ce.Code != c.code {
			t.Errorf("%s: %v, want %d", name, err, c.code)
		}
	}
}

func TestPausedReaderContinuesWhereItStopped(t *testing.T) {
	var r wire.FrameReader
	var got []string
	take := func(_ wire.Op, p []byte) error { got = append(got, string(p)); return wire.ErrPause }
	stream := append(append(clientFrame(true, wire.OpText, "a"), clientFrame(true, wire.OpText, "b")...),
		clientFrame(true, wire.OpText, "c")[:3]...)
	if err := r.Read(stream, wire.Rules{Most: 1000}, take); err != wire.ErrPause || len(got) != 1 {
		t.Fatalf("after the first: %v, %v", got, err)
	}
	if err := r.Read(nil, wire.Rules{Most: 1000}, take); err != wire.ErrPause || len(got) != 2 {
		t.Fatalf("after the second: %v, %v", got, err)
	}
	if err := r.Read(clientFrame(true, wire.OpText, "c")[3:], wire.Rules{Most: 1000}, take); err != wire.ErrPause ||
		fmt.Sprint(got) != "[a b c]" {
		t.Fatalf("after all: %v, %v", got, err)
	}
}

func TestValidCloseCodes(t *testing.T) {
	for code := range 5001 {
		payload := binary.BigEndian.AppendUint16(nil, uint16(code))
		got, err := wire.CloseCode(payload)
		want := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
		if (err == nil) != want || err == nil && got != code {
			t.Fatalf("%d: %d, %v", code, got, err)
		}
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add(clientFrame(true, wire.OpText, "hello"), uint8(3))
	f.Add(clientFrame(false, wire.OpText, "h\xc3"), uint8(1))
	f.Add([]byte{0x81, 0xFE, 0, 5}, uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole, wholeErr := read(4096, stream)
		var pieces [][]byte
		for rest, n := stream, int(size)+1; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			pieces = append(pieces, rest[:min(n, len(rest))])
		}
		parts, partsErr := read(4096, pieces...)
		if fmt.Sprint(whole) != fmt.Sprint(parts) || fmt.Sprint(wholeErr) != fmt.Sprint(partsErr) {
			t.Fatalf("whole: %q %v\nparts: %q %v", whole, wholeErr, parts, partsErr)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("a:42,b:7")
	f.Add("a:b:0")
	f.Fuzz(func(t *testing.T, s string) {
		ps, err := wire.ParseCursor(s)
		if err != nil {
			return
		}
		var text []byte
		for i, p := range ps {
			text = wire.AppendPosition(text, i == 0, p.Channel, p.ID)
		}
		again, err := wire.ParseCursor(string(text))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(ps) {
			t.Fatalf("%q became %q: %v, %v", s, text, again, err)
		}
	})
}

func FuzzSSE(f *testing.F) {
	f.Add("hello\nid: 9\r\n\revent: x\x00")
	f.Fuzz(func(t *testing.T, text string) {
		obj := append(wire.AppendString([]byte(`{"text":`), text), '}')
		block := wire.FormSSE.AppendEntry(nil, 42, "message", obj)
		if lines := bytes.Split(block, []byte("\n")); len(lines) != 5 || bytes.ContainsRune(block, '\r') || bytes.ContainsRune(block, 0) {
			t.Fatalf("a text forged a line: %q", block)
		}
	})
}
