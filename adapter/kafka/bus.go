package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
	"github.com/parley-server/parley/internal/codec"
	"github.com/parley-server/parley/internal/relay"
)

// Bus implements parley.Bus by a topic, keyed by channel, and another of one partition for what nodes announce about
// all channels. A node reads all partitions from their ends at its start, and drops by the key, before anything is
// decoded, the records of channels that it has not joined.
//
//	begin: topics, ends of the partitions ──▶ ready: read on, write
//	  ▲                                            │
//	  └── an offset is gone, the topic is another, partitions were added: Lost
type Bus struct {
	// fixed after construction
	options  []kgo.Opt
	hosts    string
	feed     string
	heads    string
	value    func([]byte, *parley.Envelope) []byte
	arrivals *relay.Arrivals[*kgo.Record]
	ended    chan struct{} // closed when Run has returned
	tried    chan struct{} // closed when it has tried to begin, with or without success
	ran      atomic.Bool
	ignored  atomic.Int64
	trouble  relay.Trouble
	under    atomic.Int64 // records for all nodes that wait for Kafka
	dropped  atomic.Bool  // the last of them that ended was not taken

	mu     sync.RWMutex
	joined map[string]struct{}
	client *kgo.Client   // nil: not ready
	ready  chan struct{} // closed while it is
}

var _ parley.Bus = (*Bus)(nil)

// headsChannel is the channel that all nodes follow and that other systems do not need.
const headsChannel parley.ChannelID = "$heads"

// header is the name of the header in which nodes find the envelope.
const header = "parley"

// NewBus returns the bus of one node, not connected yet.
func NewBus(cfg Config) (*Bus, error) {
	opts, a, err := cfg.options()
	if err != nil {
		return nil, err
	}
	b := &Bus{options: opts, hosts: strings.Join(a.Hosts, ","), feed: defaultTopic, value: cfg.Value,
		arrivals: relay.NewArrivals[*kgo.Record](), ended: make(chan struct{}), tried: make(chan struct{}),
		joined: map[string]struct{}{}, ready: make(chan struct{})}
	if a.Path != "" {
		b.feed = a.Path
	}
	b.heads = b.feed + ".heads"
	return b, nil
}

// Ignored returns how many envelopes were not delivered because they are of a later version, or
// damaged.
func (b *Bus) Ignored() int64 { return b.ignored.Load() }

// Run implements parley.Bus.
func (b *Bus) Run(ctx context.Context, h parley.BusHandler) error {
	if b.ran.Swap(true) {
		return errors.New("a bus runs once")
	}
	defer close(b.ended)
	ctx, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	working.Go(func() { b.connect(ctx) })
	b.arrivals.Run(ctx, h.Lost, func(r *kgo.Record) { b.deliver(r, h) })
	return nil
}

func (b *Bus) deliver(r *kgo.Record, h parley.BusHandler) {
	for _, head := range r.Headers {
		if head.Key != header {
			continue
		}
		if e, err := codec.DecodeEnvelope(parley.ChannelID(r.Key), string(head.Value)); err == nil {
			h.Deliver(e)
			return
		}
	}
	b.ignored.Add(1)
}

// connect keeps the bus connected until ctx ends.
func (b *Bus) connect(ctx context.Context) {
	began := false
	for try := 0; ctx.Err() == nil; try++ {
		if try > 0 && !backoff.Wait(ctx, try-1) {
			return
		}
		s, err := b.begin(ctx)
		b.trouble.Set(err)
		if try == 0 && !began {
			close(b.tried)
		}
		if err != nil {
			continue
		}
		if began {
			b.arrivals.Lose()
		}
		began, try = true, 0
		b.setReady(s.client)
		s.read(ctx)
		b.setReady(nil)
		s.close()
	}
}

// setReady sets the client that publishes; nil: there is none.
func (b *Bus) setReady(cl *kgo.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client = cl; cl != nil {
		close(b.ready)
	} else {
		b.ready = make(chan struct{})
	}
}

// Publish implements parley.Bus. At the beginning it waits until Run has tried to connect. Records wait up to some
// seconds for a broker that is unavailable, and beyond a number of waiting records publishing fails. What nodes announce comes
// regularly: if the record before has not arrived, the result is why no broker can be reached.
func (b *Bus) Publish(ctx context.Context, e parley.Envelope) error {
	select {
	case <-b.tried:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return fmt.Errorf("publish: %w", context.Cause(ctx))
	}
	b.mu.RLock()
	cl := b.client
	b.mu.RUnlock()
	if cl == nil {
		return b.trouble.NotConnected("Kafka", b.hosts)
	}
	r := &kgo.Record{Topic: b.feed, Key: []byte(e.Channel),
		Headers: []kgo.RecordHeader{{Key: header, Value: codec.AppendEnvelope(make([]byte, 0, 512), &e)}}}
	if e.Channel == headsChannel {
		r.Topic = b.heads
	} else if b.value != nil {
		r.Value = b.value(nil, &e)
	}
	var refused atomic.Pointer[error]
	announced := e.Channel == headsChannel
	late := announced && (b.under.Add(1) > 1 || b.dropped.Load())
	cl.TryProduce(context.WithoutCancel(ctx), r, func(_ *kgo.Record, err error) {
		if err != nil {
			refused.Store(&err)
		}
		if announced {
			b.dropped.Store(err != nil)
			b.under.Add(-1)
		}
	})
	if err := refused.Load(); err != nil { // at once; a later failure loses the envelope
		return fmt.Errorf("publish: %w", *err)
	}
	if late && b.trouble.Last() != nil {
		return b.trouble.NotConnected("Kafka", b.hosts)
	}
	return nil
}

// Join implements parley.Bus: once the bus reads, everything that is published from then on
// arrives.
func (b *Bus) Join(ctx context.Context, channel parley.ChannelID) error {
	if ctx.Err() != nil {
		return fmt.Errorf("join %s: %w", channel, context.Cause(ctx))
	}
	b.mu.Lock()
	b.joined[string(channel)] = struct{}{}
	ready := b.ready
	b.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("join %s: %w", channel, context.Cause(ctx))
	case <-b.ended:
		return fmt.Errorf("join %s: the bus has ended", channel)
	}
}

// Leave implements parley.Bus.
func (b *Bus) Leave(_ context.Context, channel parley.ChannelID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.joined, string(channel))
	return nil
}

// take keeps what this node has joined.
func (b *Bus) take(records []*kgo.Record) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, r := range records {
		if _, ok := b.joined[string(r.Key)]; ok {
			size := len(r.Value)
			for _, h := range r.Headers {
				size += len(h.Value)
			}
			b.arrivals.Put(r, size)
		}
	}
}

// session is a bus that reads and writes, from a begin to the next one.
type session struct {
	bus    *Bus
	client *kgo.Client // writes and asks
	reader *kgo.Client
	topics map[string]topic
}

// beginTime limits a begin.
const beginTime = 15 * time.Second

// begin creates what is missing and finds the ends of the partitions.
func (b *Bus) begin(ctx context.Context) (s *session, err error) {
	ctx, cancel := context.WithTimeout(ctx, beginTime)
	defer cancel()
	s = &session{bus: b}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.client, err = kgo.NewClient(append(b.options[:len(b.options):len(b.options)], kgo.WithHooks(s))...); err != nil {
		return s, fmt.Errorf("connect to Kafka at %s: %w", b.hosts, err)
	}
	for try := 0; ; try++ {
		if s.topics, err = describe(ctx, s.client, b.feed, b.heads); err != nil {
			return s, err
		}
		if s.topics[b.feed].partitions > 0 && s.topics[b.heads].partitions > 0 {
			break
		}
		if try == 0 {
			err = errors.Join(makeTopic(ctx, s.client, b.feed, feedPartitions), makeTopic(ctx, s.client, b.heads, 1))
		}
		if err == nil && !backoff.Wait(ctx, try) {
			err = ctx.Err()
		}
		if err != nil {
			return s, err
		}
	}
	from := map[string]map[int32]kgo.Offset{}
	for name, t := range s.topics {
		for try := 0; ; try++ { // partitions that were just made have no leader
			if from[name], err = ends(ctx, s.client, name, t.partitions); err == nil {
				break
			}
			if !backoff.Wait(ctx, try) {
				return s, err
			}
		}
	}
	s.reader, err = kgo.NewClient(append(b.options[:len(b.options):len(b.options)], kgo.ConsumePartitions(from),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.WithHooks(s))...)
	return s, err
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (s *session) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	s.bus.trouble.Set(err)
}

// OnBrokerDisconnect implements kgo.HookBrokerDisconnect. The reader continues where it was, but what this node or another
// one wished to publish meanwhile may be lost.
func (s *session) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) { s.bus.arrivals.Lose() }

func (s *session) close() {
	for _, cl := range []*kgo.Client{s.reader, s.client} {
		if cl != nil {
			cl.Close()
		}
	}
}

// read reads until the session cannot go on.
func (s *session) read(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() {
		s.watch(ctx)
		stop()
	})
	for {
		fetches := s.reader.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) { s.bus.take(p.Records) })
		if fetches.Err() != nil { // what trying again does not heal
			return
		}
	}
}

// watch returns when the topics are not what they were.
func (s *session) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		is, err := describe(ctx, s.client, s.bus.feed, s.bus.heads)
		if err == nil && !maps.Equal(is, s.topics) {
			return
		}
	}
}
