package bench

import (
	"bytes"
	"strconv"
)

// A message of this package has the text "T P-N xxx…": T is the intended sending time, in
// nanoseconds since 1970 in base 36, P its publisher and N its number there. The x's fill it up to
// the requested size.

// envelope is the size in bytes of what a server's JSON contains besides the text.
const envelope = len(`{"type":"message","id":1000,"channel":"","user":"guest","text":"","timestamp":1774684800.123456,"key":""}`)

// appendKey appends the idempotency key, which also identifies the sender of an acknowledged message.
func appendKey(b []byte, publisher, n int) []byte {
	b = strconv.AppendInt(b, int64(publisher), 36)
	return strconv.AppendInt(append(b, '-'), int64(n), 36)
}

// appendText appends the text of a message whose JSON will have size bytes.
func appendText(b []byte, intended int64, key, channel string, size int) []byte {
	before := len(b)
	b = strconv.AppendInt(b, intended, 36)
	b = append(append(append(b, ' '), key...), ' ')
	for n := size - envelope - len(channel) - len(key) - (len(b) - before); n > 0; n-- {
		b = append(b, 'x')
	}
	return b
}

// appendDraft appends the JSON of the frame that publishes a message.
func appendDraft(b []byte, intended int64, publisher, n int, channel string, size int) []byte {
	var room [24]byte
	key := string(appendKey(room[:0], publisher, n))
	b = append(append(b, `{"type":"message","channel":"`...), channel...)
	b = append(append(b, `","key":"`...), key...)
	b = appendText(append(b, `","text":"`...), intended, key, channel, size)
	return append(b, `"}`...)
}

// appendMessage appends the message that a server would deliver, for servers that store nothing.
func appendMessage(b []byte, id, intended int64, publisher, n int, channel string, size int) []byte {
	var room [24]byte
	key := string(appendKey(room[:0], publisher, n))
	b = strconv.AppendInt(append(b, `{"type":"message","id":`...), id, 10)
	b = append(append(b, `,"channel":"`...), channel...)
	b = appendText(append(b, `","user":"guest","text":"`...), intended, key, channel, size)
	b = append(b, `","timestamp":1774684800.123456,"key":"`...)
	return append(append(b, key...), `"}`...)
}

var (
	messagePrefix = []byte(`{"type":"message","id":`)
	welcomePrefix = []byte(`{"type":"welcome"`)
	resetPrefix   = []byte(`{"type":"reset"`)
	pingPrefix    = []byte(`{"type":"ping"`)
	ackPrefix     = []byte(`{"type":"ack"`)
	errorPrefix   = []byte(`{"type":"error"`)
	textField     = []byte(`"text":"`)
)

// parseMessage reads the id and the intended time (0 if there is none) of a message.
func parseMessage(p []byte) (id, intended int64) {
	id, p = leadingInt(p[len(messagePrefix):], 10)
	if i := bytes.Index(p, textField); i >= 0 {
		intended, _ = leadingInt(p[i+len(textField):], 36)
	}
	return id, intended
}

// intField reads a number from an object of the server, after a field such as `"id":`.
func intField(p []byte, field string) (int64, bool) {
	i := bytes.Index(p, []byte(field))
	if i < 0 {
		return 0, false
	}
	n, _ := leadingInt(p[i+len(field):], 10)
	return n, true
}

// textOf reads a string without escapes.
func textOf(p []byte, field string) []byte {
	i := bytes.Index(p, []byte(field))
	if i < 0 {
		return nil
	}
	p = p[i+len(field):]
	if i = bytes.IndexByte(p, '"'); i < 0 {
		return nil
	}
	return p[:i]
}

func leadingInt(p []byte, base int64) (n int64, rest []byte) {
	for i, c := range p {
		d := int64(99)
		switch {
		case c >= '0' && c <= '9':
			d = int64(c - '0')
		case c >= 'a' && c <= 'z':
			d = int64(c-'a') + 10
		}
		if d >= base {
			return n, p[i:]
		}
		n = n*base + d
	}
	return n, nil
}
