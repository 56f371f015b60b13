package main

import (
	"fmt"
	"strings"
)

// bar is one promise about speed, with how it is measured.
type bar struct {
	what string
	run  string // name in testenv/bench; "go" for a Go benchmark
	key  string // the row; for go, the benchmark's name
	unit string
	most bool // the value must be at most the limit; otherwise at least
	than float64
	note func(*report) string // shown next to it
}

// order is the order of the runs in the document.
var order = []string{"publish", "publish-redis", "mixed", "mixed-memory",
	"connect", "fanout", "fanout-burst", "fanout-sse", "rooms", "rooms-memory",
	"rooms-flood", "storm", "stalled", "catchup", "idle", "idle-one", "idle-rooms", "idle-sse", "idle-long-poll",
	"million-50000", "peer-centrifuge-idle", "peer-centrifuge-connect", "peer-centrifuge-fanout",
	"peer-socketio-idle", "peer-socketio-connect", "peer-socketio-fanout"}

var parts = []struct {
	title string
	bars  []bar
}{
	{"Durable and prompt", []bar{
		{
			what: "acknowledged appends in the process, 100 publishers, `--fsync commit`",
			run:  "go",
			key:  "BenchmarkAppend100Publishers/keys=false",
			unit: "msgs/s",
			than: 50000,
		},
		{what: "the same with a key on each message", run: "go", key: "BenchmarkAppend100Publishers/keys=true", unit: "msgs/s"},
		{
			what: "acknowledged through WebSocket, 100 publishers",
			run:  "publish",
			key:  "acked_per_s",
			unit: "/s",
			than: 15000,
			note: beside("fdatasync_per_s", "the disk's fdatasync: %s/s"),
		},
		{
			what: "200 messages/s, 100 subscribers on each: WebSocket, p99 beyond the commit",
			run:  "mixed",
			key:  "websocket_beyond_commit_p99",
			unit: "ms",
			most: true,
			than: 10,
			note: beside("websocket_p99", "with the commit: %s ms"),
		},
		{
			what: "the same, event streams",
			run:  "mixed",
			key:  "sse_beyond_commit_p99",
			unit: "ms",
			most: true,
			than: 10,
			note: beside("sse_p99", "with the commit: %s ms"),
		},
		{
			what: "a bare pipelined XADD, 100 publishers, `appendfsync everysec`",
			run:  "go",
			key:  "BenchmarkPublish/XADD/everysec",
			unit: "msgs/s",
		},
		{what: "through a feed into Redis, in 100 channels", run: "go", key: "BenchmarkPublish/100_channels/everysec", unit: "msgs/s"},
		{what: "and in one channel", run: "go", key: "BenchmarkPublish/1_channels/everysec", unit: "msgs/s"},
		{what: "acknowledged through WebSocket, 100 publishers, `--store redis://`", run: "publish-redis", key: "acked_per_s", unit: "/s"},
		{
			what: "through a feed into Cassandra, in one channel, 200 publishers",
			run:  "go",
			key:  "BenchmarkCassandra/channels=1,key=false/publishers=200",
			unit: "msgs/s",
			than: 10000,
		},
		{
			what: "the same with a key on each message",
			run:  "go",
			key:  "BenchmarkCassandra/channels=1,key=true/publishers=200",
			unit: "msgs/s",
			than: 2500,
		},
		{what: "and in 1,000 channels", run: "go", key: "BenchmarkCassandra/channels=1000,key=false/publishers=200", unit: "msgs/s"},
		{
			what: "an idle channel in Cassandra against a plain insert, p50",
			run:  "go",
			key:  "BenchmarkCassandraIdle/key=false",
			unit: "x-insert",
			most: true,
			than: 2,
		},
		{
			what: "the same with a key on each message",
			run:  "go",
			key:  "BenchmarkCassandraIdle/key=true",
			unit: "x-insert",
			most: true,
			than: 4,
		},
		{
			what: "1,000 channels in Cassandra, 200 publishers, half the top rate, p99",
			run:  "go",
			key:  "BenchmarkCassandraHalfRate",
			unit: "p99-ms",
			most: true,
			than: 150,
		},
		{
			what: "the newest 100 of a channel of a million in Cassandra, p99",
			run:  "go",
			key:  "BenchmarkCassandraNewest/100",
			unit: "p99-ms",
			most: true,
			than: 20,
		},
		{what: "without a disk (`--fsync memory`), WebSocket, p99 in all", run: "mixed-memory", key: "websocket_p99", unit: "ms"},
	}},
	{"Light and fast", []bar{
		{
			what: "memory for each idle WebSocket of 15,000, each its own user and channel",
			run:  "idle",
			key:  "bytes_per_connection",
			unit: "bytes",
			most: true,
			than: 700,
		},
		{what: "all in one channel", run: "idle-one", key: "bytes_per_connection", unit: "bytes"},
		{what: "ten to a room", run: "idle-rooms", key: "bytes_per_connection", unit: "bytes"},
		{what: "an event stream", run: "idle-sse", key: "bytes_per_connection", unit: "bytes", most: true, than: 900},
		{what: "a held long poll", run: "idle-long-poll", key: "bytes_per_connection", unit: "bytes", most: true, than: 900},
		{
			what: "a WebSocket of the engine without epoll",
			run:  "go",
			key:  "BenchmarkIdle/websocket/portable",
			unit: "B/conn",
			most: true,
			than: 4200,
		},
		{what: "an event stream there", run: "go", key: "BenchmarkIdle/sse/portable", unit: "B/conn", most: true, than: 4200},
		{what: "a WebSocket over TLS", run: "go", key: "BenchmarkIdle/websocket/tls", unit: "B/conn"},
		{what: "an event stream over TLS", run: "go", key: "BenchmarkIdle/sse/tls", unit: "B/conn"},
		{
			what: "allocations per delivery in steady state, text frames",
			run:  "go",
			key:  "BenchmarkDelivery/text",
			unit: "allocs/delivery",
			most: true,
			than: 0.01,
		},
		{
			what: "delivery p99 beside 1,000 stalled readers",
			run:  "stalled",
			key:  "p99_ratio",
			unit: "× the p99 without them",
			note: beside("grown", "the server grew by %s MiB meanwhile"),
		},
		{
			what: "delivery p99 of a hundred clients beside one who abuses the server",
			run:  "go",
			key:  "BenchmarkBesideAbuse",
			unit: "times-p99",
			most: true,
			than: 2,
		},
		{what: "the same against that abuse of another server on the same machine", run: "go", key: "BenchmarkBesideAbuse",
			unit: "times-p99-elsewhere", most: true, than: 1.5},
		{what: "resident memory of the abused server", run: "go", key: "BenchmarkBesideAbuse", unit: "rss-mib", most: true, than: 300},
		{
			what: "server CPU per delivery, 10,000 subscribers, one message at a time",
			run:  "fanout",
			key:  "ratio",
			unit: "× the bare loop",
			most: true,
			than: 1.10,
			note: beside("server_cpu_per_delivery", "%s µs"),
		},
		{
			what: "the same in bursts of ten",
			run:  "fanout-burst",
			key:  "ratio",
			unit: "× the bare loop",
			most: true,
			than: 0.20,
			note: beside("server_cpu_per_delivery", "%s µs"),
		},
		{
			what: "10,000 readers in 1,000 rooms, each 1,000 messages behind",
			run:  "catchup",
			key:  "deliveries_per_s",
			unit: "deliveries/s",
			than: 1.5e6,
			note: beside("load_cpu", "the readers took %s cores of the same two"),
		},
		{
			what: "1,000 rooms of 10, flooded, `--fsync memory`",
			run:  "rooms-flood",
			key:  "rate_ratio",
			unit: "× one write per message",
			than: 3,
			note: beside("deliveries_per_s", "%s deliveries/s"),
		},
		{
			what: "1,000 rooms of 10 at 50,000 deliveries/s, p99 beyond the commit",
			run:  "rooms",
			key:  "beyond_commit_p99",
			unit: "ms",
			most: true,
			than: 4,
			note: beside("deliver_p99", "with the commit: %s ms"),
		},
		{
			what: "handshakes with welcome",
			run:  "connect",
			key:  "ratio",
			unit: "× the bare loop",
			than: 0.75,
			note: beside("connects_per_s", "%s/s"),
		},
		{
			what: "10,000 dropped at once, until all are caught up",
			run:  "storm",
			key:  "caught_up",
			unit: "s",
			most: true,
			than: 0.9,
			note: lost,
		},
	}},
	{"Many nodes (50,000 clients of 4 nodes over Redis, all on one machine)", []bar{
		{what: "nodes' memory per connection, each in two channels", run: "million-50000", key: "memory_each", unit: "bytes"},
		{what: "until all were open", run: "million-50000", key: "open_time", unit: "s"},
		{what: "300 rooms a second, p99", run: "million-50000", key: "rooms_p99", unit: "ms", most: true, than: 100},
		{what: "a tenth drops at once and has resumed", run: "million-50000", key: "dropped_resumed", unit: "s", most: true, than: 30},
		{what: "a node is killed, and its clients are elsewhere", run: "million-50000", key: "killed_resumed", unit: "s"},
	}},
}

// peers are compared row by row with parley's result in the corresponding run.
var peers = []struct {
	what, run, key, unit string
}{
	{"memory for each idle WebSocket of 15,000", "idle", "bytes_per_connection", "bytes"},
	{"handshakes with welcome", "connect", "connects_per_s", "/s"},
	{"the same against the bare loop of its run", "connect", "ratio", "×"},
	{"server CPU per delivery, 10,000 subscribers", "fanout", "server_cpu_per_delivery", "µs"},
	{"the same against the bare loop of its run", "fanout", "ratio", "×"},
	{"p99 there", "fanout", "deliver_p99", "ms"},
}

func besidePeers(reports map[string]*report) string {
	var b strings.Builder
	b.WriteString(
		"### Beside others\n\nThe servers are `load/peers`: the centrifuge library for Go and Socket.IO on Node, each as small as it can " +
			"be.\n\n" +
			"| what | parley | centrifuge | Socket.IO |\n| --- | ---: | ---: | ---: |\n",
	)
	for _, p := range peers {
		fmt.Fprintf(&b, "| %s |", p.what)
		for _, name := range []string{p.run, "peer-centrifuge-" + p.run, "peer-socketio-" + p.run} {
			cell := "not measured yet"
			if r := reports[name]; r != nil {
				if v, ok := r.value(p.key); ok {
					cell = number(v) + " " + p.unit
				}
				if !r.OK {
					cell += " **(see its problems)**"
				}
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}

// beside shows another row of the same run.
func beside(key, format string) func(*report) string {
	return func(r *report) string {
		v, ok := r.value(key)
		if !ok {
			return ""
		}
		return fmt.Sprintf(format, number(v))
	}
}

func lost(r *report) string { return fmt.Sprintf("lost %d, repeated %d", r.Lost, r.Repeated) }

// line returns the bar's row in the table.
func (b bar) line(reports map[string]*report, tests goOutput) string {
	want := ""
	switch {
	case b.than == 0:
	case b.most:
		want = "≤ " + number(b.than)
	default:
		want = "≥ " + number(b.than)
	}
	var v float64
	var ok, good bool
	note := ""
	if b.run == "go" {
		v, ok = tests.value(b.key, b.unit)
		good = ok
		if syncs, has := tests.value(b.key, "fdatasync/s"); has {
			note = "the disk's fdatasync: " + number(syncs) + "/s"
		}
	} else if r := reports[b.run]; r != nil {
		v, ok = r.value(b.key)
		good = r.OK
		if b.note != nil {
			note = b.note(r)
		}
	}
	if !ok {
		return fmt.Sprintf("| %s | %s | not measured yet | |", b.what, want)
	}
	verdict := note
	reached := b.than == 0 || (v <= b.than) == b.most
	if r := reports[b.run]; r != nil {
		if busy, has := r.value("others_cpu"); has && busy >= 0.3 {
			verdict = strings.TrimPrefix(verdict+"; others took "+number(busy)+" of the cores", "; ")
		}
	}
	note = verdict
	switch {
	case !good:
		verdict = "**wrong: see its problems below**; " + note
	case !reached:
		verdict = strings.TrimSuffix("**missed**; "+note, "; ")
	}
	return fmt.Sprintf("| %s | %s | %s %s | %s |", b.what, want, number(v), b.unit, verdict)
}
