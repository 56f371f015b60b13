package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-server/parley/testenv"
)

// service starts a service that ends with the test.
func service(t *testing.T, name string, args ...string) *testenv.SharedService {
	t.Helper()
	s := testenv.NewService(name, args...)
	s.URL(t)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Another system follows a channel in Kafka, with the consumer of docs/api.md.
func TestAPythonClientFollowsAChannelInKafka(t *testing.T) {
	t.Parallel()
	kafka, redis := service(t, "kafka", "--heap", "256"), service(t, "redis")
	store := redis.URL(t)
	all := clusterOf(t, 2, "--store", store, "--presence", store, "--bus", "kafka://"+kafka.URL(t))
	urls := []string{all[0].URL, all[1].URL}
	post(t, urls[0], "general", "before")
	becomes(t, "the bus", true, func() bool {
		_, answer := request(t, "GET", urls[1]+"/readyz", "")
		return strings.Contains(answer, `"bus":{"ok":true`)
	})
	client := testenv.Python(t, "clients/kafka_follow.py", kafka.URL(t), "general", urls[0])
	var m struct {
		message
		Type   string
		Change string
	}
	client.JSON(&m)
	if m.ID != 1 || m.Text != "before" {
		t.Fatalf("first came %+v", m)
	}
	client.Expect("ready")
	for i := range 20 {
		post(t, urls[i%2], "general", fmt.Sprint("message ", i))
		post(t, urls[i%2], "another", "not for it")
	}
	until(t, client, 2, "message 19")
	if status, answer := request(t, "PATCH", urls[1]+"/api/messages/general/2?user=alice", `{"text":"edited"}`); status != 200 {
		t.Fatal(status, answer)
	}
	if client.JSON(&m); m.ID != 22 || m.Type != "message-changed" || m.Change != "edit" {
		t.Errorf("then came %+v", m)
	}
}

// Records are published once each, in order, although the node and Kafka are killed during the run. The full run has
// PARLEY_INGEST_RECORDS=100000.
func TestRecordsOfATopicArePublishedOnceEach(t *testing.T) {
	t.Parallel()
	kafka := service(t, "kafka", "--heap", "256")
	count := 3000
	if n, err := strconv.Atoi(os.Getenv("PARLEY_INGEST_RECORDS")); err == nil {
		count = n
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(kafka.URL(t)), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	node := testenv.Server(t, "--ingest", "kafka://"+kafka.URL(t)+"/orders")
	const channels = 20
	produce := func(from, to int) {
		for i := from; i < to; i++ {
			r := kgo.Record{Key: fmt.Appendf(nil, "room%d", i%channels), Value: fmt.Appendf(nil, `{"user":"alice","text":"%d"}`, i)}
			if i%500 == 7 {
				cl.Produce(t.Context(), &kgo.Record{Key: r.Key, Value: []byte("no message")}, nil)
			}
			cl.Produce(t.Context(), &r, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
		}
		if err := cl.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	heads := func() (sum int) {
		for c := range channels {
			_, answer := request(t, "GET", fmt.Sprintf("%s/api/messages?channel_id=room%d&limit=1", node.URL, c), "")
			var newest []message
			if json.Unmarshal([]byte(answer), &newest) == nil && len(newest) == 1 {
				sum += int(newest[0].ID)
			}
		}
		return sum
	}
	for i := range 2 {
		before := heads()
		produce(i*count/4, (i+1)*count/4)
		becomes(t, "more records", true, func() bool { return heads() > before }) // all or some of the records
		node.Kill()
		node.Restart()
	}
	produce(2*count/4, 3*count/4)
	if _, err := kafka.Control("kill"); err != nil {
		t.Fatal(err)
	}
	if _, err := kafka.Control("up"); err != nil {
		t.Fatal(err)
	}
	produce(3*count/4, count)
	becomes(t, "records that are published", count, heads)
	for c := range channels {
		next := c
		for after := int64(0); next < count; {
			var page []message
			_, answer := request(t, "GET", fmt.Sprintf("%s/api/messages?channel_id=room%d&after=%d&limit=1000", node.URL, c, after), "")
			if err := json.Unmarshal([]byte(answer), &page); err != nil || len(page) == 0 {
				t.Fatalf("room%d after %d: %v, %s", c, after, err, answer)
			}
			for _, m := range page {
				if m.Text != strconv.Itoa(next) {
					t.Fatalf("room%d has %s where %d was due", c, m.Text, next)
				}
				next += channels
				after = m.ID
			}
		}
	}
}
