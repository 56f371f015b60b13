package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

func unpacked(t testing.TB, b []byte) any {
	t.Helper()
	v, rest, err := msgp.ReadIntfBytes(b)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%x: %v, %d bytes follow", b, err, len(rest))
	}
	return v
}

func pack(t testing.TB, v any) []byte {
	t.Helper()
	b, err := msgp.AppendIntf(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inData returns a client's frame whose data contains MessagePack under "v".
func inData(value []byte) []byte {
	b := msgp.AppendString(msgp.AppendMapHeader(nil, 1), "data")
	return append(msgp.AppendString(msgp.AppendMapHeader(b, 1), "v"), value...)
}

func frameOf(b []byte) (*wire.Frame, error) {
	f := new(wire.Frame)
	return f, wire.FormMsgpack.UnmarshalFrame(b, f)
}

func dataOf(b []byte) (json.RawMessage, error) {
	f, err := frameOf(b)
	if err != nil {
		return nil, err
	}
	d, err := f.Draft()
	return d.Data, err
}

func TestMessageIsTheSameObjectInMsgpack(t *testing.T) {
	m := parley.Message{ID: 1 << 40, Channel: "general", User: "alice", Text: "a\n\"é\u2028", Time: 1774684800000042, Thread: 7,
		Data: json.RawMessage(
			`{"b": "AQID","s":"AQID","e": "","n":-5,"big":18446744073709551615,"f":1.5,"w":2.0,"x":1e300,"huge":123456789012345678901,"t":true,` +
				`"o":false,"z":null,"l":[[],{}, "/w=="]}`,
		)}
	frame := wire.FormMsgpack.AppendEntry([]byte("before"), m.ID, "message", wire.AppendMessage(nil, &m))[len("before"):]
	if frame[0] != 0x82 || frame[1] != 126 || len(frame)-4 != int(frame[2])<<8+int(frame[3]) {
		t.Fatalf("the frame begins with %x", frame[:4])
	}
	want := map[string]any{"type": "message", "id": uint64(1 << 40), "channel": "general", "user": "alice", "text": m.Text,
		"timestamp": 1774684800.000042, "thread": uint64(7),
		"data": map[string]any{"b": []byte{1, 2, 3}, "s": "AQID", "e": []byte(nil), "n": int64(-5), "big": uint64(math.MaxUint64), "f": 1.5,
			"w": 2.0, "x": 1e300,
			"huge": 123456789012345678901.0, "t": true, "o": false, "z": nil, "l": []any{[]any{}, map[string]any{}, []byte{255}}}}
	if got := unpacked(t, frame[4:]); !same(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

// same compares decoded values; a small integer may be signed or not.
func same(a, b any) bool { return fmt.Sprintf("%#v", plain(a)) == fmt.Sprintf("%#v", plain(b)) }

func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case int64:
		if v >= 0 {
			return uint64(v)
		}
	}
	return v
}

func TestContainersOfAnySize(t *testing.T) {
	for _, n := range []int{0, 15, 16, 1 << 16} {
		list := bytes.Repeat([]byte("7,"), n)
		got := unpacked(t, wire.AppendMsgpack(nil, []byte(`{"l":[`+strings.TrimSuffix(string(list), ",")+`],"after":1}`)))
		m, ok := got.(map[string]any)
		if l, _ := m["l"].([]any); !ok || len(l) != n || m["after"] == nil {
			t.Errorf("%d elements became %d, and %v after them", n, len(l), m["after"])
		}
	}
}

func TestMsgpackFramesAreReadLikeJSON(t *testing.T) {
	f, err := frameOf(pack(t, map[string]any{"type": "history", "channel": "c", "key": "k", "before": 42, "limit": 7.0, "text": "é\x00",
		"after": nil}))
	before, _ := f.Before.Get()
	limit, _ := f.Limit.Get()
	if err != nil || f.Type != "history" || f.Channel != "c" || f.Key != "k" || f.Text != "é\x00" || *before != 42 || *limit != 7 {
		t.Errorf("%+v, %v", f, err)
	}
	for want, value := range map[string][]byte{
		`{"v": "AQID"}`:               msgp.AppendBytes(nil, []byte{1, 2, 3}),
		`{"v": ""}`:                   msgp.AppendBytes(nil, nil),
		`{"v":1.5}`:                   msgp.AppendFloat32(nil, 1.5),
		`{"v":3.0}`:                   msgp.AppendFloat64(nil, 3),
		`{"v":1e+300}`:                msgp.AppendFloat64(nil, 1e300),
		`{"v":-9223372036854775808}`:  msgp.AppendInt64(nil, math.MinInt64),
		`{"v":18446744073709551615}`:  msgp.AppendUint64(nil, math.MaxUint64),
		`{"v":[null,true,false,"a"]}`: pack(t, []any{nil, true, false, "a"}),
	} {
		if got, err := dataOf(inData(value)); err != nil || string(got) != want {
			t.Errorf("%x: got %s, %v; want %s", value, got, err, want)
		}
	}
	if data, err := (&wire.Frame{Data: json.RawMessage("{\"a\": \"AQID\", \"b\" : [ \"c\" ]}")}).Draft(); err != nil ||
		string(data.Data) != `{"a":"AQID","b":["c"]}` {
		t.Errorf("JSON with spaces became %s, %v", data.Data, err)
	}
}

func TestWrongMsgpackIsRefused(t *testing.T) {
	nested := func(n int) []byte { return append(bytes.Repeat([]byte{0x91}, n), 0xC0) }
	for name, b := range map[string][]byte{
		"nothing":                nil,
		"a number":               {7},
		"an array":               {0x90},
		"cut":                    inData([]byte{0xC4, 5, 1}),
		"two maps":               {0x80, 0x80},
		"a key that is a number": {0x81, 7, 7},
		"a key that is bytes":    {0x81, 0xC4, 1, 'a', 7},
		"the reserved byte":      inData([]byte{0xC1}),
		"an extension":           inData([]byte{0xD4, 5, 0}),
		"a timestamp":            inData([]byte{0xD6, 0xFF, 0, 0, 0, 0}),
		"bytes as text":          {0x81, 0xA4, 't', 'e', 'x', 't', 0xC4, 1, 'a'},
		"bytes as data":          {0x81, 0xA4, 'd', 'a', 't', 'a', 0xC4, 1, 'a'},
		"not UTF-8":              inData([]byte{0xA1, 0xFF}),
		"NaN":                    inData(msgp.AppendFloat64(nil, math.NaN())),
		"infinite":               inData(msgp.AppendFloat32(nil, float32(math.Inf(1)))),
		"too deep":               inData(nested(63)),
		"text that is a number":  pack(t, map[string]any{"text": 1}),
	} {
		if got, err := dataOf(b); err == nil || parley.AsError(err).Code != parley.CodeBadRequest {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	if _, err := dataOf(inData(nested(62))); err != nil {
		t.Errorf("64 levels: %v", err)
	}
	if _, err := dataOf(append([]byte{0x82}, append(inData(msgp.AppendBytes(nil, []byte{1}))[1:], 0xA1, 'x', 0xC4, 1, 'a')...)); err == nil {
		t.Error("bytes in a field after data were taken")
	}
}

func TestWhatAHeaderAnnouncesIsNotAllocated(t *testing.T) {
	for name, head := range map[string][]byte{"array": {0xDD, 255, 255, 255, 255}, "map": {0xDF, 255, 255, 255, 255},
		"bytes": {0xC6, 255, 255, 255, 255}, "string": {0xDB, 255, 255, 255, 255}} {
		frame := inData(append(head, bytes.Repeat([]byte{0xC0}, 100)...))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := frameOf(frame)
		runtime.ReadMemStats(&after)
		if e, ok := errors.AsType[*parley.Error](err); !ok || e.Code != parley.CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 64<<10 {
			t.Errorf("%s: %d bytes were allocated", name, spent)
		}
	}
}

// What a client sends in MessagePack is stored as JSON and delivered unchanged.
func FuzzMsgpack(f *testing.F) {
	f.Add(inData([]byte{0xC4, 1, 0xFF}))
	f.Add(inData(msgp.AppendFloat64(nil, 2)))
	f.Add(inData([]byte{0xDD, 255, 255, 255, 255}))
	f.Fuzz(func(t *testing.T, b []byte) {
		data, err := dataOf(b)
		if err != nil || data == nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%x became %s", b, data)
		}
		again, err := dataOf(append(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "data"), wire.AppendMsgpack(nil, data)...))
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%s became %s, %v", data, again, err)
		}
	})
}

// JSON from one client remains the same JSON after a translation to MessagePack and back.
func FuzzJSONThroughMsgpack(f *testing.F) {
	f.Add([]byte(`{"a":[1,-2,3.5,1e9,"x\ud83d\ude00\n",null,true],"a":{"":" AQID"}, "b" : " " }`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var frame wire.Frame
		if wire.Unmarshal(append(append([]byte(`{"data":`), in...), '}'), &frame) != nil {
			return
		}
		d, err := frame.Draft()
		var want, got any
		if err != nil || json.Unmarshal(d.Data, &want) != nil {
			return
		}
		packed := wire.AppendMsgpack(nil, d.Data)
		unpacked(t, packed)
		again, err := dataOf(append(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "data"), packed...))
		if err != nil || json.Unmarshal(again, &got) != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s became %s, %v", d.Data, again, err)
		}
		if bytes.Contains(again, []byte(`: "`)) && !bytes.Contains(d.Data, []byte(`: "`)) {
			t.Fatalf("%s became bytes: %s", d.Data, again)
		}
	})
}

// A client that sent a key receives it in the error, whatever else is wrong.
func TestRefusedMsgpackKeepsItsKey(t *testing.T) {
	str := msgp.AppendString
	addressed := func(name, value []byte, after ...byte) []byte { // a map of name, channel and key
		b := append(append(msgp.AppendMapHeader(nil, 3), name...), value...)
		return append(str(str(str(str(b, "channel"), "general"), "key"), "k"), after...)
	}
	deep := []byte{0xc0}
	for range 100_000 {
		deep = append([]byte{0x91}, deep...)
	}
	for what, b := range map[string][]byte{
		"not finite":        addressed(str(nil, "data"), pack(t, map[string]any{"x": math.NaN()})),
		"an extension":      addressed(str(nil, "data"), []byte{0xd4, 5, 0}),
		"bytes as text":     addressed(str(nil, "text"), msgp.AppendBytes(nil, []byte("x"))),
		"a number as a key": addressed(msgp.AppendInt(nil, 5), str(nil, "x")),
		"no UTF-8":          addressed(str(nil, "text"), str(nil, "\xff")),
		"too deep":          addressed(str(nil, "data"), deep),
		"something follows": addressed(str(nil, "text"), str(nil, "x"), 0xc0),
	} {
		f, err := frameOf(b)
		if err == nil || f.Key != "k" || f.Channel != "general" {
			t.Errorf("%s: the key is %q, the channel %q, the error %v", what, f.Key, f.Channel, err)
		}
	}
	for what, b := range map[string][]byte{"nothing": nil, "half a header": {0xdf, 0xff},
		"more announced than there is": append(str(str([]byte{0xdf, 0xff, 0xff, 0xff, 0xff}, "user"), "u"), 0xdd, 0xff, 0xff, 0xff, 0xff)} {
		if f, err := frameOf(b); err == nil || f.Key != "" {
			t.Errorf("%s: %+v %v", what, f, err)
		}
	}
}
