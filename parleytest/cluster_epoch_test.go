package parleytest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// transcript is what one reader received of a channel.
type transcript struct {
	name string

	mu    sync.Mutex
	lines []line
	err   error
}

// line is an entry, or a reset after which reading resumed.
type line struct {
	reset bool
	id    int64
	text  string
}

func (tr *transcript) note(l line) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.lines = append(tr.lines, l)
}

func (tr *transcript) end(ctx context.Context, err error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if ctx.Err() == nil {
		tr.err = err
	}
}

// frame records one frame of a stream.
func (tr *transcript) frame(raw []byte) error {
	var f struct {
		Type  string
		ID    int64
		Text  string
		First int64  `json:"first_id"`
		Last  int64  `json:"last_id"`
		Why   string `json:"reason"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return fmt.Errorf("%q: %w", raw, err)
	}
	switch f.Type {
	case "message":
		tr.note(line{id: f.ID, text: f.Text})
	case "reset":
		tr.note(line{reset: true, id: (&parley.Reset{Reason: f.Why, First: f.First, Last: f.Last}).After()})
	}
	return nil
}

// last returns the last id that was read, and the number of resets.
func (tr *transcript) last() (id int64, resets int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, l := range tr.lines {
		if id = l.id; l.reset {
			resets++
		}
	}
	return id, resets
}

// judge demands that what was read after each reset continues it without a gap, and that
// what was read last is what the log holds.
func (tr *transcript) judge(t *testing.T, log []parley.Message, resets int) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	at, seen := int64(0), 0
	for _, l := range tr.lines {
		switch {
		case l.reset:
			at = l.id
			seen++
		case l.id != at+1:
			t.Errorf("%s: %d follows %d: %v", tr.name, l.id, at, tr.lines)
			return
		default:
			if at = l.id; seen == resets && log[l.id-1].Text != l.text {
				t.Errorf("%s: %d is %q, the log has %q", tr.name, l.id, l.text, log[l.id-1].Text)
			}
		}
	}
	if seen != resets || at != int64(len(log)) || tr.err != nil {
		t.Errorf("%s: %d resets, ends at %d of %d, %v", tr.name, seen, at, len(log), tr.err)
	}
}

// readers read room from 0 on a node, over every transport; readers of many channels also
// read another channel.
func readers(t *testing.T, m *member) (all []*transcript) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	add := func(name string, read func(context.Context, *transcript) error) {
		tr := &transcript{name: name + " on " + m.addr}
		all = append(all, tr)
		running.Go(func() { tr.end(ctx, read(ctx, tr)) })
	}
	for _, via := range client.Transports() {
		add(string(via), func(ctx context.Context, tr *transcript) error { return subscribe(ctx, m.url, via, tr) })
	}
	add("sse of many", func(ctx context.Context, tr *transcript) error { return manySSE(ctx, m.url, tr) })
	add("websocket of many", func(ctx context.Context, tr *transcript) error { return manySocket(ctx, m.url, tr) })
	add("long-poll of many", func(ctx context.Context, tr *transcript) error { return manyPolls(ctx, m.url, tr) })
	return all
}

func subscribe(ctx context.Context, url string, via client.Transport, tr *transcript) error {
	s := parleytest.NewClient(url, "").Subscribe("room", client.Options{From: client.At(0), Transport: via})
	defer s.Close()
	for {
		e, err := s.Next(ctx)
		if err != nil {
			return err
		}
		switch {
		case e.Reset != nil:
			tr.note(line{reset: true, id: e.Reset.After()})
		case e.Type == "message":
			tr.note(line{id: e.ID, text: e.Message.Text})
		}
	}
}

func manySSE(ctx context.Context, base string, tr *transcript) error {
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/api/stream?channel_id=room&channel_id=other&after=room:0,other:0", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if err := tr.frame(roomOnly(data)); err != nil {
			return err
		}
	}
	return fmt.Errorf("the stream ended")
}

// roomOnly leaves out frames of other channels.
func roomOnly(frame string) []byte {
	if !strings.Contains(frame, `"channel":"room"`) {
		return []byte("{}")
	}
	return []byte(frame)
}

func manySocket(ctx context.Context, base string, tr *transcript) error {
	conn, _, err := websocket.Dial(ctx, base+"/ws", nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	for _, channel := range []string{"other", "room"} {
		if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"subscribe","channel":%q,"after":0}`, channel)); err != nil {
			return err
		}
	}
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		for frame := range strings.SplitSeq(string(b), "\n") {
			if err := tr.frame(roomOnly(frame)); err != nil {
				return err
			}
		}
	}
}

// manyPolls polls like a client that hands back cursor and epoch.
func manyPolls(ctx context.Context, base string, tr *transcript) error {
	cursor, epoch := "room:0,other:0", ""
	for {
		req, err := http.NewRequestWithContext(ctx, "GET", base+"/api/messages/poll?channel_id=room&channel_id=other&timeout=20&"+
			url.Values{"after": {cursor}, "epoch": {epoch}}.Encode(), nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		var answer struct {
			Messages      []json.RawMessage
			Cursor, Epoch string
			Reset         []json.RawMessage
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			return fmt.Errorf("%s: %v", resp.Status, err)
		}
		for _, frame := range append(answer.Reset, answer.Messages...) {
			if err := tr.frame(roomOnly(string(frame))); err != nil {
				return err
			}
		}
		cursor, epoch = answer.Cursor, answer.Epoch
	}
}

// until waits until ok holds.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(testenv.Patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// entries returns all entries of a channel.
func entries(t *testing.T, m *member, channel parley.ChannelID) []parley.Message {
	t.Helper()
	run, err := m.store.Read(t.Context(), channel, parley.Cursor{}, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return run.Entries
}

// A store that lost entries starts a new epoch: every session, on any transport and any
// node, receives a reset and then what follows.
func TestANewEpochReachesEverySession(t *testing.T) {
	for name, faults := range map[string]parleytest.BusFaults{"healthy": {}, "deaf": {Deaf: true}} {
		for _, survive := range []int64{3, 0} {
			t.Run(fmt.Sprintf("%s, %d survive", name, survive), func(t *testing.T) {
				t.Parallel()
				store := mem.NewStore(mem.StoreConfig{Projected: true})
				c := newCluster(t, 3, over(store), faults)
				post := func(from, n int) {
					for i := range n {
						p := parleytest.NewClient(c.members[i%3].url, "tess")
						if _, err := p.Publish(t.Context(), "room", client.Draft{Text: fmt.Sprint(from + i)}); err != nil {
							t.Fatal(err)
						}
					}
				}
				post(0, 11)
				var all []*transcript
				for _, m := range c.members {
					all = append(all, readers(t, m)...)
				}
				for _, tr := range all {
					until(t, tr.name+" has everything", func() bool { id, _ := tr.last(); return id == 11 })
				}
				store.Promote(func(parley.ChannelID, int64) int64 { return survive })
				post(100, 20) // beyond the old head: ids alone reveal nothing
				for _, tr := range all {
					until(t, tr.name+" has a reset", func() bool { _, n := tr.last(); return n > 0 })
				}
				post(200, 5)
				log := entries(t, c.members[0], "room")
				for _, tr := range all {
					until(t, tr.name+" has what came after", func() bool { id, _ := tr.last(); return id >= int64(len(log)) })
				}
				for _, tr := range all {
					tr.judge(t, log, 1)
				}
			})
		}
	}
}

// The same while others publish, and readers on all transports are in the middle of receiving:
// nothing of the old epoch follows the reset, and nothing of the new one precedes it.
func TestANewEpochBeginsWhileOthersPublish(t *testing.T) {
	for name, faults := range map[string]parleytest.BusFaults{
		"healthy":          {},
		"loses and delays": {Lose: 0.3, Repeat: 0.2, Delay: 20 * time.Millisecond},
	} {
		for _, lost := range []int64{2, 1000} {
			t.Run(fmt.Sprintf("%s, %d lost", name, lost), func(t *testing.T) {
				t.Parallel()
				store := mem.NewStore(mem.StoreConfig{Projected: true})
				c := newCluster(t, 3, over(store), faults)
				var all []*transcript
				for _, m := range c.members {
					all = append(all, readers(t, m)...)
				}
				halfway := make(chan struct{}, 6)
				var publishing sync.WaitGroup
				for i, channel := range []string{"room", "room", "room", "other", "other", "other"} {
					publishing.Go(func() {
						p := parleytest.NewClient(c.members[i%3].url, "tess")
						for n := range 100 {
							if _, err := p.Publish(t.Context(), channel, client.Draft{Text: fmt.Sprint(i, "-", n)}); err != nil {
								t.Error(err)
							}
							if n == 50 {
								halfway <- struct{}{}
							}
						}
					})
				}
				for range 6 {
					<-halfway
				}
				store.Promote(func(_ parley.ChannelID, last int64) int64 { return max(last-lost, 0) })
				publishing.Wait()
				log := entries(t, c.members[0], "room")
				for _, tr := range all {
					until(t, tr.name+" has a reset and what came after", func() bool {
						id, n := tr.last()
						return n > 0 && id >= int64(len(log))
					})
				}
				for _, tr := range all {
					tr.judge(t, log, 1)
				}
			})
		}
	}
}
