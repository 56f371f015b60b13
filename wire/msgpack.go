package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/parley-server/parley"
)

// MessagePack carries the same objects as JSON. Internally, an object is always JSON; it is
// translated on input and output. JSON has no representation of raw bytes:
//
//	MessagePack   bin 01 02 03
//	in an object  "a": "AQID"     base64 (RFC 4648, section 4) after one space
//
// JSON from clients is compacted, so the space occurs nowhere else (Object). A JSON reader receives
// a string, a MessagePack reader the bytes.

// AppendMsgpack appends a compact JSON value as MessagePack: whole numbers as
// integers, others as float64, marked strings as bin.
func AppendMsgpack(dst, obj []byte) []byte {
	p := packer{dst: dst, src: obj}
	p.value()
	return p.dst
}

// packer translates JSON that is known to be valid; for invalid JSON it produces something, but never fails.
type packer struct {
	dst, src []byte
	header   [5]byte
}

func (p *packer) value() {
	if len(p.src) == 0 {
		return
	}
	switch p.src[0] {
	case '{':
		p.container('}', msgp.AppendMapHeader)
	case '[':
		p.container(']', msgp.AppendArrayHeader)
	case '"':
		p.text(p.quoted())
	case ' ':
		p.src = p.src[1:]
		p.bytes(p.quoted())
	case 't', 'f':
		p.dst = msgp.AppendBool(p.dst, p.word()[0] == 't')
	case 'n':
		p.word()
		p.dst = msgp.AppendNil(p.dst)
	default:
		p.number(p.word())
	}
}

// container appends a map or an array. Its header, whose length depends on the number of elements,
// is corrected at the end.
func (p *packer) container(end byte, header func([]byte, uint32) []byte) {
	start := len(p.dst)
	p.dst = append(p.dst, 0)
	p.src = p.src[1:]
	n := uint32(0)
	for ; len(p.src) > 0 && p.src[0] != end; n++ {
		if n > 0 {
			p.src = p.src[1:] // the comma
		}
		if end == '}' {
			p.text(p.quoted())
			p.src = p.src[min(1, len(p.src)):] // the colon
		}
		p.value()
	}
	p.src = p.src[min(1, len(p.src)):]
	p.dst = slices.Replace(p.dst, start, start+1, header(p.header[:0], n)...)
}

// quoted consumes a string with its quotes.
func (p *packer) quoted() []byte {
	i := 1
	if end := bytes.IndexByte(p.src[min(1, len(p.src)):], '"'); end >= 0 && bytes.IndexByte(p.src[1:1+end], '\\') < 0 {
		i += end // without escapes, the usual case
	}
	for ; i < len(p.src); i++ {
		switch p.src[i] {
		case '\\':
			i++
		case '"':
			s := p.src[:i+1]
			p.src = p.src[i+1:]
			return s
		}
	}
	p.src = nil
	return []byte(`""`)
}

// word consumes a number, true, false or null.
func (p *packer) word() []byte {
	n := 1
	for n < len(p.src) && p.src[n] != ',' && p.src[n] != ']' && p.src[n] != '}' {
		n++
	}
	w := p.src[:n]
	p.src = p.src[n:]
	return w
}

func (p *packer) text(quoted []byte) {
	raw := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(raw, '\\') >= 0 {
		var s string
		_ = json.Unmarshal(quoted, &s)
		p.dst = msgp.AppendString(p.dst, s)
		return
	}
	p.dst = msgp.AppendStringFromBytes(p.dst, raw)
}

func (p *packer) bytes(quoted []byte) {
	raw := quoted[1 : len(quoted)-1]
	b, err := base64.StdEncoding.AppendDecode(make([]byte, 0, len(raw)*3/4), raw)
	if err != nil {
		p.text(quoted)
		return
	}
	p.dst = msgp.AppendBytes(p.dst, b)
}

func (p *packer) number(word []byte) {
	s := string(word)
	if !strings.ContainsAny(s, ".eE") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n < 0 {
			p.dst = msgp.AppendInt64(p.dst, n)
			return
		}
		if n, err := strconv.ParseUint(strings.TrimPrefix(s, "-"), 10, 64); err == nil && (s[0] != '-' || n == 0) {
			p.dst = msgp.AppendUint64(p.dst, n)
			return
		}
	}
	f, _ := strconv.ParseFloat(s, 64) // out of range it becomes an infinity, as in a browser
	p.dst = msgp.AppendFloat64(p.dst, f)
}

// fromMsgpack translates one object from a client to compact JSON. Bytes may occur only within its
// field data. The error is CodeBadRequest.
func fromMsgpack(src []byte) ([]byte, error) {
	if msgp.NextType(src) != msgp.MapType {
		return nil, badMsgpack("the frame is not a map", "send one MessagePack map")
	}
	u := unpacker{dst: make([]byte, 0, len(src)+len(src)/2), src: src}
	if err := u.value(0); err != nil {
		return nil, err
	}
	if len(u.src) > 0 {
		return nil, badMsgpack("something follows the map", "send one MessagePack map in a frame")
	}
	return u.dst, nil
}

func badMsgpack(detail, hint string) error {
	return &parley.Error{Code: parley.CodeBadRequest, Detail: detail, Hint: hint}
}

// addressMsgpack reads the key and the channel of an invalid object, as far as it is MessagePack:
// the error is reported with them, as with JSON.
func addressMsgpack(src []byte, f *Frame) {
	fields, src, err := msgp.ReadMapHeaderBytes(src)
	for ; err == nil && fields > 0; fields-- {
		var name, value []byte
		if name, src, err = takeMsgpack(src); err != nil {
			return
		}
		if value, src, err = takeMsgpack(src); err != nil || msgp.NextType(value) != msgp.StrType {
			continue
		}
		text, _, _ := msgp.ReadStringZC(value)
		if !utf8.Valid(text) || msgp.NextType(name) != msgp.StrType {
			continue
		}
		switch name, _, _ := msgp.ReadStringZC(name); string(name) {
		case "key":
			f.Key = string(text)
		case "channel":
			f.Channel = string(text)
		}
	}
}

// takeMsgpack cuts off one value, without recursion: it may be nested to any depth.
func takeMsgpack(src []byte) (value, rest []byte, err error) {
	rest = src
	for left := int64(1); left > 0; left-- {
		var n uint32
		switch msgp.NextType(rest) {
		case msgp.MapType:
			n, rest, err = msgp.ReadMapHeaderBytes(rest)
			left += 2 * int64(n)
		case msgp.ArrayType:
			n, rest, err = msgp.ReadArrayHeaderBytes(rest)
			left += int64(n)
		default:
			rest, err = msgp.Skip(rest)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return src[:len(src)-len(rest)], rest, nil
}

// unpacker translates untrusted input. It allocates memory for what it has read, never for what a
// header announces.
type unpacker struct {
	dst, src []byte
	inData   bool
}

func (u *unpacker) value(depth int) (err error) {
	var n uint32
	kind := msgp.NextType(u.src)
	switch kind {
	case msgp.MapType:
		n, u.src, err = msgp.ReadMapHeaderBytes(u.src)
	case msgp.ArrayType:
		n, u.src, err = msgp.ReadArrayHeaderBytes(u.src)
	default:
		return u.scalar(kind)
	}
	if err != nil {
		return notMsgpack(err)
	}
	if depth++; depth > MaxDepth {
		return badMsgpack("the frame is nested deeper than 64 levels", "send flatter data")
	}
	open, end := byte('['), byte(']')
	if kind == msgp.MapType {
		open, end = '{', '}'
	}
	u.dst = append(u.dst, open)
	for i := range n {
		if i > 0 {
			u.dst = append(u.dst, ',')
		}
		if kind == msgp.MapType {
			if err := u.key(depth); err != nil {
				return err
			}
		}
		if err := u.value(depth); err != nil {
			return err
		}
	}
	u.dst = append(u.dst, end)
	return nil
}

func (u *unpacker) key(depth int) error {
	if kind := msgp.NextType(u.src); kind != msgp.StrType && kind != msgp.InvalidType {
		return badMsgpack("a key of a map is not a string", "use strings as keys")
	}
	before := len(u.dst)
	if err := u.text(); err != nil {
		return err
	}
	if depth == 1 {
		u.inData = string(u.dst[before:]) == `"data"`
	}
	u.dst = append(u.dst, ':')
	return nil
}

func (u *unpacker) text() error {
	s, rest, err := msgp.ReadStringZC(u.src)
	if err != nil {
		return notMsgpack(err)
	}
	if !utf8.Valid(s) {
		return badMsgpack("a string is not UTF-8", "send bytes as bin")
	}
	u.dst, u.src = AppendString(u.dst, string(s)), rest
	return nil
}

func (u *unpacker) scalar(kind msgp.Type) (err error) {
	switch kind {
	case msgp.StrType:
		return u.text()
	case msgp.BinType:
		var b []byte
		if b, u.src, err = msgp.ReadBytesZC(u.src); err == nil && !u.inData {
			return badMsgpack("bytes stand outside data", "send text as str")
		}
		u.dst = append(base64.StdEncoding.AppendEncode(append(u.dst, ' ', '"'), b), '"')
	case msgp.NilType:
		u.src, err = msgp.ReadNilBytes(u.src)
		u.dst = append(u.dst, "null"...)
	case msgp.BoolType:
		var v bool
		v, u.src, err = msgp.ReadBoolBytes(u.src)
		u.dst = strconv.AppendBool(u.dst, v)
	case msgp.IntType:
		var v int64
		v, u.src, err = msgp.ReadInt64Bytes(u.src)
		u.dst = strconv.AppendInt(u.dst, v, 10)
	case msgp.UintType:
		var v uint64
		v, u.src, err = msgp.ReadUint64Bytes(u.src)
		u.dst = strconv.AppendUint(u.dst, v, 10)
	case msgp.Float32Type, msgp.Float64Type:
		var v float64
		if v, u.src, err = msgp.ReadFloat64Bytes(u.src); err == nil {
			return u.float(v)
		}
	case msgp.InvalidType:
		err = msgp.ErrShortBytes
	default:
		return badMsgpack("the frame holds an extension type", "use the types that JSON has, and bin in data")
	}
	if err != nil {
		return notMsgpack(err)
	}
	return nil
}

// float writes a float so that it remains one when translated back.
func (u *unpacker) float(v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return badMsgpack("a number is not finite", "send nil instead")
	}
	before := len(u.dst)
	u.dst = strconv.AppendFloat(u.dst, v, 'g', -1, 64)
	if !bytes.ContainsAny(u.dst[before:], ".e") {
		u.dst = append(u.dst, ".0"...)
	}
	return nil
}

func notMsgpack(err error) error {
	detail := "the frame is not MessagePack"
	if errors.Is(err, msgp.ErrShortBytes) {
		detail = "the MessagePack ends too early"
	}
	return badMsgpack(detail, "send one MessagePack map")
}
