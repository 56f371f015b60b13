package client

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"time"
)

// maxBlock is the maximum size of one event. A message is smaller than 200 KiB.
const maxBlock = 16 << 20

// block is one dispatched event of an event stream.
type block struct {
	Name string // "message" if the stream gave no name
	Data []byte // the data lines, joined by newlines
	ID   string // the last event ID when the block ended
}

// eventStream parses text/event-stream as specified by the WHATWG's HTML standard
// ("Interpreting an event stream"): lines end with CR, LF or CRLF, a block ends with an
// empty line, a block without data is not an event, and an incomplete block at the end
// of the stream is dropped.
type eventStream struct {
	r      *bufio.Reader
	retry  time.Duration // of the last retry field, 0 if there was none
	id     string        // the last event ID buffer
	line   []byte
	skipLF bool   // the last line ended with CR; an LF that follows belongs to it
	begun  bool   // the byte order mark was looked for
	onLine func() // called for each line, which shows that the server is alive
}

func newEventStream(r io.Reader, onLine func()) *eventStream {
	return &eventStream{r: bufio.NewReaderSize(r, 16<<10), onLine: onLine}
}

// Next returns the next event. io.EOF: the stream has ended.
func (s *eventStream) Next() (block, error) {
	var b block
	var data []byte // nil: no data field yet
	for {
		line, err := s.readLine()
		if err != nil {
			return block{}, err
		}
		s.onLine()
		if len(line) == 0 {
			if data == nil {
				b.Name = ""
				continue
			}
			if b.Name == "" {
				b.Name = "message"
			}
			b.Data, b.ID = data[:len(data)-1], s.id
			return b, nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			b.Name = string(value)
		case "data":
			data = append(append(data, value...), '\n')
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				s.id = string(value)
			}
		case "retry":
			if n, ok := digits(value); ok {
				s.retry = time.Duration(n) * time.Millisecond
			}
		}
		if len(data) > maxBlock {
			return block{}, &protocolError{"an event is longer than 16 MiB"}
		}
	}
}

// readLine returns the next line without its end. It is valid until the next call.
// It never waits for the byte after a CR.
func (s *eventStream) readLine() ([]byte, error) {
	s.line = s.line[:0]
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return nil, err
		}
		if s.skipLF {
			s.skipLF = false
			if c == '\n' {
				continue
			}
		}
		switch c {
		case '\r':
			s.skipLF = true
			fallthrough
		case '\n':
			if !s.begun {
				s.begun = true
				s.line = bytes.TrimPrefix(s.line, []byte("\xef\xbb\xbf"))
			}
			return s.line, nil
		}
		if s.line = append(s.line, c); len(s.line) > maxBlock {
			return nil, &protocolError{"a line is longer than 16 MiB"}
		}
	}
}

// digits parses a number of ASCII digits only; the standard ignores others.
func digits(b []byte) (int64, bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(string(b), 10, 32)
	return n, err == nil
}
