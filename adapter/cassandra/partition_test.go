package cassandra_test

import (
	"fmt"
	"strings"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
)

// However long a channel grows, a partition of its log and of what is folded over it has no more rows than a bucket has ids, each
// with a key at most; one of an index no more than a span has, which is a hundred buckets. Keys of one author expire.
func TestPartitionsStayBounded(t *testing.T) {
	cfg := config(t)
	s := open(t, cfg, 1)[0]
	const messages = 400
	for at := 0; at < messages; at += 50 {
		ds := make([]parley.Draft, 50)
		for i := range ds {
			ds[i] = parley.Draft{User: "alice", Key: fmt.Sprint(at + i), Text: "hello @bob"}
		}
		stored(t, s.Append(t.Context(), room, ds...))
	}
	for id := int64(1); id <= messages; id += 9 {
		change := parley.Change{Kind: parley.ChangeDelete, Of: id}
		if id%2 == 0 {
			text := "edited @carol"
			change = parley.Change{Kind: parley.ChangeEdit, Of: id, Text: &text}
		}
		stored(t, s.Append(t.Context(), room, parley.Draft{User: "alice", Change: &change}))
	}
	project(t, s)
	c := gocql.NewCluster(server.URL(t))
	c.Keyspace = cfg.URL[strings.LastIndexByte(cfg.URL, '/')+1:]
	session, err := c.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for table, key := range map[string]string{"log": "channel, bucket", "now": "channel, bucket",
		"deleted": "channel, span", "mentions": "channel, user, span", "keys": "channel, user"} {
		largest, partitions := 0, 0
		rows := session.Query("SELECT " + key + ", COUNT(*) FROM " + table + " GROUP BY " + key).Iter()
		for {
			row := map[string]any{}
			if !rows.MapScan(row) {
				break
			}
			partitions++
			largest = max(largest, int(row["count"].(int64)))
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d partitions, at most %d rows", table, partitions, largest)
		switch {
		case partitions == 0:
			t.Errorf("%s is empty, so nothing is shown of it", table)
		case table == "keys" || strings.HasSuffix(key, "span"):
			if largest > min(messages, 100*int(cfg.Bucket)) {
				t.Errorf("a partition of %s has %d rows", table, largest)
			}
		case largest > 2*int(cfg.Bucket)+1:
			t.Errorf("a partition of %s has %d rows, a bucket %d ids", table, largest, cfg.Bucket)
		}
	}
}
