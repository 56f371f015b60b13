package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	client "github.com/parley-server/parley/client/go"
)

// fake is a test double of the server: one channel in memory, and faults on demand.
type fake struct {
	url   string
	epoch string

	mu     sync.Mutex
	first  int64
	log    []string // entries, from first on
	bell   chan struct{}
	cut    int // a stream is cut after this many entries; 0: never
	refuse func() (status int, header http.Header, body string)
	opened int // connections and polls
	posts  int
	keys   map[string]int64

	good    map[string]bool // tokens that are accepted; nil: none is needed
	expires string          // the token about whose expiry each stream is notified at once
	auths   []string        // tokens that came in frames
	ends    chan struct{}   // closed by expire
}

func newFake(t *testing.T) *fake {
	f := &fake{epoch: "e1", first: 1, bell: make(chan struct{}), keys: map[string]int64{}, ends: make(chan struct{})}
	srv := httptest.NewServer(f.handler())
	f.url = srv.URL
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	return f
}

func (f *fake) client() *client.Client {
	return client.New(f.url, client.Config{User: "tess", PollInterval: time.Millisecond,
		FirstWait: time.Millisecond, MaxWait: 5 * time.Millisecond})
}

func (f *fake) add(n int) {
	for range n {
		f.addKeyed(fmt.Sprint("k", f.last()+1))
	}
}

func (f *fake) addKeyed(key string) (id int64, dup bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id, ok := f.keys[key]; ok {
		return id, true
	}
	id = f.first + int64(len(f.log))
	f.keys[key] = id
	f.log = append(
		f.log,
		fmt.Sprintf(`{"type":"message","id":%d,"channel":"room","user":"a","text":"m%d","timestamp":%d.000001,"key":%q}`, id, id, 100+id,
			key),
	)
	close(f.bell)
	f.bell = make(chan struct{})
	return id, false
}

func (f *fake) last() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first + int64(len(f.log)) - 1
}

// trim forgets entries below first.
func (f *fake) trim(first int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log, f.first = f.log[first-f.first:], first
}

// start is how the answer to a request with a cursor begins.
type start struct {
	at, first, last int64
	given           bool
	reason          string
	epoch           string
}

func (f *fake) start(r *http.Request) start {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened++
	s := start{first: f.first, last: f.first + int64(len(f.log)) - 1, epoch: f.epoch}
	s.at = s.last
	if a := r.FormValue("after"); a != "" {
		s.given = true
		s.at, _ = strconv.ParseInt(a, 10, 64)
		switch e := r.FormValue("epoch"); {
		case e != "" && e != f.epoch:
			s.reason, s.at = "epoch", s.last
		case s.at > s.last:
			s.reason, s.at = "ahead", s.last
		case s.at > 0 && s.at < s.first-1:
			s.reason, s.at = "expired", s.first-1
		}
	}
	return s
}

func (s start) reset() string {
	return fmt.Sprintf(`{"type":"reset","reason":%q,"first_id":%d,"last_id":%d}`, s.reason, s.first, s.last)
}

func (s start) welcome() string {
	return fmt.Sprintf(`{"type":"welcome","channel":"room","first_id":%d,"last_id":%d,"cursor":%d,"epoch":%q,"resumed":%v}`,
		s.first, s.last, s.at, s.epoch, s.given && s.reason == "")
}

// after returns the entries after a cursor, and a channel that signals more.
func (f *fake) after(at int64) ([]string, chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := max(at+1-f.first, 0)
	if i >= int64(len(f.log)) {
		return nil, f.bell
	}
	return f.log[i:], f.bell
}

// follow writes entries until the cut, the end of ctx or an error.
func (f *fake) follow(ctx context.Context, at int64, write func(id int64, entry string) error) {
	sent := 0
	for {
		entries, bell := f.after(at)
		for _, e := range entries {
			f.mu.Lock()
			cut := f.cut > 0 && sent >= f.cut
			at = max(at, f.first-1) + 1
			f.mu.Unlock()
			if cut || write(at, e) != nil {
				return
			}
			sent++
		}
		if len(entries) > 0 {
			continue
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return
		}
	}
}

func (f *fake) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/messages", func(w http.ResponseWriter, r *http.Request) {
		s := f.start(r)
		w.Header().Set("Parley-Last-Id", strconv.FormatInt(s.last, 10))
		w.Header().Set("Parley-Epoch", s.epoch)
		if s.reason != "" {
			w.WriteHeader(http.StatusGone)
			fmt.Fprintf(w, `{"code":"cursor_gone","status":410,"reason":%q,"first_id":%d,"last_id":%d}`, s.reason, s.first, s.last)
			return
		}
		entries, _ := f.after(s.at)
		if len(entries) == 0 && r.Header.Get("If-None-Match") == `"empty"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if len(entries) == 0 {
			w.Header().Set("ETag", `"empty"`)
		}
		fmt.Fprint(w, array(entries))
	})
	mux.HandleFunc("GET /api/messages/poll", func(w http.ResponseWriter, r *http.Request) {
		s := f.start(r)
		hold, _ := strconv.ParseFloat(r.FormValue("timeout"), 64)
		entries, bell := f.after(s.at)
		if len(entries) == 0 && s.reason == "" {
			select {
			case <-bell:
			case <-r.Context().Done():
			case <-time.After(time.Duration(hold * float64(time.Second))):
			}
			entries, _ = f.after(s.at)
		}
		reset := ""
		if s.reason != "" {
			reset = `,"reset":` + s.reset()
		}
		fmt.Fprintf(w, `{"messages":%s,"last_id":%d,"epoch":%q%s}`, array(entries), s.at+int64(len(entries)), s.epoch, reset)
	})
	mux.HandleFunc("GET /api/stream/{c}", func(w http.ResponseWriter, r *http.Request) {
		s := f.start(r)
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprintf(w, "retry: 2000\nid: %d\nevent: welcome\ndata: %s\n\n", s.at, s.welcome())
		if s.reason != "" {
			fmt.Fprintf(w, "id: %d\nevent: reset\ndata: %s\n\n", s.at, s.reset())
		}
		if f.warns(r) {
			fmt.Fprintf(w, "event: token-expiring\ndata: %s\n\n", expiring)
		}
		w.(http.Flusher).Flush()
		f.follow(r.Context(), s.at, func(id int64, e string) error {
			fmt.Fprintf(w, "id: %d\nevent: message\ndata: %s\n\n", id, e)
			w.(http.Flusher).Flush()
			return r.Context().Err()
		})
	})
	mux.HandleFunc("GET /ws/chat/{c}", f.socket)
	mux.HandleFunc("POST /api/messages", func(w http.ResponseWriter, r *http.Request) {
		var d struct{ Key string }
		_ = json.NewDecoder(r.Body).Decode(&d)
		id, dup := f.addKeyed(d.Key)
		f.mu.Lock()
		f.posts++
		lose := f.posts == 1
		f.mu.Unlock()
		if lose {
			panic(http.ErrAbortHandler) // stored, and the answer is lost
		}
		if !dup {
			w.WriteHeader(http.StatusCreated)
		}
		entries, _ := f.after(id - 1)
		fmt.Fprint(w, entries[0])
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		refuse := f.refuse
		known := f.good == nil || f.good[bearer(r)]
		f.mu.Unlock()
		if !known {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"code":"unauthorized","detail":"the token is not good"}`)
			return
		}
		if refuse != nil {
			if status, h, body := refuse(); status != 0 {
				for k, v := range h {
					w.Header()[k] = v
				}
				w.WriteHeader(status)
				fmt.Fprint(w, body)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

const expiring = `{"type":"token-expiring","in":60}`

func (f *fake) warns(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.expires != "" && bearer(r) == f.expires
}

// expire closes the open sockets, like the expiry of their token.
func (f *fake) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.ends)
	f.ends = make(chan struct{})
}

func (f *fake) socket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	s := f.start(r)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	send := func(frame string) error { return conn.Write(ctx, websocket.MessageText, []byte(frame)) }
	f.mu.Lock()
	ends := f.ends
	f.mu.Unlock()
	_ = send(s.welcome())
	if s.reason != "" {
		_ = send(s.reset())
	}
	if f.warns(r) {
		_ = send(expiring)
	}
	go func() {
		select {
		case <-ends:
			_ = send(`{"type":"error","code":"unauthorized","detail":"the token has expired"}`)
			_ = conn.Close(4401, "unauthorized")
		case <-ctx.Done():
		}
	}()
	go func() {
		defer cancel()
		for {
			_, b, err := conn.Read(ctx)
			if err != nil {
				return
			}
			var d struct{ Type, Key, Text, Token string }
			_ = json.Unmarshal(b, &d)
			if d.Type == "auth" {
				f.mu.Lock()
				f.auths = append(f.auths, d.Token)
				f.mu.Unlock()
				f.add(1) // so that a test can wait for it
				continue
			}
			switch d.Text {
			case "close":
				_ = send(`{"type":"error","code":"forbidden","detail":"removed","hint":"ask"}`)
				_ = conn.Close(4403, "forbidden")
			case "drain":
				_ = send(`{"type":"draining","retry_after_ms":7}`)
				_ = conn.Close(1012, "Server draining")
			default:
				id, dup := f.addKeyed(d.Key)
				_ = send(fmt.Sprintf(`{"type":"ack","key":%q,"id":%d,"timestamp":1.5,"duplicate":%v}`, d.Key, id, dup))
			}
		}
	}()
	f.follow(ctx, s.at, func(_ int64, e string) error { return send(e) })
}

func array(entries []string) string {
	out := "["
	for i, e := range entries {
		if i > 0 {
			out += ","
		}
		out += e
	}
	return out + "]"
}
