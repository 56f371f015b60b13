package wire_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

func TestMessageIsOneLineOfJSONWithTheDocumentedFields(t *testing.T) {
	m := parley.Message{ID: 42, Channel: "general", User: "alice", Name: "Alice", Text: "a\n\"\x00\u2028\u00e9", Time: 1774684800000042,
		Key: "k", Thread: 7, Data: json.RawMessage(`{"a":1}`)}
	got := string(wire.AppendMessage(nil, &m))
	want := `{"type":"message","id":42,"channel":"general","user":"alice","name":"Alice","text":"a\n\"\u0000\u2028é",` +
		`"timestamp":1774684800.000042,"key":"k","thread":7,"data":{"a":1}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var back map[string]any
	if err := json.Unmarshal([]byte(got), &back); err != nil || back["text"] != m.Text {
		t.Errorf("read back %q, %v", back["text"], err)
	}
}

func TestDataIsCompactedAndLoneSurrogatesReplaced(t *testing.T) {
	for in, want := range map[string]string{
		` { "a" : [ 1 , 2 ] } `:      "", // whitespace before the value is removed by the decoder
		"{\n\"a\":1}":                `{"a":1}`,
		`{"a":"\ud83d\ude00"}`:       `{"a":"\ud83d\ude00"}`,
		`{"a":"\ud83d"}`:             `{"a":"\ufffd"}`,
		`{"a":"\ude00\\ud83d"}`:      `{"a":"\ufffd\\ud83d"}`,
		`{"a":"\ud83d\ud83d\ude00"}`: `{"a":"\ufffd\ud83d\ude00"}`,
		`{}`:                         ``,
		`null`:                       ``,
	} {
		got, err := wire.Object(json.RawMessage(strings.TrimSpace(in)))
		if want == "" && in[0] == ' ' {
			want = `{"a":[1,2]}`
		}
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{`[1]`, `"a"`, `1`, `{"a"`} {
		if got, err := wire.Object(json.RawMessage(in)); err == nil {
			t.Errorf("%s: got %s without an error", in, got)
		}
	}
}

func TestInvalidJSONAndWrongTypesHaveDifferentCodes(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	for in, want := range map[string]parley.Code{
		`{`: parley.CodeBadJSON, ``: parley.CodeBadJSON, "{\"text\":\"\xff\"}": parley.CodeBadJSON, `{"data":` + deep + `}`: parley.CodeBadJSON,
		`{"text":1}`: parley.CodeBadRequest, `[]`: parley.CodeBadRequest,
	} {
		var f wire.Frame
		err := wire.Unmarshal([]byte(in), &f)
		if err == nil || parley.AsError(err).Code != want {
			t.Errorf("%.40q: %v, want %s", in, err, want)
		}
	}
	var f wire.Frame
	if err := wire.Unmarshal([]byte(`{"text":1,"key":"k"}`), &f); err == nil || f.Key != "k" {
		t.Errorf("a frame with a wrong field keeps its key for the answer: %q, %v", f.Key, err)
	}
}

func TestContentOfDraftsIsChecked(t *testing.T) {
	long := strings.Repeat("x", 16<<10)
	for name, c := range map[string]struct {
		post wire.Post
		code parley.Code
	}{
		"nothing":   {wire.Post{}, parley.CodeBadRequest},
		"no data":   {wire.Post{Data: json.RawMessage(`{}`)}, parley.CodeBadRequest},
		"long text": {wire.Post{Text: long + "x"}, parley.CodeTooLarge},
		"long key":  {wire.Post{Text: "a", Key: long[:129]}, parley.CodeTooLarge},
		"long data": {wire.Post{Data: json.RawMessage(`{"a":"` + strings.Repeat(long, 4) + `"}`)}, parley.CodeTooLarge},
		"just fits": {wire.Post{Text: long, Key: long[:128]}, ""},
		"body":      {wire.Post{Body: "b"}, ""},
	} {
		_, err := c.post.Draft()
		if c.code == "" && err != nil || c.code != "" && (err == nil || parley.AsError(err).Code != c.code) {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
}

func TestCursorsInAllCommonFormsAreParsed(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "42": 42, "-3": 0, "42.0": 42, "99999999999999999999": 1<<63 - 1, "1e3": 1000,
		"1e30": 1 << 62, "1e999": 1 << 62, "-1e30": 0} {
		if got, err := wire.ParseID("after", in); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"a", "1.5", "1,2", "0x10", "0x1p4", "1e-3", "NaN", " 1"} {
		if got, err := wire.ParseID("after", in); err == nil || parley.AsError(err).Code != parley.CodeBadCursor {
			t.Errorf("%s: %d, %v", in, got, err)
		}
	}
	ps, err := wire.ParseCursor("a:b:42,c:7")
	if err != nil || len(ps) != 2 || ps[0] != (wire.Position{Channel: "a:b", ID: 42}) || ps[1].ID != 7 {
		t.Errorf("%v, %v", ps, err)
	}
	for _, in := range []string{"", "42", "a:x", "a b:1", "a:1,"} {
		if ps, err := wire.ParseCursor(in); err == nil {
			t.Errorf("%q: %v", in, ps)
		}
	}
}

func TestAnEventsDataIsSentAsItIs(t *testing.T) {
	for in, want := range map[string]string{"": "", "null": "", "{}": "{}", "{ }": "{}", `{"a":{}}`: `{"a":{}}`} {
		if data, err := (&wire.Frame{Event: "score", Data: []byte(in)}).ParseEvent(); err != nil || string(data) != want {
			t.Errorf("%q: %s, %v", in, data, err)
		}
	}
}

// A token that becomes valid in a moment is worth another try, which any code may say.
func TestAnyErrorMaySayWhenToRetry(t *testing.T) {
	for code, want := range map[parley.Code]string{parley.CodeUnauthorized: "1", parley.CodeForbidden: ""} {
		h, e := http.Header{}, &parley.Error{Code: code}
		if want != "" {
			e.RetryAfter = time.Second
		}
		wire.Problem(h, wire.Status(e), e)
		if got := h.Get("Retry-After"); got != want {
			t.Errorf("%s: Retry-After %q, want %q", code, got, want)
		}
	}
}

func TestApplicationsCannotUseTheServersNames(t *testing.T) {
	for name, ok := range map[string]bool{"score": true, "a.b_c-9": true, "": false, "message": false, "typing": false, "Score": false,
		"a\nb": false, "a b": false, strings.Repeat("a", 65): false} {
		if _, err := (&wire.Frame{Event: name}).ParseEvent(); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
