package terminal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley/terminal"
)

// stream serves one event stream per connection, each a slice of blocks; after
// the last it says that it is over and holds.
func stream(t *testing.T, connections ...string) (url string, over <-chan struct{}) {
	done := make(chan struct{})
	var mu sync.Mutex
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		i := n
		mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		if i <= len(connections) {
			io.WriteString(w, connections[i-1])
			return
		}
		w.(http.Flusher).Flush()
		if i == len(connections)+1 {
			close(done)
		}
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	return srv.URL, done
}

const welcome = "id: 0\nevent: welcome\ndata: {\"type\":\"welcome\",\"cursor\":0,\"last_id\":0,\"epoch\":\"e\"}\n\n"

func frame(v map[string]any) string {
	b, _ := json.Marshal(v)
	return fmt.Sprintf("event: %s\ndata: %s\n\n", v["type"], b)
}

func tail(t *testing.T, cfg terminal.TailConfig, blocks ...string) (stdout, stderr string) {
	t.Helper()
	url, over := stream(t, blocks...)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() { <-over; cancel() }()
	var out, errs bytes.Buffer
	zero := int64(0)
	cfg.Server, cfg.Channel, cfg.Transport, cfg.After = url, "room", "sse", &zero
	cfg.Stdout, cfg.Stderr, cfg.Zone = &out, &errs, time.UTC
	if err := terminal.Tail(ctx, cfg); err != nil {
		t.Fatalf("tail: %v", err)
	}
	return out.String(), errs.String()
}

func TestTailShowsWhatHasTextAndEscapesTheRest(t *testing.T) {
	evil := "hi\x1b]0;owned\x07\u009b31m\u202eabc\nbob: forged\r\nend\ttab"
	blocks := welcome +
		frame(map[string]any{"type": "message", "id": 1, "user": "alice", "text": evil, "timestamp": 3661.5}) +
		frame(map[string]any{"type": "typing", "user": "x"}) +
		frame(
			map[string]any{
				"type":      "message",
				"id":        2,
				"user":      "bob",
				"name":      "B\x1b[1m",
				"data":      map[string]any{"a": 1},
				"timestamp": 3662,
			},
		) +
		frame(map[string]any{"type": "system", "text": "bob disconnected"})
	out, _ := tail(t, terminal.TailConfig{}, blocks)
	want := "01:01:01 alice: hi\\x1b]0;owned\\x07\\u009b31m\\u202eabc\n    bob: forged\n    end tab\n" +
		"01:01:02 B\\x1b[1m (bob): {\"a\":1}\n* bob disconnected\n"
	if out != want {
		t.Errorf("got\n%q, want\n%q", out, want)
	}
	coloured, _ := tail(t, terminal.TailConfig{Color: true}, blocks)
	if !strings.Contains(coloured, "\x1b[1malice\x1b[0m: hi\\x1b]0;") {
		t.Errorf("coloured: %q", coloured)
	}
}

func TestTailJSONIsOneObjectPerLine(t *testing.T) {
	raw := "event: message\ndata: {\"type\":\"message\",\ndata: \"id\":1,\"text\":\"a\u009bb\u2028c\x7f\"}\n\n"
	out, errs := tail(t, terminal.TailConfig{JSON: true}, welcome+raw+
		frame(map[string]any{"type": "reset", "reason": "expired", "first_id": 7, "last_id": 9}))
	want := `{"type":"message","id":1,"text":"a\u009bb\u2028c\u007f"}` + "\n" +
		`{"first_id":7,"last_id":9,"reason":"expired","type":"reset"}` + "\n"
	if out != want {
		t.Errorf("got\n%s, want\n%s", out, want)
	}
	if !strings.Contains(errs, "parley: older messages are no longer kept; continuing from 7\n") {
		t.Errorf("stderr %q", errs)
	}
}

func TestTailTellsTroubleInOneSentence(t *testing.T) {
	_, errs := tail(t, terminal.TailConfig{}, welcome, welcome)
	lines := strings.Split(strings.TrimSpace(errs), "\n")
	if len(lines) != 3 ||
		!strings.HasPrefix(lines[0], "parley: no connection over sse (the server ended the stream); trying again in 0.") ||
		lines[1] != "parley: reconnected after message 0" {
		t.Errorf("stderr %q", lines)
	}
}

func TestSendTakesWordsOrLines(t *testing.T) {
	var texts []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var d struct{ Text, User, Key string }
		_ = json.NewDecoder(r.Body).Decode(&d)
		if d.Text == "bad" {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"code":"forbidden","detail":"no"}`)
			return
		}
		texts = append(texts, d.User+":"+d.Text)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id":%d,"timestamp":1.500000}`, len(texts))
	}))
	t.Cleanup(srv.Close)
	var out bytes.Buffer
	cfg := terminal.SendConfig{Server: srv.URL, User: "u", Channel: "room", Stdout: &out, Stderr: io.Discard}

	cfg.Text = []string{"two", "words"}
	if err := terminal.Send(t.Context(), cfg); err != nil || out.Len() > 0 {
		t.Fatalf("%v, printed %q", err, &out)
	}
	cfg.Text, cfg.JSON, cfg.Stdin = nil, true, strings.NewReader("a\r\n\nb c\n")
	if err := terminal.Send(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(texts, "|"); got != "u:two words|u:a|u:b c" {
		t.Errorf("sent %q", got)
	}
	if !strings.HasPrefix(out.String(), `{"id":2,"key":"`) || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("printed %q", &out)
	}
	cfg.Stdin = strings.NewReader("c\nbad\nd\n")
	if err := terminal.Send(t.Context(), cfg); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || terminal.ExitCode(err) != 1 ||
		len(texts) != 4 {
		t.Errorf("got %v after %q", err, texts)
	}
	r, w := io.Pipe() // a terminal at which nobody types
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg.Stdin = r
	if err := terminal.Send(ctx, cfg); err == nil {
		t.Error("an interrupted send is a success")
	}
}

func TestExitCodes(t *testing.T) {
	for want, cfg := range map[int]terminal.TailConfig{
		2: {Server: "localhost:8080"},
		0: {Server: "http://127.0.0.1:1", Stderr: io.Discard}, // interrupted while it tries
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := terminal.ExitCode(terminal.Tail(ctx, cfg)); got != want {
			t.Errorf("%+v exits %d, want %d", cfg, got, want)
		}
	}
	if terminal.ExitCode(terminal.Tail(t.Context(), terminal.TailConfig{Server: "http://x", Transport: "pigeon"})) != 2 ||
		terminal.ExitCode(errors.New("x")) != 1 {
		t.Error("wrong codes")
	}
}

func TestColorOnlyOnATerminal(t *testing.T) {
	none := func(string) string { return "" }
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if terminal.Color(f, none) || terminal.Color(&bytes.Buffer{}, none) {
		t.Error("colour without a terminal")
	}
}
