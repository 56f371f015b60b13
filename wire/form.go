package wire

import "strconv"

// Form is one encoding of entries. Every reader of a form receives the same bytes.
type Form uint8

// The forms.
const (
	FormJSON      Form = iota // `{…},` — polls join these into an array; events have no bytes
	FormSSE                   // a stream of one channel: the id: line is the entry's id
	FormSSEMulti              // a stream of many channels: the session writes its own id: line before
	FormWS                    // an unmasked WebSocket text frame
	FormWSDeflate             // the same, compressed if that is shorter
	FormMsgpack               // MessagePack in a WebSocket's binary frame
	Forms                     // the number of forms
)

// AppendEntry appends an entry (id > 0) or an event (id 0) in the given form. obj
// is its JSON object, on one line; event its name among server-sent events.
func (f Form) AppendEntry(dst []byte, id int64, event string, obj []byte) []byte {
	switch f {
	case FormJSON:
		if id == 0 {
			return dst
		}
		return append(append(dst, obj...), ',')
	case FormSSE:
		if id > 0 {
			dst = append(dst, "id: "...)
			dst = strconv.AppendInt(dst, id, 10)
			dst = append(dst, '\n')
		}
		return AppendSSE(dst, "", event, obj)
	case FormSSEMulti:
		return AppendSSE(dst, "", event, obj)
	case FormWSDeflate:
		return AppendDeflated(dst, obj)
	case FormMsgpack:
		return appendPacked(dst, obj)
	default:
		return append(AppendFrameHeader(dst, OpText, len(obj)), obj...)
	}
}

// AppendControl appends an object that belongs to one session (welcome, reset,
// ack, …). id is the id: line of server-sent events, "" for none.
func (f Form) AppendControl(dst []byte, id, event string, obj []byte) []byte {
	switch f {
	case FormSSE, FormSSEMulti:
		return AppendSSE(dst, id, event, obj)
	case FormWS, FormWSDeflate: // not worth compressing for one reader
		return append(AppendFrameHeader(dst, OpText, len(obj)), obj...)
	case FormMsgpack:
		return appendPacked(dst, obj)
	}
	return append(append(dst, obj...), ',')
}

func appendPacked(dst, obj []byte) []byte {
	start := len(dst)
	return closeFrame(AppendMsgpack(openFrame(dst), obj), start, OpBinary)
}

// AppendSSE appends one block of a text/event-stream (WHATWG HTML, section 9.2.6).
// data must not contain CR or LF; id and event come from grammars without them.
func AppendSSE(dst []byte, id, event string, data []byte) []byte {
	if id != "" {
		dst = append(append(append(dst, "id: "...), id...), '\n')
	}
	dst = append(append(dst, "event: "...), event...)
	dst = append(append(dst, "\ndata: "...), data...)
	return append(dst, '\n', '\n')
}
