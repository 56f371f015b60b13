package parleytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	client "github.com/parley-server/parley/client/go"
)

// call makes one request of the API and demands its status.
func (w *target) call(t *testing.T, method, path, body string, status int) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.h.URL+strings.ReplaceAll(path, "CH", w.channel), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s: %s: %s, %v; want %d", method, path, resp.Status, answer, err, status)
	}
	return answer
}

// wantChange demands the change of a message, and returns the message as it was after it.
func (s *stream) wantChange(id, of int64, kind string) client.Message {
	s.t.Helper()
	e := s.entry()
	var frame struct{ Change, Text string }
	if err := json.Unmarshal(e.Raw, &frame); err != nil || e.Type != "message-changed" || e.ID != id || e.Of != of ||
		frame.Change != kind ||
		frame.Text != "" {
		s.t.Fatalf("over %s: want %s of %d as %d, got %s", s.over, kind, of, id, e.Raw)
	}
	return *e.Message
}

func transportChange(t *testing.T, w *target) {
	w.post(t, 1, 3)
	live := w.dial(t, -1, "")
	w.call(t, "PATCH", "/api/messages/CH/2", `{"text":"two","user":"tess"}`, 200)
	w.call(t, "PUT", "/api/messages/CH/2/reactions/👍?user=bob", "", 204)
	w.call(t, "PUT", "/api/messages/CH/2/reactions/👍?user=bob", "", 200) // changes nothing
	w.post(t, 6, 1)
	if m := live.wantChange(4, 2, "edit"); m.Text != "two" || m.Edited == nil || m.Reactions != nil {
		t.Errorf("%+v", m)
	}
	if m := live.wantChange(5, 2, "reaction"); m.Reactions["👍"].Count != 1 || m.Reactions["👍"].Users[0] != "bob" {
		t.Errorf("%+v", m)
	}
	live.want(6, 6)

	again := w.dial(t, 0, "") // a later reader sees the current message, and the changes
	again.want(1, 1)
	if e := again.entry(); e.ID != 2 || e.Message.Text != "two" || e.Message.Edited == nil || e.Message.Reactions["👍"].Count != 1 {
		t.Errorf("message 2 is replayed as %s", e.Raw)
	}
	again.want(3, 3)
	if m := again.wantChange(4, 2, "edit"); m.Text != "two" || m.Reactions != nil {
		t.Errorf("%+v", m)
	}
	again.wantChange(5, 2, "reaction")
	again.want(6, 6)
}

// Deleted text is not replayed: neither from the recent bytes, which a live reader
// keeps filled, nor from pages that were read before.
func transportDelete(t *testing.T, w *target) {
	live := w.dial(t, -1, "")
	w.batch(t, []client.Draft{{Text: "1"}, {Text: "s3cret"}, {Text: "3"}}, 1)
	w.call(t, "PATCH", "/api/messages/CH/2", `{"text":"s3cret too","user":"tess"}`, 200)
	w.post(t, 5, 1)
	for range 5 {
		live.entry()
	}
	w.dial(t, 0, "").want(1, 1) // it has read the page
	w.call(t, "DELETE", "/api/messages/CH/2?user=tess", "", 204)
	w.call(t, "PATCH", "/api/messages/CH/2", `{"text":"no","user":"tess"}`, 409)
	w.post(t, 7, 1)
	if m := live.wantChange(6, 2, "delete"); !m.Deleted || m.Text != "" {
		t.Errorf("%+v", m)
	}
	live.want(7, 7)
	for after := range int64(6) {
		s := w.dial(t, after, "")
		for id := after + 1; id <= 7; id++ {
			e := s.entry()
			if e.ID != id || strings.Contains(string(e.Raw), "s3cret") || (id == 2 || id == 4 || id == 6) && !e.Message.Deleted {
				t.Fatalf("from %d entry %d is %s", after, id, e.Raw)
			}
		}
	}
}

func transportKick(t *testing.T, w *target) {
	w.call(t, "PUT", "/api/channels/CH?user=admin", `{"kind":"members"}`, 200)
	w.call(t, "PUT", "/api/channels/CH/members/tess?user=admin", "", 204)
	say := func(text string) {
		w.call(t, "POST", "/api/messages", fmt.Sprintf(`{"channel_id":%q,"user":"admin","text":%q}`, w.channel, text), 201)
	}
	kicked, banned := w.dial(t, 0, ""), w.dial(t, 0, "")
	say("1")
	kicked.want(1, 1)
	w.call(t, "DELETE", "/api/channels/CH/members/tess?user=admin", "", 204)
	kicked.wantEnd()
	banned.wantEnd()
	say("2")
	w.refused(t, 1)

	w.call(t, "PUT", "/api/channels/CH/members/tess?user=admin", "", 204)
	back := w.dial(t, 1, "")
	back.want(2, 2)
	w.call(t, "PUT", "/api/channels/CH/bans/tess?user=admin", "", 204)
	say("3")
	back.wantEnd()
	w.refused(t, 2)
	w.call(t, "PUT", "/api/channels/CH/members/tess?user=admin", "", 409)
	w.call(t, "DELETE", "/api/channels/CH/bans/tess?user=admin", "", 204)
	w.refused(t, 2)
}

// wantEnd demands that a stream ends because the right to it was lost. Earlier messages
// may still arrive, and so may those sent within the second that the end may take.
func (s *stream) wantEnd() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	told := false
	for {
		e, err := s.Next(ctx)
		told = told || e.Type == "forbidden"
		if refused, ok := errors.AsType[*client.Error](err); ok && refused.Code == "forbidden" || err != nil && told {
			return
		}
		if err != nil || told && e.ID > 0 {
			s.t.Fatalf("over %s: %s, %v; want the end of the stream", s.over, e.Raw, err)
		}
	}
}

// refused demands that the channel can't be read.
func (w *target) refused(t *testing.T, after int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := w.h.Dial(ctx, w.channel, client.At(after))
	if err == nil {
		var e client.Event
		defer s.Close()
		e, err = s.Next(ctx)
		if err == nil && e.Type != "welcome" {
			t.Fatalf("a channel that can't be read begins with %s", e.Raw)
		}
		if err == nil { // a poll's welcome is the client's own
			e, err = s.Next(ctx)
		}
	}
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "forbidden" {
		t.Fatalf("the channel can be read: %v", err)
	}
}
