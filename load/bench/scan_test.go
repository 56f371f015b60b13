package bench

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/wire"
)

// pieces scans a stream cut into pieces of every size, as it may reach a reader.
func pieces(t *testing.T, stream string, s scanner) (objects []string, last error) {
	t.Helper()
	var first []string
	for size := 1; size <= len(stream); size++ {
		objects, last = nil, nil
		var rest []byte
		for at := 0; at < len(stream) && last == nil; at += size {
			rest = append(rest, stream[at:min(at+size, len(stream))]...)
			n, err := s.scan(rest, func(o []byte) { objects = append(objects, string(o)) })
			rest, last = rest[n:], err
		}
		if size == 1 {
			first = objects
		} else if !reflect.DeepEqual(objects, first) {
			t.Fatalf("in pieces of %d: %q, not %q", size, objects, first)
		}
	}
	return objects, last
}

func message(id int64) string {
	return string(appendMessage(nil, id, 1_795_450_280_758_546_000, 3, int(id), "b.0", 200))
}

func frame(op wire.Op, payload string) string {
	return string(wire.AppendFrameHeader(nil, op, len(payload))) + payload
}

func TestFramesInPieces(t *testing.T) {
	pings := 0
	f := &frames{func(p []byte) { pings += len(p) }}
	got, err := pieces(t, frame(wire.OpText, message(1))+frame(wire.OpPing, "x")+frame(wire.OpText, message(2)), f)
	if err != nil || !reflect.DeepEqual(got, []string{message(1), message(2)}) || pings == 0 {
		t.Errorf("%q, %d pings, %v", got, pings, err)
	}
	if _, err = pieces(t, frame(wire.OpText, "a")+frame(wire.OpClose, "\x03\xe9bye"), f); !errors.Is(err, errClosed) ||
		!strings.HasSuffix(err.Error(), ": 1001 bye") {
		t.Errorf("after a close frame: %v", err)
	}
	if _, err = f.scan([]byte{0x81, 0x81, 0, 0}, nil); err != errFrame {
		t.Errorf("a masked frame: %v", err)
	}
}

func TestEventStreamInPieces(t *testing.T) {
	stream := ":\n\nretry: 2000\nid: 1\nevent: message\ndata: " + message(1) + "\n\nid: 2\nevent: message\ndata: " + message(2) + "\n\n"
	got, err := pieces(t, stream, eventStream{})
	if err != nil || !reflect.DeepEqual(got, []string{message(1), message(2)}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err = pieces(t, "retry: 1\nevent: draining\ndata: {}\n\n", eventStream{}); err != errClosed {
		t.Errorf("a draining server: %v", err)
	}
}

func TestAnswersInPieces(t *testing.T) {
	answer := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nVary: Origin\r\n\r\n%s", len(body), body)
	}
	done := 0
	a := &answers{func() error { done++; return nil }}
	got, err := pieces(t, answer("["+message(1)+","+message(2)+"]")+answer(`{"messages":[],"last_id":2}`), a)
	if err != nil || len(got) != 2 || !strings.HasPrefix(got[0], message(1)) || !strings.HasPrefix(got[1], message(2)) || done == 0 {
		t.Errorf("%q, %d answers, %v", got, done, err)
	}
	if _, err = a.scan([]byte("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), nil); err == nil {
		t.Error("410 is no answer with messages")
	}
}

func TestMessageAndDraftCarryTheirTime(t *testing.T) {
	const at = 1_795_450_280_758_546_123
	m := appendMessage(nil, 1234, at, 7, 35, "bench-a.0", 160)
	if id, intended := parseMessage(m); id != 1234 || intended != at || len(m) != 160 {
		t.Errorf("%s: %d bytes, id %d, time %d", m, len(m), id, intended)
	}
	d := appendDraft(nil, at, 7, 35, "bench-a.0", 160)
	if key := string(textOf(d, `"key":"`)); key != "7-z" {
		t.Errorf("%s: key %q", d, key)
	}
}

func TestReaderTakesAnAnswerInPieces(t *testing.T) {
	welcome := `{"type":"welcome","channel":"b.0","first_id":1,"last_id":2,"cursor":0,"epoch":"e","resumed":true}`
	stream := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" +
		frame(wire.OpText, welcome) + frame(wire.OpText, message(1)) + frame(wire.OpText, message(2))
	for size := 1; size <= len(stream); size++ {
		s := &Swarm{args: SwarmArgs{Transport: "websocket", Channels: 1}, targets: []target{{}}, hist: newHistogram()}
		r := &reader{swarm: s, fd: -1}
		r.begin(time.Now(), false)
		for at := 0; at < len(stream); at += size {
			if err := r.take([]byte(stream[at:min(at+size, len(stream))]), 1); err != nil {
				t.Fatalf("in pieces of %d: %v", size, err)
			}
		}
		if want := (Counts{Received: 2}); s.tally.Counts != want || !r.welcomed || !r.caught || r.partial != nil {
			t.Fatalf("in pieces of %d: %+v, welcomed %v, caught up %v, %d bytes kept", size, s.tally.Counts, r.welcomed, r.caught,
				len(r.partial))
		}
	}
}
