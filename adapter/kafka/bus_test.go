package kafka_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/kafka"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

func TestBus(t *testing.T) {
	parleytest.RunBus(t, func(t *testing.T) parleytest.BusHarness {
		w := new(parleytest.Wires)
		cfg := config(t)
		cfg.Dial = w.Dial
		return parleytest.BusHarness{Buses: buses(t, cfg), Break: w.Cut}
	})
}

func buses(t *testing.T, cfg kafka.Config) (all []parley.Bus) {
	for range 3 {
		b, err := kafka.NewBus(cfg)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// raw is a client of another system.
func raw(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(server.URL(t)))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func topicOf(cfg kafka.Config) string { return cfg.URL[strings.LastIndexByte(cfg.URL, '/')+1:] }

func TestOnlyWhatWasJoinedIsDecoded(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	b := buses(t, cfg)[0].(*kafka.Bus)
	got := make(chan parley.Envelope, 10)
	parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }})
	parleytest.Join(t, b, "room")
	cl := raw(t)
	for _, r := range []*kgo.Record{
		{Key: []byte("other"), Value: []byte("damaged")},
		{Key: []byte("room"), Value: []byte("of another system")},
		{Key: []byte("room"), Headers: []kgo.RecordHeader{{Key: "parley", Value: []byte("\x02later")}}},
		{Value: []byte("without a key")},
	} {
		r.Topic = topicOf(cfg)
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Publish(t.Context(), parley.Envelope{Channel: "room", Head: 7}); err != nil {
		t.Fatal(err)
	}
	if e := parleytest.Soon(t, "an envelope", got); e.Head != 7 {
		t.Errorf("delivered %+v", e)
	}
	if n := b.Ignored(); n != 2 {
		t.Errorf("%d were decoded and ignored, want 2", n)
	}
}

func TestOtherSystemsReadTheValue(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Value = func(dst []byte, e *parley.Envelope) []byte {
		if len(e.Messages) == 0 {
			return nil
		}
		return append(dst, "value of "+e.Channel...)
	}
	b := buses(t, cfg)[0]
	parleytest.StartBus(t, b, parleytest.Listener{})
	parleytest.Join(t, b, "any")
	for _, e := range []parley.Envelope{
		{Channel: "room", Head: 1, Messages: []parley.Message{{ID: 1}}},
		{Channel: "room", Event: new(parley.Event)},
		{Channel: "$heads", Event: new(parley.Event)}, {Channel: "room", Head: 2, Messages: []parley.Message{{ID: 2}}},
	} {
		if err := b.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	cl := raw(t, kgo.ConsumeTopics(topicOf(cfg)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var values []string
	for len(values) < 3 {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Key)+": "+string(r.Value)) })
	}
	if want := []string{"room: value of room", "room: ", "room: value of room"}; !slices.Equal(values, want) {
		t.Errorf("read %q, want %q", values, want)
	}
}

func TestAddedPartitionsAreRead(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	all := buses(t, cfg)
	got, lost, otherLost := make(chan parley.Envelope, 1000), make(chan struct{}, 1000), make(chan struct{}, 1000)
	parleytest.StartBus(t, all[0], parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }, OnLost: func() { lost <- struct{}{} }})
	parleytest.StartBus(t, all[1], parleytest.Listener{OnLost: func() { otherLost <- struct{}{} }})
	names := make([]parley.ChannelID, 40)
	for i := range names {
		names[i] = parley.ChannelID(fmt.Sprint("c", i))
		parleytest.Join(t, all[0], names[i])
	}
	parleytest.Join(t, all[1], "other")
	req := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = topicOf(cfg), 16
	req.Topics, req.TimeoutMillis = append(req.Topics, topic), 5000
	if res, err := req.RequestWith(t.Context(), raw(t)); err != nil || kerr.ErrorForCode(res.Topics[0].ErrorCode) != nil {
		t.Fatal(res, err)
	}
	parleytest.Soon(t, "Lost", lost)
	parleytest.Soon(t, "Lost on the other node", otherLost)
	heard := make(chan struct{}) // closed when an envelope of each channel was received
	go func() {
		missing := map[parley.ChannelID]bool{}
		for _, name := range names {
			missing[name] = true
		}
		for e := range got {
			if delete(missing, e.Channel); len(missing) == 0 {
				close(heard)
				return
			}
		}
	}()
	var failed error
	for range 100 { // Lost may have another reason, and what is published before both nodes have read the partitions is lost
		for _, name := range names { // they lie in other partitions than before
			failed = errors.Join(failed, all[1].Publish(t.Context(), parley.Envelope{Channel: name, Head: 1}))
		}
		select {
		case <-heard:
			return
		case <-time.After(time.Second):
		}
	}
	t.Errorf("no envelope of some channels was received; Publish returned %v", failed)
}

func TestBusOverTLSWithPassword(t *testing.T) {
	t.Parallel()
	host, port, err := net.SplitHostPort(server.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("%s:%d/t%d?ca=%s/tls/ca.crt", host, n+2000, systems.Add(1), server.Dir())
	b := buses(t, kafka.Config{URL: "kafka://parley:secret@" + at})[0]
	got := make(chan parley.Envelope, 10)
	parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }})
	parleytest.Join(t, b, "room")
	if err := b.Publish(t.Context(), parley.Envelope{Channel: "room", Head: 7}); err != nil {
		t.Fatal(err)
	}
	parleytest.Soon(t, "an envelope", got)
	wrong := buses(t, kafka.Config{URL: "kafka://parley:wrong@" + at})[0]
	parleytest.SaysWhyNot(t, wrong, "SASL")
	if err := wrong.Publish(t.Context(), parley.Envelope{Channel: "room", Head: 7}); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("published with a wrong password: %v", err)
	}
}

// A broker of three is killed: once its partitions have another leader, all hear all again. Then all are: publishing says why
// nothing arrives.
func TestBusOutlivesItsBrokers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		testenv.Skip(t, "three Kafka brokers: not in short runs")
	}
	s := testenv.NewService("kafka", "--nodes", "3", "--heap", "256")
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	all := buses(t, kafka.Config{URL: hosts(s.URL(t))})
	got := make([]chan parley.Envelope, len(all))
	for i, b := range all {
		got[i] = make(chan parley.Envelope, 100_000)
		parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got[i] <- e }})
		parleytest.Join(t, b, "room")
	}
	head := int64(0)
	// reaches demands that what one node publishes comes to all, tried until it does.
	reaches := func(when string) {
		t.Helper()
		for _, from := range all {
			head++
			want := head
			arrived := make(chan struct{})
			go func() {
				defer close(arrived)
				for i := range all {
					for (<-got[i]).Head < want {
					}
				}
			}()
			for done := false; !done; {
				_ = from.Publish(t.Context(), parley.Envelope{Channel: "room", Head: want})
				select {
				case <-arrived:
					done = true
				case <-time.After(100 * time.Millisecond):
				}
			}
			t.Log(when)
		}
	}
	reaches("at first")
	if _, err := s.Control("kill", "--node", "2"); err != nil {
		t.Fatal(err)
	}
	reaches("without a broker")
	for _, node := range []string{"1", "3"} {
		if _, err := s.Control("kill", "--node", node); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	for late := time.Now().Add(time.Minute); err == nil || !strings.Contains(err.Error(), "connection refused"); {
		if time.Now().After(late) {
			t.Fatalf("without any broker: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
		err = all[0].Publish(t.Context(), parley.Envelope{Channel: "$heads"})
	}
	t.Log(err)
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, url := range []string{"", "http://127.0.0.1", "kafka://u:hidden@127.0.0.1:x", "kafka://a?sasl=plain", "kafka://u:hidden@a?sasl=md5",
		"kafka://a?ca=/not/there", "kafka://a?other=1"} {
		if _, err := kafka.NewBus(kafka.Config{URL: url}); err == nil {
			t.Errorf("%q is taken", url)
		} else if strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	for _, url := range []string{"kafka://a,b,kafka://c:1/topic", "kafka://u:p@a?sasl=scram-sha-512", "kafka://u:p@a?tls=true"} {
		if _, err := kafka.NewBus(kafka.Config{URL: url}); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}
