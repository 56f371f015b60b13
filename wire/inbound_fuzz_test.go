package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// FuzzFrameJSON checks that whatever a client sends as JSON is either refused with a code, or
// becomes a message that is one line of valid JSON within its limits.
func FuzzFrameJSON(f *testing.F) {
	for _, s := range []string{
		`{"user":"alice","text":"hello"}`, `{"type":"message","channel":"room:a","text":"h\u0000\ud800","data":{"a":[1,` +
			`{"b":"\udc00\ud83d\ude00"}]},"thread":7,"key":"k"}`,
		`{"type":"event","event":"score","data":{"n":1e400}}`, `{"type":"history","before":"42","after":null,"limit":1e3}`,
		`{"text":"a\nb\r\u2028"}`,
		`{"type":"watch","users":["bob",null]}`, `[[[[`, `{"data":{"data":{"data":{}}}}`, "\ufeff{}", `{"text":1}`, `{"thread":-1,"text":"x"}`,
		`null`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		refused := func(err error) bool {
			if err != nil && (parley.AsError(err).Code == parley.CodeUnavailable || parley.AsError(err).Hint == "") {
				t.Fatalf("%q: %v is no answer to a client", b, err)
			}
			return err != nil
		}
		var frame wire.Frame
		if refused(wire.FormWS.UnmarshalFrame(b, &frame)) {
			return
		}
		for _, n := range []wire.Number{frame.Thread, frame.ID, frame.After, frame.Before, frame.Limit} {
			_, err := n.Get()
			refused(err)
		}
		if data, err := frame.ParseEvent(); !refused(err) && data != nil && !json.Valid(data) {
			t.Fatalf("%q: the event's data is %q", b, data)
		}
		d, err := frame.Draft()
		if refused(err) {
			return
		}
		if d.Text == "" && d.Data == nil || len(d.Text) > parley.MaxText || len(d.Data) > parley.MaxData || len(d.Key) > parley.MaxKey {
			t.Fatalf("%q became %+v", b, d)
		}
		m := parley.Message{ID: 1, Channel: "room:a", User: "alice", Text: d.Text, Data: d.Data, Key: d.Key}
		line := wire.AppendMessage(nil, &m)
		if !json.Valid(line) || !utf8.Valid(line) || bytes.ContainsAny(line, "\n\r\x00") {
			t.Fatalf("%q became %q", b, line)
		}
	})
}
