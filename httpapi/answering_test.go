package httpapi_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/httpapi"
	"github.com/parley-server/parley/limit"
)

const most = 8 << 20 // bytes of an answer

// Text that grows sixfold in JSON, and lists of channels with large settings, stay below
// the limit of an answer, and their pages miss nothing.
func TestNoAnswerIsLargerThanItMayBe(t *testing.T) {
	s := serve(t)
	nul := strings.Repeat("\x00", 16<<10)
	html := strings.Repeat("<", 10<<10)
	for i := range 150 {
		s.post("large", nul)
		if i < 120 {
			name := fmt.Sprintf("c%03d", i)
			s.do("PUT", "/api/channels/"+name+"?user=alice", `{"topic":"`+html[:4<<10]+`","data":{"a":"`+html+`"}}`).is(t, 200, "")
			s.post(name, nul)
		}
	}
	id := 0
	page := func(query string) (n int) {
		a := s.get("/api/messages?channel_id=large&limit=1000&" + query)
		var ms []struct{ ID int }
		if a.into(t, &ms); len(a.body) > most {
			t.Errorf("%s: %d bytes", query, len(a.body))
		}
		if len(ms) > 0 {
			id = ms[len(ms)-1].ID
		}
		return len(ms)
	}
	all := 0
	for n := 1; n > 0; {
		n = page(fmt.Sprintf("after=%d", id))
		all += n
	}
	if all != 150 {
		t.Errorf("pages have %d messages", all)
	}
	for _, query := range []string{"before=1000", "since=1", ""} {
		page(query)
	}
	if a := s.get("/api/messages?user=alice&limit=1000"); len(a.body) > most {
		t.Errorf("merged: %d bytes", len(a.body))
	}
	for query, count := range map[string]int{"user=alice": 121, "all=true": 121} {
		seen, next := map[string]bool{}, ""
		for pages := 0; pages == 0 || next != ""; pages++ {
			a := s.get("/api/channels?limit=1000&" + query + "&next=" + next)
			var list struct {
				Channels []struct{ Channel string }
				Next     string
			}
			if a.into(t, &list); len(a.body) > most {
				t.Errorf("%s: %d bytes", query, len(a.body))
			}
			for _, c := range list.Channels {
				seen[c.Channel] = true
			}
			if next = list.Next; pages > 100 {
				t.Fatalf("%s: no end", query)
			}
		}
		if len(seen) != count {
			t.Errorf("%s lists %d channels, want %d", query, len(seen), count)
		}
	}
}

// Many repeats of large messages are answered with receipts.
func TestABatchOfLargeRepeatsHasNoLargeAnswer(t *testing.T) {
	s := serve(t)
	var big, small []map[string]any
	for i := range 120 {
		key := fmt.Sprint("k", i)
		big = append(big, map[string]any{"channel_id": "c", "user": "alice", "key": key,
			"data": map[string]string{"a": strings.Repeat("x", 60<<10)}})
		for range 8 {
			small = append(small, map[string]any{"channel_id": "c", "user": "alice", "key": key, "text": "again"})
		}
	}
	for _, part := range [][]map[string]any{big, small} {
		body, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		a := s.do("POST", "/api/messages/batch", string(body))
		var got []parley.Message
		if a.is(t, 200, ""); len(a.body) > most {
			t.Errorf("%d bytes", len(a.body))
		}
		if a.into(t, &got); len(got) != len(part) || got[len(got)-1].ID == 0 {
			t.Errorf("%d results for %d", len(got), len(part))
		}
	}
}

// limited is a server that limits the bytes of a user's answers in flight.
func limited(t *testing.T, s *server, answers *limit.Answers, patience time.Duration) http.Handler {
	quiet := httpapi.Config{Auth: httpapi.Development{}, Origins: httpapi.LoopbackOrigin, Answers: answers, Patience: patience,
		Pages: http.NotFoundHandler()}
	return httpapi.New(s.chat, s.ways, quiet)
}

// slow is a client that reads an answer's head and then nothing until it is released.
type slow struct {
	*httptest.ResponseRecorder
	began, goOn chan struct{}
}

func (w *slow) Write(p []byte) (int, error) {
	if w.began != nil {
		close(w.began)
		<-w.goOn
		w.began = nil
	}
	return w.ResponseRecorder.Write(p)
}

func TestAnswersThatAreNotReadAreBounded(t *testing.T) {
	s := serve(t)
	for range 20 {
		s.post("large", strings.Repeat("x", 16<<10))
	}
	api := limited(t, s, limit.NewAnswers(limit.AnswersConfig{User: 700 << 10, Node: 1 << 20}), 0)
	get := func(w http.ResponseWriter, user string) {
		api.ServeHTTP(w, httptest.NewRequest("GET", "/api/messages?channel_id=large&limit=1000&user="+user, nil))
	}
	stalled := func(user string) *slow {
		w := &slow{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
		began := w.began
		go get(w, user)
		<-began
		return w
	}
	refused := func(user, reason string) {
		t.Helper()
		w := httptest.NewRecorder()
		if get(w, user); w.Code != 503 || !strings.Contains(w.Body.String(), `"overloaded"`) || w.Header().Get("Retry-After") == "" ||
			w.Header().Get("ETag") != "" {
			t.Errorf("%s: %d %s, want %s", user, w.Code, w.Body, reason)
		}
	}
	first := stalled("alice")
	second := stalled("alice")
	refused("alice", "answers_user")
	third := stalled("bob")
	refused("carol", "answers")
	w := httptest.NewRecorder()
	if api.ServeHTTP(w, httptest.NewRequest("GET", "/api/messages?channel_id=other&user=alice", nil)); w.Code != 200 {
		t.Errorf("a small answer: %d", w.Code)
	}
	for _, w := range []*slow{first, second, third} {
		close(w.goOn)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		w := httptest.NewRecorder()
		if get(w, "alice"); w.Code == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("what was read still counts")
		}
	}
}

// An HTTP/2 client that opens no window for its answer loses the answer.
func TestAnswerThatAnHTTP2ClientDoesNotReadEnds(t *testing.T) {
	s := serve(t)
	for range 40 {
		s.post("large", strings.Repeat("x", 16<<10))
	}
	ended := make(chan struct{}, 1)
	api := limited(t, s, nil, 50*time.Millisecond)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(w, r)
		ended <- struct{}{}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	client := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 32 << 10}}
	t.Cleanup(client.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/messages?channel_id=large&limit=1000&user=alice", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := client.RoundTrip(r)
	if err != nil || a.ProtoMajor != 2 || a.StatusCode != 200 {
		t.Fatal(a, err)
	}
	t.Cleanup(func() { a.Body.Close() })
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the answer is still being written")
	}
	if n, err := io.Copy(io.Discard, a.Body); err == nil {
		t.Errorf("%d bytes were read, and an end", n)
	}
}
