package client

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestEventStream(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []block
	}{
		"one":          {"id: 4\nevent: e\ndata: x\n\n", []block{{"e", []byte("x"), "4"}}},
		"default name": {"data:x\n\n", []block{{"message", []byte("x"), ""}}},
		"CR and CRLF": {"data: a\rdata: b\r\r\ndata: " +
			"c\r\n\r\n", []block{{"message", []byte("a\nb"), ""}, {"message", []byte("c"), ""}}},
		"CRLF ends one line":    {"data: a\r\ndata: b\r\n\r\n", []block{{"message", []byte("a\nb"), ""}}},
		"byte order mark":       {"\xef\xbb\xbfdata: a\n\n", []block{{"message", []byte("a"), ""}}},
		"comments":              {": hi\n\n:\ndata: a\n: mid\n\n", []block{{"message", []byte("a"), ""}}},
		"no data is no event":   {"event: e\n\ndata: a\n\n", []block{{"message", []byte("a"), ""}}},
		"id without data stays": {"id: 7\n\ndata: a\n\n", []block{{"message", []byte("a"), "7"}}},
		"id stays and is emptied": {"id: 7\ndata: a\n\ndata: b\n\nid\ndata: " +
			"c\n\n", []block{{"message", []byte("a"), "7"}, {"message", []byte("b"), "7"}, {"message", []byte("c"), ""}}},
		"id with NUL is ignored":   {"id: a\x00b\ndata: a\n\n", []block{{"message", []byte("a"), ""}}},
		"one space is cut":         {"data:  a\n\n", []block{{"message", []byte(" a"), ""}}},
		"empty data is an event":   {"data\n\ndata\ndata\n\n", []block{{"message", []byte(""), ""}, {"message", []byte("\n"), ""}}},
		"unknown fields":           {"foo: x\ndata: a\nDATA: b\n\n", []block{{"message", []byte("a"), ""}}},
		"cut off at the end":       {"data: a\n\ndata: b\n", []block{{"message", []byte("a"), ""}}},
		"bad retry keeps the last": {"retry: 10\nretry: x\nretry: -1\ndata: a\n\n", []block{{"message", []byte("a"), ""}}},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
			s := newEventStream(r, func() {})
			var got []block
			for {
				b, err := s.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, b)
			}
			if len(got) != len(c.want) {
				t.Fatalf("%s: got %q", name, got)
			}
			for i, b := range got {
				if b.Name != c.want[i].Name || string(b.Data) != string(c.want[i].Data) || b.ID != c.want[i].ID {
					t.Errorf("%s: got %q, want %q", name, b, c.want[i])
				}
			}
			if name == "bad retry keeps the last" && s.retry != 10*time.Millisecond {
				t.Errorf("retry %v", s.retry)
			}
		}
	}
}

func TestEventStreamDoesNotWaitAfterCR(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	go io.WriteString(w, "data: a\r\r")
	if b, err := newEventStream(r, func() {}).Next(); err != nil || string(b.Data) != "a" {
		t.Fatalf("got %q, %v", b, err)
	}
}

func TestBackoffHasFullJitterBelowADoublingBound(t *testing.T) {
	b := backoff{first: 500 * time.Millisecond, max: 30 * time.Second}
	bound := b.first
	for range 20 {
		if d := b.next(0); d > bound {
			t.Fatalf("waits %v, above %v", d, bound)
		}
		bound = min(2*bound, b.max)
	}
	if d := b.next(time.Minute); d < time.Minute {
		t.Fatalf("waits %v though the server asked for a minute", d)
	}
	if b.reset(); b.next(0) > b.first {
		t.Fatal("does not begin again")
	}
}

func FuzzEventStream(f *testing.F) {
	f.Add("id: 1\nevent: e\ndata: x\n\n")
	f.Add("\xef\xbb\xbfdata\r\r\n\r")
	f.Fuzz(func(t *testing.T, in string) {
		s := newEventStream(strings.NewReader(in), func() {})
		for {
			b, err := s.Next()
			if err != nil {
				return
			}
			if strings.ContainsAny(b.Name+b.ID, "\r\n") || strings.ContainsRune(string(b.Data), '\r') {
				t.Fatalf("a line's end within a field: %q", b)
			}
		}
	})
}
