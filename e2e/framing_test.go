package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-server/parley/testenv"
)

const hello = `{"text":"hello"}`

// RFC 6455, section 5: a violation of the framing rules ends the connection with the
// matching close code.
func TestBrokenFramesCloseTheConnectionWithTheRightCode(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	first, rest := frame{more: true, op: opText, payload: `{"text":`}, frame{op: opCont, payload: `"hello"}`}
	big := strings.Repeat(" ", 128<<10)
	for name, c := range map[string]struct {
		frames []frame
		codes  []int
	}{
		"not masked":                    {[]frame{{op: opText, payload: hello, bare: true}}, []int{1002}},
		"RSV1":                          {[]frame{{op: opText, payload: hello, rsv: 0x40}}, []int{1002}},
		"RSV2":                          {[]frame{{op: opText, payload: hello, rsv: 0x20}}, []int{1002}},
		"RSV3":                          {[]frame{{op: opText, payload: hello, rsv: 0x10}}, []int{1002}},
		"RSV1 on a ping":                {[]frame{{op: opPing, rsv: 0x40}}, []int{1002}},
		"a reserved data opcode 3":      {[]frame{{op: 0x3, payload: hello}}, []int{1002}},
		"a reserved data opcode 7":      {[]frame{{op: 0x7}}, []int{1002}},
		"a reserved control opcode B":   {[]frame{{op: 0xB}}, []int{1002}},
		"a reserved control opcode F":   {[]frame{{op: 0xF}}, []int{1002}},
		"a ping in fragments":           {[]frame{{op: opPing, more: true}}, []int{1002}},
		"a close in fragments":          {[]frame{{op: opClose, more: true}}, []int{1002}},
		"a ping of 126 bytes":           {[]frame{ping(strings.Repeat("x", 126))}, []int{1002}},
		"a close of 126 bytes":          {[]frame{closing(1000, strings.Repeat("x", 124))}, []int{1002}},
		"a continuation of nothing":     {[]frame{rest}, []int{1002}},
		"a continuation after the last": {[]frame{first, rest, rest}, []int{1002}},
		"a text inside a message":       {[]frame{first, text(hello)}, []int{1002}},
		"a binary inside a message":     {[]frame{first, {op: opBin}}, []int{1002}},
		"a length of 5 in 16 bits":      {[]frame{{op: opText, payload: "12345", length: []byte{126, 0, 5}}}, []int{1002}},
		"a length of 125 in 16 bits":    {[]frame{{op: opText, length: []byte{126, 0, 125}, cut: true}}, []int{1002}},
		"a length of 200 in 64 bits":    {[]frame{{op: opText, length: []byte{127, 0, 0, 0, 0, 0, 0, 0, 200}, cut: true}}, []int{1002}},
		"a length of 65535 in 64 bits":  {[]frame{{op: opText, length: []byte{127, 0, 0, 0, 0, 0, 0, 255, 255}, cut: true}}, []int{1002}},
		"a length with its top bit set": {[]frame{{op: opText, length: []byte{127, 128, 0, 0, 0, 0, 0, 0, 1}, cut: true}}, []int{1002,
			1009}},
		"bytes that are not UTF-8": {[]frame{text("{\"text\":\"\xff\"}")}, []int{1007}},
		"an overlong form":         {[]frame{text("\xc0\xaf")}, []int{1007}},
		"half a surrogate pair":    {[]frame{text("\xed\xa0\x80")}, []int{1007}},
		"beyond U+10FFFF":          {[]frame{text("\xf4\x90\x80\x80")}, []int{1007}},
		"a character cut short":    {[]frame{text("{}\xe2\x82")}, []int{1007}},
		"a character wrong in its second": {[]frame{{more: true, op: opText, payload: "{\"text\":\"\xe2"}, {op: opCont,
			payload: "\x28\xa1\"}"}}, []int{1007}},
		"a character cut short over two":      {[]frame{{more: true, op: opText, payload: "{}\xe2"}, {op: opCont, payload: "\x82"}}, []int{1007}},
		"binary":                              {[]frame{{op: opBin, payload: hello}}, []int{1003}},
		"a frame announced larger than a MiB": {[]frame{{op: opText, length: []byte{127, 0, 0, 0, 0, 0, 16, 0, 0}, cut: true}}, []int{1009}},
		"a frame of 128 KiB and a byte":       {[]frame{text(hello + big[len(hello)-1:])}, []int{1009}},
		"fragments of more than 128 KiB":      {[]frame{{more: true, op: opText, payload: big}, {op: opCont, payload: hello}}, []int{1009}},
		"a close of one byte":                 {[]frame{{op: opClose, payload: "\x03"}}, []int{1002}},
		"a close reason that is not UTF-8":    {[]frame{closing(1000, "\xff")}, []int{1002, 1007}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, server)
			s.send(c.frames...)
			if code := s.closed(); !slices.Contains(c.codes, code) {
				t.Errorf("closed with %d, not with %v", code, c.codes)
			}
		})
	}
}

func TestCloseCodesAreCheckedAndEchoed(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	want := map[uint16]int{}
	for _, valid := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		want[valid] = int(valid)
	}
	for _, invalid := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		want[invalid] = 1002
	}
	for code, echo := range want {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := open(t, server)
			s.send(closing(code, "bye"))
			if got := s.closed(); got != echo {
				t.Errorf("answered with %d, not %d", got, echo)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		s := open(t, server)
		s.send(frame{op: opClose})
		if got := s.closed(); got != 0 && got != 1000 {
			t.Errorf("answered with %d", got)
		}
	})
}

func TestNothingIsReadAfterAClose(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	s := open(t, server)
	s.send(text(`{"text":"before"}`), closing(1000, ""), text(`{"text":"after"}`))
	s.closed()
	if m := post(t, server.URL, "general", "the next"); m.ID != 2 {
		t.Errorf("the next message has the id %d, not 2", m.ID)
	}
}

func TestPingsAreAnsweredAndPongsAreNot(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	s := open(t, server)
	for _, payload := range []string{"", "one", "\x00\xff\xfe", strings.Repeat("x", 125)} {
		s.send(ping(payload))
		if got := s.until(opPong); got != payload {
			t.Errorf("the ping %q is answered with %q", payload, got)
		}
	}
	s.send(frame{op: opPong, payload: "nobody asked"}, frame{op: opPong}, ping("still there"))
	if got := s.until(opPong); got != "still there" {
		t.Errorf("the pong is %q", got)
	}
}

// RFC 6455, section 5.5.3: of several pings only the latest must be answered.
func TestLatestOfManyPingsIsAnswered(t *testing.T) {
	t.Parallel()
	s := open(t, testenv.Server(t))
	var pings []frame
	for n := range 200 {
		pings = append(pings, ping(fmt.Sprintf("%03d", n)))
	}
	s.send(pings...)
	for last := ""; last != "199"; {
		next := s.until(opPong)
		if next <= last {
			t.Fatalf("the pong %q came after %q", next, last)
		}
		last = next
	}
}

func TestMessagesMayComeInPieces(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	const words = `{"text":"a € b"}` // its third character has three bytes
	euro := strings.Index(words, "€")
	part := func(op byte, more bool, payload string) frame { return frame{op: op, more: more, payload: payload} }
	for name, frames := range map[string][]frame{
		"whole":              {text(words)},
		"in three fragments": {part(opText, true, words[:4]), part(opCont, true, words[4:9]), part(opCont, false, words[9:])},
		"cut inside a character": {part(opText, true, words[:euro+1]), part(opCont, true, words[euro+1:euro+2]), part(opCont, false,
			words[euro+2:])},
		"with empty fragments":      {part(opText, true, ""), part(opCont, true, words), part(opCont, true, ""), part(opCont, false, "")},
		"with a ping between":       {part(opText, true, words[:4]), ping("between"), part(opCont, false, words[4:])},
		"with pongs between":        {part(opText, true, words[:4]), {op: opPong}, {op: opPong, payload: "x"}, part(opCont, false, words[4:])},
		"padded to exactly 128 KiB": {text(words + strings.Repeat(" ", 128<<10-len(words)))},
		"128 KiB in fragments of 1 K": slices.Concat([]frame{part(opText, true, words)}, slices.Repeat([]frame{part(opCont, true,
			strings.Repeat(" ", 1024))}, 127), []frame{part(opCont, false, " ")}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			channel := strings.ReplaceAll(name, " ", "-")
			for _, piecemeal := range []bool{false, true} {
				s := dial(t, server, strings.Replace(upgrade, "general", channel, 1))
				s.accepted()
				if !piecemeal {
					s.send(frames...)
				} else {
					for _, f := range frames {
						b := f.bytes()
						for len(b) > 0 { // byte by byte where that makes a difference
							n := 1
							if len(b) > 4096 {
								n = 4096
							}
							s.write(b[:n])
							b = b[n:]
						}
					}
				}
				if slices.ContainsFunc(frames, func(f frame) bool { return f.op == opPing }) {
					if got := s.until(opPong); got != "between" {
						t.Errorf("the pong is %q", got)
					}
				}
				if got := s.untilMessage(); got != "a € b" {
					t.Errorf("the message is %q", got)
				}
			}
		})
	}
}

func TestAPingInsideAMessageIsAnsweredBeforeTheMessageEnds(t *testing.T) {
	t.Parallel()
	s := open(t, testenv.Server(t))
	s.send(frame{op: opText, more: true, payload: hello[:5]}, ping("inside"))
	if got := s.until(opPong); got != "inside" {
		t.Errorf("the pong is %q", got)
	}
	s.send(frame{op: opCont, payload: hello[5:]})
	if got := s.untilMessage(); got != "hello" {
		t.Errorf("the message is %q", got)
	}
}
