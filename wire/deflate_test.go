package wire_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-server/parley/wire"
)

const rsv1 = 0x40

// deflated compresses like another implementation, without the tail.
func deflated(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 9)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

// inflated decompresses a payload of parley with the standard library.
func inflated(t testing.TB, payload []byte) string {
	t.Helper()
	b, err := io.ReadAll(
		flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func compressed(frame []byte) []byte { frame[0] |= rsv1; return frame }

func readDeflate(most int, stream []byte) (got []string, err error) {
	var r wire.FrameReader
	err = r.Read(bytes.Clone(stream), wire.Rules{Most: most, Deflate: true}, func(op wire.Op, p []byte) error {
		got = append(got, fmt.Sprintf("%d:%s", op, p))
		return nil
	})
	return got, err
}

func TestBroadcastFrameIsCompressedIfShorter(t *testing.T) {
	noise := make([]byte, 1000)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	for name, c := range map[string]struct {
		payload []byte
		shorter bool
	}{
		"short":       {bytes.Repeat([]byte("a"), 127), false},
		"just enough": {bytes.Repeat([]byte("a"), 128), true},
		"noise":       {noise, false},
		"a message":   {entry(300), true},
		"16 bits":     {entry(2 << 10), true},
		"64 bits":     {entry(500 << 10), true},
		"empty":       {nil, false},
	} {
		for _, before := range []string{"", "what was there"} {
			b := wire.FormWSDeflate.AppendEntry([]byte(before), 1, "message", c.payload)
			frame, ok := bytes.CutPrefix(b, []byte(before))
			plain := wire.FormWS.AppendEntry(nil, 1, "message", c.payload)
			switch {
			case !ok:
				t.Errorf("%s: what stood before was changed", name)
			case !c.shorter && !bytes.Equal(frame, plain):
				t.Errorf("%s: %.20x…, want it plain", name, frame)
			case c.shorter && (frame[0] != 0x80|rsv1|byte(wire.OpText) || len(frame) >= len(plain)):
				t.Errorf("%s: %d bytes beginning with %x, plain %d", name, len(frame), frame[0], len(plain))
			case c.shorter:
				n := int(frame[1])
				head := map[bool]int{n < 126: 2, n == 126: 4, n == 127: 10}[true]
				if got := inflated(t, frame[head:]); got != string(c.payload) {
					t.Errorf("%s: inflates to %.40q", name, got)
				}
			}
		}
	}
}

func TestCompressedMessagesAreInflated(t *testing.T) {
	long := strings.Repeat("héllo ", 9000)
	half := deflated(t, long)
	var stream []byte
	for _, f := range [][]byte{
		compressed(clientFrame(true, wire.OpText, deflated(t, "hello"))),
		clientFrame(true, wire.OpText, "plain"),
		compressed(clientFrame(false, wire.OpText, half[:10])), clientFrame(true, wire.OpPing, "p"),
		clientFrame(false, wire.OpContinuation, ""), clientFrame(true, wire.OpContinuation, half[10:]),
		clientFrame(false, wire.OpText, "in "), clientFrame(true, wire.OpContinuation, "parts"),
		compressed(clientFrame(true, wire.OpBinary, deflated(t, "\xff"))),
		compressed(clientFrame(true, wire.OpText, "\x00")), // RFC 7692, section 7.2.3.6: an empty message
		// The examples of section 7.2.3: one block, without shared window; a stored block; a final block; two blocks.
		compressed(clientFrame(true, wire.OpText, "\xf2\x48\xcd\xc9\xc9\x07\x00")),
		compressed(clientFrame(true, wire.OpText, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")),
		compressed(clientFrame(true, wire.OpText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")),
		compressed(clientFrame(true, wire.OpText, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")),
	} {
		stream = append(stream, f...)
	}
	want := []string{"1:hello", "1:plain", "9:p", "1:" + long, "1:in parts", "2:\xff", "1:", "1:Hello", "1:Hello", "1:Hello", "1:Hello"}
	got, err := readDeflate(1<<20, stream)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%.300q, %v", got, err)
	}
	var r wire.FrameReader
	var pieces []string
	for i := range stream {
		if err := r.Read([]byte{stream[i]}, wire.Rules{Most: 1 << 20, Deflate: true}, func(op wire.Op, p []byte) error {
			pieces = append(pieces, fmt.Sprintf("%d:%s", op, p))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(pieces) != fmt.Sprint(want) {
		t.Fatalf("byte by byte: %.300q", pieces)
	}
}

func TestInvalidCompressionClosesTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		bytes []byte
		code  int
	}{
		"a ping":         {compressed(clientFrame(true, wire.OpPing, "")), 1002},
		"a close":        {compressed(clientFrame(true, wire.OpClose, "")), 1002},
		"a continuation": {append(clientFrame(false, wire.OpText, "a"), compressed(clientFrame(true, wire.OpContinuation, "b"))...), 1002},
		"a second fragment": {append(compressed(clientFrame(false, wire.OpText, "\x00")),
			compressed(clientFrame(true, wire.OpContinuation, "\x00"))...), 1002},
		"RSV2":                {[]byte{0xE1, 0x80, 0, 0, 0, 0}, 1002},
		"not DEFLATE":         {compressed(clientFrame(true, wire.OpText, "\xff\xff\xff")), 1007},
		"a far distance":      {compressed(clientFrame(true, wire.OpText, "\x4b\x04\x82\x00\x00")), 1007},
		"many final blocks":   {compressed(clientFrame(true, wire.OpText, strings.Repeat("\x03\x00", 100)+"\x00")), 1007},
		"not UTF-8":           {compressed(clientFrame(true, wire.OpText, deflated(t, "a\xff"))), 1007},
		"cut at the end":      {compressed(clientFrame(true, wire.OpText, deflated(t, "a\xc3"))), 1007},
		"a byte too much":     {compressed(clientFrame(true, wire.OpText, deflated(t, strings.Repeat("a", 1001)))), 1009},
		"too much compressed": {compressed(clientFrame(true, wire.OpText, strings.Repeat("\x00", 1001))), 1009},
	} {
		got, err := readDeflate(1000, c.bytes)
		ce, ok := errors.AsType[*wire.CloseError](err)
		if !ok || ce.Code != c.code {
			t.Errorf("%s: %q, %v, want %d", name, got, err, c.code)
		}
	}
	if got, err := readDeflate(1000, compressed(clientFrame(true, wire.OpText, deflated(t, strings.Repeat("a", 1000))))); err != nil ||
		len(got) != 1 {
		t.Errorf("exactly the limit: %v", err)
	}
}

// A bomb of 260 KiB that inflates to 260 MiB.
func TestABombCostsNoMoreThanTheLimit(t *testing.T) {
	frame := compressed(clientFrame(true, wire.OpText, strings.Repeat(deflated(t, strings.Repeat("\x00", 1<<20))+"\x00\x00\xff\xff", 260)))
	if len(frame) < 250<<10 {
		t.Fatalf("the bomb has %d bytes only", len(frame))
	}
	const most = 512 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readDeflate(most, frame)
	runtime.ReadMemStats(&after)
	if ce, ok := errors.AsType[*wire.CloseError](err); !ok || ce.Code != 1009 {
		t.Fatal(err)
	}
	// The frame is copied twice here, and the decompressor has its window.
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 6*most {
		t.Errorf("%d KiB were allocated", spent>>10)
	}
}

func TestReadingWholeFramesAllocatesNothing(t *testing.T) {
	plain := clientFrame(true, wire.OpText, string(entry(300)))
	squeezed := compressed(clientFrame(true, wire.OpText, deflated(t, string(entry(300)))))
	buf := make([]byte, 0, 1<<10)
	var r wire.FrameReader
	got := 0
	for name, frame := range map[string][]byte{"plain": plain, "compressed": squeezed} {
		if name == "compressed" && raceEnabled {
			continue // then pools drop items at random
		}
		if n := testing.AllocsPerRun(1000, func() {
			buf = append(buf[:0], frame...)
			if err := r.Read(buf, wire.Rules{Most: 1 << 20, Deflate: true}, func(wire.Op, []byte) error { got++; return nil }); err != nil {
				t.Fatal(err)
			}
		}); n > 0.5 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	dst := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(1000, func() { dst = wire.AppendDeflated(dst[:0], buf[:300]) }); n > 0.5 && !raceEnabled {
		t.Errorf("compressing: %v allocations", n)
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte(deflated(f, "hello hello hello")), uint16(100))
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), uint16(5))
	f.Fuzz(func(t *testing.T, payload []byte, most uint16) {
		got, err := readDeflate(int(most), compressed(clientFrame(true, wire.OpBinary, string(payload))))
		if ce, ok := errors.AsType[*wire.CloseError](err); err != nil && (!ok || ce.Code != 1007 && ce.Code != 1009) {
			t.Fatal(err)
		}
		if err == nil && len(got[0])-2 > int(most) {
			t.Fatalf("%d bytes, the limit is %d", len(got[0])-2, most)
		}
	})
}

func FuzzDeflate(f *testing.F) {
	f.Add(entry(300), 3)
	f.Fuzz(func(t *testing.T, payload []byte, times int) {
		payload = bytes.Repeat(payload, min(max(times, 1), 50))
		frame := wire.AppendDeflated(nil, payload)
		masked := clientFrame(true, wire.OpBinary, string(frame[len(frame)-bodyLen(frame):]))
		masked[0] |= frame[0] & rsv1
		got, err := readDeflate(len(payload), masked)
		if err != nil || got[0] != "2:"+string(payload) {
			t.Fatalf("%.80q became %.80q, %v", payload, got, err)
		}
	})
}

// bodyLen returns the length of a frame's payload.
func bodyLen(frame []byte) int {
	switch frame[1] {
	case 126:
		return len(frame) - 4
	case 127:
		return len(frame) - 10
	}
	return len(frame) - 2
}
