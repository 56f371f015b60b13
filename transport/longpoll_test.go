package transport

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"parley"
	"parley/access"
	"parley/adapter/mem"
	"parley/chat"
	"parley/engine"
	"parley/feed"
)

func TestAPollThatWaitsInItsHandlerIsCounted(t *testing.T) {
	store := mem.NewStore(mem.StoreConfig{}).Open()
	f := feed.New(store, feed.Config{})
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	ways := New(chat.New(store, f, chat.Config{}), e, Config{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &Request{Caller: access.Caller{User: parley.Guest, As: access.Developer}, Follows: []Follow{{Channel: "c"}}, Limit: 10,
			Timeout: time.Minute}
		if err := ways.LongPoll(w, r, req); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	answered := make(chan string)
	go func() {
		res, err := http.Get(server.URL)
		if err != nil {
			answered <- err.Error()
			return
		}
		res.Body.Close()
		answered <- res.Status
	}()
	for late := time.Now().Add(20 * time.Second); ways.Streams() != 1; runtime.Gosched() {
		select {
		case status := <-answered:
			t.Fatalf("answered %s at once", status)
		default:
		}
		if time.Now().After(late) {
			t.Fatalf("%d streams while a poll waits", ways.Streams())
		}
	}
	f.PublishAll("c", []parley.Draft{{User: "alice", Text: "x"}})
	if status := <-answered; status != "200 OK" || ways.Streams() != 0 {
		t.Errorf("answered %s, %d streams then", status, ways.Streams())
	}
}
