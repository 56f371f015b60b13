package parleytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// TransportHarness is a running server and one way to read from it.
type TransportHarness struct {
	// URL of a server without keys or rate limits, such as parley dev.
	URL string
	// Transport is its name; other transports may be used to connect besides it.
	Transport client.Transport
	// Dial starts to read a channel over the tested transport: one connection, which
	// never reconnects. The first event is a welcome.
	Dial func(ctx context.Context, channel string, from client.Position) (client.Stream, error)
}

// RunTransport holds a transport to what all of them promise: each message once, in
// order, with none missing, from any cursor, and a reset where that is impossible.
func RunTransport(t *testing.T, h TransportHarness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *target)
	}{
		{"a channel that does not exist yet is empty", transportEmpty},
		{"without a cursor it begins now", transportFromNow},
		{"from 0 it begins with the first message", transportFromZero},
		{"it resumes after any id", transportResume},
		{"history and live meet without a seam", transportSeam},
		{"concurrent publishers keep their order", transportOrder},
		{"a batch arrives in its order", transportBatch},
		{"a message arrives as it was sent", transportContent},
		{"channels do not mix", transportChannels},
		{"a name that can't be is refused", transportRefusal},

		{"a trimmed channel", transportTrimmed},
		{"a cursor ahead of the head is reset to the head", resetAhead},
		{"a cursor ahead in an empty channel is reset", resetAheadEmpty},
		{"a cursor of another epoch is reset to the head", resetEpoch},
		{"a cursor of this epoch is served", resetSameEpoch},

		{"a change comes in order, and what it changed is read as it is now", transportChange},
		{"what is deleted is not replayed", transportDelete},
		{"who is kicked or banned is cut off, and can't resume", transportKick},

		{"who reads is present, once, by the transport", transportPresence},
		{"who comes back at once has not left", transportSilence},

		{"hops between transports lose and repeat nothing", transportHops},
		{"hops while others publish lose and repeat nothing", transportHopsLive},
		{"many readers see the same", transportMany},
		{"a slow reader gets everything and delays nobody", transportSlow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, newTarget(t, h))
		})
	}
}

// patience bounds each wait for something that must happen.
const patience = 30 * time.Second

// target is a separate channel on the harness's server.
type target struct {
	h       TransportHarness
	c       *client.Client
	channel string
}

func newTarget(t *testing.T, h TransportHarness) *target {
	return &target{h: h, c: NewClient(h.URL, "tess"), channel: fmt.Sprintf("t.%x", rand.Uint64())}
}

// NewClient is a client with delays for tests: it polls and reconnects at once.
func NewClient(url, user string) *client.Client {
	return client.New(url, client.Config{User: user, PollInterval: 5 * time.Millisecond,
		PollHold: 5 * time.Second, FirstWait: 10 * time.Millisecond, MaxWait: 50 * time.Millisecond,
		HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}})
}

// post publishes n messages in batches; their texts are their ids, starting at from.
func (w *target) post(t *testing.T, from, n int64) {
	t.Helper()
	var drafts []client.Draft
	for id := from; id < from+n; id++ {
		drafts = append(drafts, client.Draft{Text: fmt.Sprint(id)})
	}
	w.batch(t, drafts, from)
}

// batch publishes drafts at once and demands that they get consecutive ids starting at from.
func (w *target) batch(t *testing.T, drafts []client.Draft, from int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := w.c.PublishBatch(ctx, w.channel, drafts)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range out {
		if p.Err != nil || p.Ack.ID != from+int64(i) {
			t.Fatalf("item %d became %+v, %v; want id %d", i, p.Ack, p.Err, from+int64(i))
		}
	}
}

// retain makes the channel keep about n messages, waits until the rest is trimmed, and
// returns the first id that is kept.
func (w *target) retain(t *testing.T, n, head int64) (first int64) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.h.URL+"/api/channels/"+w.channel,
		bytes.NewReader(fmt.Appendf(nil, `{"retention":{"messages":%d}}`, n)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("setting the retention: %s: %s", resp.Status, body)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		resp, err := http.Get(fmt.Sprintf("%s/api/messages?channel_id=%s&after=1", w.h.URL, w.channel))
		if err != nil {
			t.Fatal(err)
		}
		var gone struct {
			First int64 `json:"first_id"`
		}
		err = json.NewDecoder(resp.Body).Decode(&gone)
		resp.Body.Close()
		if resp.StatusCode == http.StatusGone && err == nil && head-gone.First+1 <= n+max(10, n/10) {
			return gone.First
		}
	}
	t.Fatalf("retention of %d: the history was not cut within %v", n, patience)
	return 0
}

// stream is one connection with the messages that it must deliver.
type stream struct {
	client.Stream
	t       *testing.T
	over    string // the transport
	welcome *client.Welcome
}

// dial connects and reads the welcome. after < 0: from the current head.
func (w *target) dial(t *testing.T, after int64, epoch string) *stream {
	t.Helper()
	from := client.Position{Epoch: epoch}
	if after >= 0 {
		from.After = &after
	}
	return newStream(t, "the tested transport", func(ctx context.Context) (client.Stream, error) { return w.h.Dial(ctx, w.channel, from) })
}

func newStream(t *testing.T, over string, dial func(context.Context) (client.Stream, error)) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := dial(ctx)
	if err != nil {
		t.Fatalf("dial %s: %v", over, err)
	}
	st := &stream{Stream: s, t: t, over: over}
	t.Cleanup(func() { s.Close() })
	e := st.any()
	if e.Type != "welcome" {
		t.Fatalf("the first event is a %s: %s", e.Type, e.Raw)
	}
	st.welcome = e.Welcome
	return st
}

// any returns the next event of any kind.
func (s *stream) any() client.Event {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	e, err := s.Next(ctx)
	if err != nil {
		s.t.Fatalf("next over %s: %v", s.over, err)
	}
	return e
}

// entry returns the next message or reset, and skips other events.
func (s *stream) entry() client.Event {
	s.t.Helper()
	for {
		if e := s.any(); e.ID > 0 || e.Type == "reset" || e.Type == "welcome" {
			return e
		}
	}
}

// want demands the messages from…to, each once, in order, whose texts are their ids.
func (s *stream) want(from, to int64) {
	s.t.Helper()
	for id := from; id <= to; id++ {
		e := s.entry()
		if e.Type != "message" || e.ID != id || e.Message.Text != fmt.Sprint(id) {
			s.t.Fatalf("over %s from %d: want message %d, got %s %d: %.200s", s.over, s.welcome.Cursor, id, e.Type, e.ID, e.Raw)
		}
	}
}

// wantReset demands a reset and returns it.
func (s *stream) wantReset(reason string, first, last int64) {
	s.t.Helper()
	e := s.entry()
	if e.Type != "reset" || e.Reset.Reason != reason || e.Reset.First != first || e.Reset.Last != last {
		s.t.Fatalf("want reset %s %d…%d, got %s %d %+v", reason, first, last, e.Type, e.ID, e.Reset)
	}
}
