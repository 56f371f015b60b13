package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/exactjson"
)

// MaxDepth is how deeply objects and arrays of a request may be nested.
const MaxDepth = 64

// AppendMessage appends an entry as a JSON object on one line: a message in its current state,
// or a change (api.md, "Changes").
func AppendMessage(dst []byte, m *parley.Message) []byte {
	if m.Change != "" {
		return appendChange(dst, m)
	}
	dst = append(dst, `{"type":"message"`...)
	dst = appendHead(dst, m)
	if m.Text != "" {
		dst = appendText(dst, "text", m.Text)
	}
	dst = m.Time.AppendText(append(dst, `,"timestamp":`...))
	if m.Key != "" {
		dst = appendText(dst, "key", m.Key)
	}
	if m.Thread != 0 {
		dst = appendInt(dst, "thread", m.Thread)
	}
	if len(m.Data) > 0 {
		dst = append(append(dst, `,"data":`...), m.Data...)
	}
	if m.Edited {
		dst = append(dst, `,"edited":true`...)
	}
	if m.Deleted {
		dst = append(dst, `,"deleted":true`...)
	}
	if len(m.Reactions) > 0 {
		dst = appendReactions(dst, m.Reactions)
	}
	return append(dst, '}')
}

// appendHead appends the common beginning of messages and changes.
func appendHead(dst []byte, m *parley.Message) []byte {
	dst = appendInt(dst, "id", m.ID)
	dst = appendText(dst, "channel", string(m.Channel))
	return appendDisplay(appendText(dst, "user", string(m.User)), m.User, m.Name)
}

// appendDisplay appends a user's display name, if it differs.
func appendDisplay(dst []byte, user parley.UserID, display string) []byte {
	if display == "" || display == string(user) {
		return dst
	}
	return appendText(dst, "name", display)
}

const changed = `{"type":"message-changed"`

func appendChange(dst []byte, m *parley.Message) []byte {
	dst = appendHead(append(dst, changed...), m)
	dst = m.Time.AppendText(append(dst, `,"timestamp":`...))
	dst = appendInt(dst, "of", m.Of)
	dst = appendText(dst, "change", string(m.Change))
	dst = AppendMessage(append(dst, `,"message":`...), m.Target)
	return append(dst, '}')
}

// EntryName returns the name that an entry encoded by AppendMessage has among server-sent events.
func EntryName(obj []byte) string {
	if bytes.HasPrefix(obj, []byte(changed)) {
		return "message-changed"
	}
	return "message"
}

func appendReactions(dst []byte, rs []parley.Reaction) []byte {
	dst = append(dst, `,"reactions":{`...)
	for i, r := range rs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, r.Emoji), `:{"count":`...)
		dst = append(strconv.AppendInt(dst, r.Count, 10), `,"users":[`...)
		for k, user := range r.Users {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, string(user))
		}
		dst = append(dst, ']', '}')
	}
	return append(dst, '}')
}

// AppendThread appends a JSON array of a message and its replies. The first has the number of
// replies, if there are any. Other arrays omit that number, which would differ from reader to reader.
func AppendThread(dst []byte, ms []parley.Message, replies int64) []byte {
	dst = AppendMessages(dst, ms)
	if len(ms) == 0 || replies == 0 {
		return dst
	}
	first := len(AppendMessage(nil, &ms[0]))
	counted := strconv.AppendInt([]byte(`,"replies":`), replies, 10)
	return slices.Insert(dst, len(dst)-len(AppendMessages(nil, ms))+first, counted...)
}

// AppendMessages appends a JSON array of messages.
func AppendMessages(dst []byte, ms []parley.Message) []byte {
	const others = 160 // approximate bytes per message besides these fields
	size := 0
	for i := range ms {
		m := &ms[i]
		size += others + len(m.Channel) + len(m.User) + len(m.Text) + len(m.Data)
	}
	dst = append(slices.Grow(dst, size), '[')
	for i := range ms {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendMessage(dst, &ms[i])
	}
	return append(dst, ']')
}

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string (RFC 8259, section 7). Bytes that are
// not UTF-8 become U+FFFD; U+2028 and U+2029 are escaped, so that the result is
// also a JavaScript string.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if (r == utf8.RuneError && n == 1) || r == '\u2028' || r == '\u2029' {
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
			start = i + n
		}
		i += n
	}
	return append(append(dst, s[start:]...), '"')
}

// Unmarshal decodes one JSON value of a request into v: valid UTF-8, nested no deeper than MaxDepth, fields by their exact
// names (exactjson). The error is a *parley.Error: CodeBadJSON for invalid JSON, CodeBadRequest for a field of the wrong type.
func Unmarshal(b []byte, v any) error {
	if depth(b) > MaxDepth {
		return &parley.Error{Code: parley.CodeBadJSON, Detail: "the JSON is nested deeper than 64 levels", Hint: "send flatter data"}
	}
	return unmarshal(b, v)
}

// UnmarshalList splits a list whose items must then be decoded with Unmarshal: an item that is
// nested too deeply does not affect the others. null is not a list: it yields nil.
func UnmarshalList(b []byte) (items []json.RawMessage, err error) {
	err = unmarshal(b, &items)
	return items, err
}

func unmarshal(b []byte, v any) error {
	if !utf8.Valid(b) {
		return &parley.Error{Code: parley.CodeBadJSON, Detail: "the body is not valid UTF-8", Hint: "send JSON in UTF-8"}
	}
	return asError(exactjson.Unmarshal(b, v))
}

// asError returns what is wrong with a client's JSON.
func asError(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *exactjson.ErrDuplicate:
		return &parley.Error{Code: parley.CodeBadRequest, Detail: e.Error(), Hint: "send each field once"}
	case *json.UnmarshalTypeError:
		what := "the value"
		if e.Field != "" {
			what = strings.ToLower(e.Field[:1]) + e.Field[1:] // as on the wire, also of a field without a tag
		}
		return &parley.Error{Code: parley.CodeBadRequest, Detail: what + " can't be a JSON " + e.Value, Hint: "see the shapes in docs/api.md",
			Err: err}
	case *parley.Error:
		return e
	default:
		return &parley.Error{Code: parley.CodeBadJSON, Detail: "the body is not JSON: " + err.Error(), Hint: "send one JSON value"}
	}
}

// depth returns the deepest nesting of objects and arrays in b.
func depth(b []byte) (deepest int) {
	level, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// Object checks that raw is a JSON object and returns it compact, on one line and
// with lone surrogates replaced by U+FFFD; nil if it is absent, null or empty.
func Object(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '{' {
		return nil, &parley.Error{Code: parley.CodeBadRequest, Detail: "data is not a JSON object", Hint: `send "data":{…}`}
	}
	var out bytes.Buffer
	out.Grow(len(raw))
	if err := json.Compact(&out, raw); err != nil {
		return nil, &parley.Error{Code: parley.CodeBadJSON, Detail: "data is not JSON: " + err.Error(), Hint: "send one JSON object"}
	}
	if out.Len() == 2 {
		return nil, nil
	}
	return mendSurrogates(out.Bytes()), nil
}

// mendSurrogates replaces each escaped surrogate without a partner by \ufffd, in place. b is valid JSON.
func mendSurrogates(b []byte) []byte {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if b[i+1] != 'u' {
			i++ // whatever the escape is, its second byte starts no other
			continue
		}
		switch r := escaped(b[i:]); {
		case r >= 0xD800 && r < 0xDC00:
			if low := escaped(b[i+6:]); low >= 0xDC00 && low < 0xE000 {
				i += 11
				continue
			}
			copy(b[i+2:], "fffd")
		case r >= 0xDC00 && r < 0xE000:
			copy(b[i+2:], "fffd")
		}
		i += 5
	}
	return b
}

// escaped reads \uXXXX at the start of b, or returns 0.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	if err != nil {
		return 0
	}
	return rune(n)
}
