package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/ingest"
)

// node is a node over a store, and what became of records there.
type node struct {
	*ingest.Ingest
	store *mem.Handle
	done  map[string]int
}

func newNode(t *testing.T, s *mem.Store) *node {
	n := &node{store: s.Open(), done: map[string]int{}}
	log := slog.New(slog.DiscardHandler)
	f := feed.New(n.store, feed.Config{Logger: log})
	c := chat.New(n.store, f, chat.Config{})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{f.Run, c.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); running.Wait() })
	events := parley.Events{Ingested: func(result string) { n.done[result]++ }}
	n.Ingest = ingest.New(n.store, c, log, events.Complete())
	return n
}

// record is the nth of a partition.
func record(n int64, key, value string) parley.Record {
	return parley.Record{Topic: "orders", Partition: 3, Offset: n, Key: key, Value: []byte(value)}
}

func (n *node) take(t *testing.T, records ...parley.Record) {
	t.Helper()
	if err := n.Take(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

// entries are those of a channel as user: text.
func (n *node) entries(t *testing.T, channel parley.ChannelID) (all []string) {
	t.Helper()
	run, err := n.store.Read(t.Context(), channel, parley.Cursor{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range run.Entries {
		all = append(all, fmt.Sprintf("%s: %s%s", m.User, m.Text, m.Data))
	}
	return all
}

func (n *node) from(t *testing.T) int64 {
	t.Helper()
	at, known, err := n.From(t.Context(), "orders", 3)
	if err != nil || known != (at != 0) {
		t.Fatal(at, known, err)
	}
	return at
}

func is(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestRecordsArePublishedOnceEach(t *testing.T) {
	s := mem.NewStore(mem.StoreConfig{})
	a, b := newNode(t, s), newNode(t, s)
	is(t, "the first position", a.from(t), 0)
	records := []parley.Record{
		record(0, "room", `{"user":"alice","text":"one"}`),
		record(1, "room", `{"text":"two","key":"its own"}`),
		record(2, "", `{"channel_id":"other","user":"bob","data":{"n":3}}`),
		record(3, "room", `{"user":"alice","body":"four"}`),
	}
	a.take(t, records...)
	is(t, "the position", b.from(t), 4)
	b.take(t, append(records[2:], record(4, "room", `{"user":"alice","text":"five"}`))...) // which had begun before that
	is(t, "the position", a.from(t), 5)
	a.take(t, records[0]) // late: the position does not go back
	is(t, "the position", a.from(t), 5)
	is(t, "room", a.entries(t, "room"), []string{"alice: one", "guest: two", "alice: four", "alice: five"})
	is(t, "other", a.entries(t, "other"), []string{`bob: {"n":3}`})
	is(t, "results", b.done, map[string]int{"repeated": 2, "stored": 1})
}

func TestBadRecordsAreSkipped(t *testing.T) {
	n := newNode(t, mem.NewStore(mem.StoreConfig{}))
	n.take(t,
		record(0, "room", `{"user":"alice","text":"one"}`),
		record(1, "room", ``),
		record(2, "room", `[]`),
		record(3, "room", `{"text":`),
		record(4, "a b", `{"text":"x"}`),
		record(5, "", `{"text":"x"}`),
		record(6, "$control", `{"text":"x"}`),
		record(7, "room", `{"text":""}`),
		record(8, "room", `{"text":"x","user":"a b"}`),
		record(9, "room", `{"text":"`+strings.Repeat("x", 20_000)+`"}`),
		record(10, "room", `{"text":"x","thread":999}`),
		record(11, "room", `{"text":"x","thread":"no"}`),
		record(12, "room", `{"user":"alice","text":"two"}`))
	n.take(t, record(13, "$ingest/orders/3", `{"text":"x"}`)) // alone
	is(t, "room", n.entries(t, "room"), []string{"alice: one", "alice: two"})
	is(t, "results", n.done, map[string]int{"stored": 2, "skipped": 12})
	is(t, "the position", n.from(t), 14)
}

// While the store is away records wait, and each is stored once whatever became of the tries.
func TestRecordsWaitForTheStore(t *testing.T) {
	n := newNode(t, mem.NewStore(mem.StoreConfig{}))
	n.take(t, record(0, "room", `{"user":"alice","text":"one"}`))
	n.store.Fail(mem.Refused, mem.Unanswered, mem.Unstored)
	n.take(t, record(1, "room", `{"user":"alice","text":"two"}`))
	is(t, "room", n.entries(t, "room"), []string{"alice: one", "alice: two"})
	is(t, "the position", n.from(t), 2)
	n.store.FailReads(1)
	if _, _, err := n.From(t.Context(), "orders", 3); err == nil {
		t.Error("a position that cannot be read is known")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.store.Fail(mem.Refused)
	if err := n.Take(ctx, []parley.Record{record(2, "room", `{"text":"x"}`)}); err == nil {
		t.Error("a record is done with although nothing was stored")
	}
}

func TestLongTopicsHaveKeysToo(t *testing.T) {
	n := newNode(t, mem.NewStore(mem.StoreConfig{}))
	for i, topic := range []string{strings.Repeat("t", 249), strings.Repeat("t", 248)} {
		for range 2 {
			n.take(t, parley.Record{Topic: topic, Partition: 1<<31 - 1, Offset: 1<<62 + 1, Key: "room", Value: []byte(`{"text":"x"}`)})
		}
		is(t, "entries", len(n.entries(t, "room")), i+1)
		at, known, err := n.From(t.Context(), topic, 1<<31-1)
		if err != nil || !known || at != 1<<62+2 {
			t.Errorf("position %d %v %v", at, known, err)
		}
	}
}
