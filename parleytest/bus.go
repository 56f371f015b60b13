package parleytest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// BusHarness holds the connections of at least three nodes, whose Run has not been called.
type BusHarness struct {
	Buses []parley.Bus
	Break func() // ends all connections for a moment, so that they are made again
}

// RunBus tests every sentence of the contract of parley.Bus that a healthy bus shows, and that the bus reports
// when it was not healthy. open is called once for each test.
func RunBus(t *testing.T, open func(t *testing.T) BusHarness) {
	for name, test := range map[string]func(*testing.T, []*busNode){
		"what is published after Join is delivered": testBusJoin,
		"only who has joined is told":               testBusLeave,
		"an envelope arrives as it was sent":        testBusWhole,
		"many at once all arrive":                   testBusMany,
		"joins and leaves at once do no harm":       testBusChurn,
		"an ended context is an error":              testBusContext,
	} {
		t.Run(name, func(t *testing.T) {
			var nodes []*busNode
			for _, b := range open(t).Buses {
				nodes = append(nodes, runBus(t, b))
			}
			test(t, nodes)
		})
	}
	t.Run("after a broken connection Lost is called and all is joined again", func(t *testing.T) {
		h := open(t)
		var nodes []*busNode
		for _, b := range h.Buses {
			nodes = append(nodes, runBus(t, b))
		}
		for round := range int64(3) {
			nodes[0].join(room)
			nodes[1].join(room)
			before := []int{nodes[0].losses(), nodes[1].losses()}
			h.Break()
			for i, n := range nodes[:2] {
				n.wait("Lost", func([]parley.Envelope) bool { return n.losses() > before[i] })
			}
			// What is published before all have reconnected may be lost.
			for sent, arrived := int64(0), false; !arrived; sent++ {
				err := nodes[2].Publish(t.Context(), parley.Envelope{Channel: room, Head: 1000*round + sent + 1})
				if sent == 1000 {
					t.Fatalf("nothing is delivered after the connection broke, %v", err)
				}
				arrived = nodes[0].moment(1000*round) && nodes[1].moment(1000*round)
			}
		}
	})
	t.Run("Join waits for Run", func(t *testing.T) {
		b := open(t).Buses[0]
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Join(ctx, room); err == nil {
			t.Error("Join has returned nil, and nothing can be delivered")
		}
		joined := make(chan error, 1) // buffered for its only sender
		go func() { joined <- b.Join(t.Context(), room) }()
		n := runBus(t, b)
		if err := <-joined; err != nil {
			t.Fatal(err)
		}
		n.publish(parley.Envelope{Channel: room, Head: 1})
		n.want(1)
	})
}

// busNode is a node's connection and what it received.
type busNode struct {
	*testing.T
	parley.Bus
	news chan struct{} // holds a token if something arrived

	mu   sync.Mutex
	got  []parley.Envelope
	lost int
}

func runBus(t *testing.T, b parley.Bus) *busNode {
	n := &busNode{T: t, Bus: b, news: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1) // buffered for its only sender
	go func() { done <- b.Run(ctx, n) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *busNode) Deliver(e parley.Envelope) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, e)
	select {
	case n.news <- struct{}{}:
	default:
	}
}

func (n *busNode) Lost() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost++
	select {
	case n.news <- struct{}{}:
	default:
	}
}

func (n *busNode) losses() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// moment waits a moment for an envelope with a head above head, and reports whether it arrived.
func (n *busNode) moment(head int64) bool {
	soon := time.NewTimer(20 * time.Millisecond)
	defer soon.Stop()
	for {
		n.mu.Lock()
		arrived := slices.ContainsFunc(n.got, func(e parley.Envelope) bool { return e.Head > head })
		n.mu.Unlock()
		if arrived {
			return true
		}
		select {
		case <-n.news:
		case <-soon.C:
			return false
		}
	}
}

func (n *busNode) join(channel parley.ChannelID) {
	n.Helper()
	if err := n.Join(n.Context(), channel); err != nil {
		n.Fatal(err)
	}
}

func (n *busNode) publish(e parley.Envelope) {
	n.Helper()
	if err := n.Publish(n.Context(), e); err != nil {
		n.Fatal(err)
	}
}

// wait waits until ok accepts what was delivered.
func (n *busNode) wait(what string, ok func(got []parley.Envelope) bool) {
	n.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	for {
		n.mu.Lock()
		got := slices.Clone(n.got)
		n.mu.Unlock()
		if ok(got) {
			return
		}
		select {
		case <-n.news:
		case <-late.C:
			n.Fatalf("not in time: %s; delivered %+v", what, got)
		}
	}
}

// has reports whether an envelope with a head was delivered.
func (n *busNode) has(head int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.got, func(e parley.Envelope) bool { return e.Head == head })
}

// want waits for an envelope with a head.
func (n *busNode) want(head int64) {
	n.Helper()
	n.wait(fmt.Sprint("head ", head), func(got []parley.Envelope) bool {
		return slices.ContainsFunc(got, func(e parley.Envelope) bool { return e.Head == head })
	})
}

func testBusJoin(t *testing.T, nodes []*busNode) {
	for i := range int64(20) {
		channel := parley.ChannelID(fmt.Sprint("c", i))
		for _, n := range nodes {
			n.join(channel)
			n.join(channel)
		}
		for k, from := range nodes {
			from.publish(parley.Envelope{Channel: channel, Head: 10*i + int64(k) + 1})
		}
		for _, n := range nodes { // the publisher too
			for k := range nodes {
				n.want(10*i + int64(k) + 1)
			}
		}
	}
}

func testBusLeave(t *testing.T, nodes []*busNode) {
	in, out, left := nodes[0], nodes[1], nodes[2]
	for _, n := range nodes {
		n.join("all")
	}
	in.join(room)
	out.join("room:2")
	left.join(room)
	if err := left.Leave(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	if err := left.Leave(t.Context(), "never"); err != nil {
		t.Fatal(err)
	}
	out.publish(parley.Envelope{Channel: "roo", Head: 1})
	// A bus may reorder, and a leave takes a moment, on a separate connection too: this counts rounds until
	// several in a row have bypassed a node that has left.
	const enough, most = 5, 1000
	head := int64(1)
	for round, quiet := 0, 0; quiet < enough; round++ {
		if round == most {
			t.Fatalf("%d rounds after it has left, a node still receives what is published in the channel", round)
		}
		head += 2
		out.publish(parley.Envelope{Channel: room, Head: head})
		out.publish(parley.Envelope{Channel: "all", Head: head + 1})
		in.want(head)
		for _, n := range nodes {
			n.want(head + 1)
		}
		if quiet++; left.has(head) {
			quiet = 0
		}
	}
	for _, n := range nodes {
		n.mu.Lock()
		for _, e := range n.got {
			if e.Channel == "roo" || e.Channel == "room:2" || e.Channel == room && n == out {
				t.Errorf("delivered where it was not joined: %+v", e)
			}
		}
		n.mu.Unlock()
	}
}

func testBusWhole(t *testing.T, nodes []*busNode) {
	name := parley.ChannelID("a:b@c-_.")
	nodes[1].join(name)
	text := []byte(`{"type":"typing"}`)
	was := func() parley.Envelope {
		target := parley.Message{ID: 3, Channel: name, User: "alice", Text: "\x00 e\u0301 \u2028", Time: 5, Count: 3, Edited: true,
			Reactions: []parley.Reaction{{Emoji: "👍", Count: 2, Users: []parley.UserID{"a", "b"}}}}
		return parley.Envelope{Node: "n1", Epoch: "e1", Channel: name, Head: 1 << 60, Messages: []parley.Message{
			{ID: 7, Channel: name, User: "bob", Name: "Bob", Text: "hi", Data: []byte(`{"a":1}`), Thread: 3, Key: "k",
				Join: true, Time: 1_774_684_800_123_456, Count: 6},
			{ID: 8, Channel: name, User: "alice", Time: 1_774_684_800_123_457, Count: 6, Change: parley.ChangeEdit, Of: 3, Target: &target}},
			Event: &parley.Event{Name: "typing", Object: []byte(`{"type":"typing"}`), Skip: "bob", Presence: true}}
	}
	e := was()
	e.Event.Object = text
	nodes[0].publish(e)
	copy(text, "XXXXXXX")
	e.Messages[0].Text = "changed"
	nodes[1].want(1 << 60)
	nodes[1].mu.Lock()
	defer nodes[1].mu.Unlock()
	if got := nodes[1].got[0]; !reflect.DeepEqual(got, was()) {
		t.Errorf("delivered %+v, want %+v", got, was())
	}
}

func testBusMany(t *testing.T, nodes []*busNode) {
	const each = 200
	for _, n := range nodes {
		n.join(room)
	}
	var wait sync.WaitGroup
	for k, n := range nodes {
		wait.Go(func() {
			for i := range int64(each) {
				if err := n.Publish(t.Context(), parley.Envelope{Channel: room, Head: int64(k)*each + i + 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for _, n := range nodes {
		n.wait("all heads", func(got []parley.Envelope) bool {
			heads := map[int64]bool{}
			for _, e := range got {
				heads[e.Head] = true
			}
			return len(heads) == each*len(nodes)
		})
	}
}

func testBusChurn(t *testing.T, nodes []*busNode) {
	var wait sync.WaitGroup
	for _, n := range nodes {
		for c := range 3 {
			channel := parley.ChannelID(fmt.Sprint("c", c))
			wait.Go(func() {
				for i := range 30 {
					err := n.Join(t.Context(), channel)
					if err == nil && i < 29 {
						err = n.Leave(t.Context(), channel)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wait.Wait()
	for c := range 3 {
		nodes[0].publish(parley.Envelope{Channel: parley.ChannelID(fmt.Sprint("c", c)), Head: int64(c) + 1})
	}
	for _, n := range nodes {
		for c := range 3 {
			n.want(int64(c) + 1)
		}
	}
}

func testBusContext(t *testing.T, nodes []*busNode) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := nodes[0].Publish(ctx, parley.Envelope{Channel: room}); err == nil {
		t.Error("an envelope without time was published")
	}
}
