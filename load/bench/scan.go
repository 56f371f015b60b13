package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// A scanner receives a server's bytes in pieces of any size. It calls see for each JSON object,
// which is valid only during the call, and returns how many bytes of p it has consumed; the caller
// passes the rest again, followed by new bytes.
type scanner interface {
	scan(p []byte, see func(object []byte)) (n int, err error)
}

// frames scans a WebSocket (RFC 6455, section 5.2) as sent by a server: frames are complete and not
// masked. ping is called for ping frames.
type frames struct{ ping func(payload []byte) }

var (
	errFrame  = errors.New("a frame that no server may send")
	errClosed = errors.New("the server closed the WebSocket")
)

func (f *frames) scan(p []byte, see func([]byte)) (n int, err error) {
	for {
		op, payload, size, err := nextFrame(p[n:])
		if size == 0 || err != nil {
			return n, err
		}
		n += size
		switch op {
		case 1, 2:
			see(payload)
		case 8:
			if len(payload) < 2 {
				return n, errClosed
			}
			return n, fmt.Errorf("%w: %d %s", errClosed, binary.BigEndian.Uint16(payload), payload[2:])
		case 9:
			f.ping(payload)
		}
	}
}

// nextFrame reads one frame; size is 0 if it is incomplete.
func nextFrame(p []byte) (op byte, payload []byte, size int, err error) {
	if len(p) < 2 {
		return 0, nil, 0, nil
	}
	if p[0]&0xF0 != 0x80 || p[1]&0x80 != 0 {
		return 0, nil, 0, errFrame
	}
	length, head := uint64(p[1]), 2
	switch {
	case length == 126 && len(p) >= 4:
		length, head = uint64(binary.BigEndian.Uint16(p[2:])), 4
	case length == 127 && len(p) >= 10:
		length, head = binary.BigEndian.Uint64(p[2:]), 10
	case length >= 126:
		return 0, nil, 0, nil
	}
	if uint64(len(p)-head) < length {
		return 0, nil, 0, nil
	}
	size = head + int(length)
	return p[0] & 0x0F, p[head:size], size, nil
}

// eventStream scans server-sent events: each data line of parley is one object.
type eventStream struct{}

var (
	dataField  = []byte("data: ")
	eventField = []byte("event: draining")
)

func (eventStream) scan(p []byte, see func([]byte)) (n int, err error) {
	for {
		i := bytes.IndexByte(p[n:], '\n')
		if i < 0 {
			return n, nil
		}
		line := p[n : n+i]
		n += i + 1
		if obj, ok := bytes.CutPrefix(line, dataField); ok {
			see(obj)
		} else if bytes.Equal(line, eventField) {
			return n, errClosed
		}
	}
}

// answers scans the responses to polls on a persistent connection. done is called after the objects
// of each response.
type answers struct{ done func() error }

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

func (a *answers) scan(p []byte, see func([]byte)) (n int, err error) {
	for {
		head, body, size := nextAnswer(p[n:])
		if size == 0 {
			return n, nil
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
			return n, errors.New("the server answered " + string(firstLine(head)))
		}
		n += size
		eachMessage(body, see)
		if err := a.done(); err != nil {
			return n, err
		}
	}
}

// nextAnswer reads one response with a Content-Length; size is 0 if it is incomplete.
func nextAnswer(p []byte) (head, body []byte, size int) {
	end := bytes.Index(p, headEnd)
	if end < 0 {
		return nil, nil, 0
	}
	head = p[:end+2]
	length := 0
	if i := bytes.Index(head, contentLength); i >= 0 {
		value := head[i+len(contentLength):]
		length, _ = strconv.Atoi(string(value[:bytes.IndexByte(value, '\r')]))
	}
	if size = end + len(headEnd) + length; len(p) < size {
		return nil, nil, 0
	}
	return head, p[end+len(headEnd) : size], size
}

// eachMessage calls see for the messages in an array; the texts of this package contain no quotes.
func eachMessage(body []byte, see func([]byte)) {
	for {
		i := bytes.Index(body, messagePrefix)
		if i < 0 {
			return
		}
		body = body[i:]
		end := bytes.Index(body[1:], messagePrefix)
		if end < 0 {
			see(body)
			return
		}
		see(body[:end+1])
		body = body[end+1:]
	}
}

func firstLine(p []byte) []byte {
	if i := bytes.IndexByte(p, '\r'); i >= 0 {
		return p[:i]
	}
	return p
}
