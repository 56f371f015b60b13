package e2e_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// A frame as it is on the wire (RFC 6455, section 5.2), valid or not.
type frame struct {
	more    bool // FIN is not set
	rsv     byte // RSV1-3 as in the first byte: 0x40 0x20 0x10
	op      byte
	payload string
	bare    bool   // not masked
	length  []byte // replaces the correct length in the second byte and after it
	cut     bool   // the payload does not follow
}

const (
	opCont  = 0x0
	opText  = 0x1
	opBin   = 0x2
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

var mask = [4]byte{0xa5, 0x17, 0x00, 0xff}

func (f frame) bytes() []byte {
	b := []byte{0x80 | f.rsv | f.op}
	if f.more {
		b[0] &^= 0x80
	}
	length := f.length
	switch n := len(f.payload); {
	case length != nil:
	case n <= 125:
		length = []byte{byte(n)}
	case n <= 0xffff:
		length = binary.BigEndian.AppendUint16([]byte{126}, uint16(n))
	default:
		length = binary.BigEndian.AppendUint64([]byte{127}, uint64(n))
	}
	start := len(b)
	b = append(b, length...)
	if f.bare {
		return append(b, f.payload...)
	}
	b[start] |= 0x80
	b = append(b, mask[:]...)
	if !f.cut {
		for i := range len(f.payload) {
			b = append(b, f.payload[i]^mask[i%4])
		}
	}
	return b
}

func text(payload string) frame { return frame{op: opText, payload: payload} }
func ping(payload string) frame { return frame{op: opPing, payload: payload} }

// closing is a close frame with a code and a reason.
func closing(code uint16, reason string) frame {
	return frame{op: opClose, payload: string(binary.BigEndian.AppendUint16(nil, code)) + reason}
}

// socket is a WebSocket whose every byte the test sees.
type socket struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// dial connects and writes a request; the answer is read by handshake.
func dial(t *testing.T, server *testenv.Proc, request string) *socket {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testenv.Patience))
	s := &socket{t: t, conn: conn, in: bufio.NewReader(conn)}
	s.write([]byte(strings.ReplaceAll(request, "HOST", conn.RemoteAddr().String())))
	return s
}

const (
	upgrade = "GET /ws/chat/general?user=alice HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // RFC 6455, section 1.3
)

func open(t *testing.T, server *testenv.Proc) *socket {
	t.Helper()
	s := dial(t, server, upgrade)
	s.accepted()
	return s
}

func (s *socket) answer() *http.Response {
	s.t.Helper()
	res, err := http.ReadResponse(s.in, &http.Request{Method: http.MethodGet})
	if err != nil {
		s.t.Fatalf("read the handshake's answer: %v", err)
	}
	return res
}

func (s *socket) accepted() {
	s.t.Helper()
	res := s.answer()
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Accept") != accept {
		s.t.Fatalf("the handshake is answered with %s %v", res.Status, res.Header)
	}
}

func (s *socket) write(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatalf("write: %v", err)
	}
}

func (s *socket) send(frames ...frame) {
	s.t.Helper()
	var b []byte
	for _, f := range frames {
		b = append(b, f.bytes()...)
	}
	s.write(b)
}

// next reads one frame; a server's frames are unfragmented, unmasked and minimal.
func (s *socket) next() (op byte, payload string, err error) {
	s.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(s.in, head); err != nil {
		return 0, "", err
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 != 0 {
		s.t.Fatalf("the server's frame begins with %x", head)
	}
	n := uint64(head[1])
	switch n {
	case 126:
		b := make([]byte, 2)
		if _, err := io.ReadFull(s.in, b); err != nil {
			return 0, "", err
		}
		n = uint64(binary.BigEndian.Uint16(b))
	case 127:
		b := make([]byte, 8)
		if _, err := io.ReadFull(s.in, b); err != nil {
			return 0, "", err
		}
		n = binary.BigEndian.Uint64(b)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(s.in, b)
	return head[0] & 0x0f, string(b), err
}

// until reads frames up to one of the given kind.
func (s *socket) until(op byte) string {
	s.t.Helper()
	for {
		got, payload, err := s.next()
		if err != nil {
			s.t.Fatalf("waiting for a frame of kind %x: %v", op, err)
		}
		if got == op {
			return payload
		}
		if got == opClose {
			s.t.Fatalf("waiting for a frame of kind %x the server closed with %d %q", op, closeCode(payload),
				payload[min(2, len(payload)):])
		}
	}
}

// untilMessage reads up to the next message and returns its text.
func (s *socket) untilMessage() string {
	s.t.Helper()
	for {
		var m message
		if err := json.Unmarshal([]byte(s.until(opText)), &m); err != nil {
			s.t.Fatalf("a text frame is not JSON: %v", err)
		}
		if m.Type == "message" {
			return m.Text
		}
	}
}

// closed reads up to the close frame and returns its code (0: none), and demands that
// the connection ends there.
func (s *socket) closed() int {
	s.t.Helper()
	code := closeCode(s.until(opClose))
	if _, err := s.in.ReadByte(); err != io.EOF {
		s.t.Errorf("after the close frame came %v, not the end of the connection", err)
	}
	return code
}

func closeCode(payload string) int {
	if len(payload) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16([]byte(payload)))
}
