package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// helpValue returns a flag's help with its default and its environment variable.
func helpValue(v *kong.Value) string {
	var more []string
	if v.HasDefault && v.Default != "" && !v.IsBool() && !strings.Contains(v.Help, "Default: ") {
		more = append(more, "default "+v.Default)
	}
	for _, env := range v.Tag.Envs {
		more = append(more, "$"+env)
	}
	if len(more) == 0 {
		return v.Help
	}
	return strings.TrimSuffix(v.Help, ".") + " (" + strings.Join(more, ", ") + ")."
}

// helps puts the texts that are too long for tags in their places. As kong's variables they would all be read for every flag, which
// takes three times as long as everything else before a command runs.
var helps = kong.PostBuild(func(k *kong.Kong) error {
	return kong.Visit(k.Model.Node, func(node kong.Visitable, next kong.Next) error {
		if value, ok := node.(*kong.Value); ok {
			name := strings.TrimSuffix(strings.TrimPrefix(value.Help, "${"), "}")
			if text, ok := longHelps[name]; ok {
				value.Help = text
			}
		}
		return next(nil)
	})
})

// longHelps are the texts that tags name as ${help_…}.
var longHelps = map[string]string{
	"help_acme_acme_ca": "URL of another authority's ACME directory, by https, which this machine must trust.",
	"help_acme_acme_domains": "" +
		"Get Let's Encrypt certificates for these names and accept its terms; --listen must be reachable as port 443.",
	"help_admin_listen": "Address of health, metrics and profiles; keep it on loopback.",
	"help_bench_connections": "" +
		"Number of readers; more processes are started when descriptors run out. Default: the scenario's own.",
	"help_bench_nodes": "" +
		"million: number of servers that are started, with the flags of --with. Default: as many as their descriptors need, at least 3.",
	"help_bench_layout": "" +
		"own: each reader is a user of its own in a channel of its own; one: all in one channel; rooms: see --rooms. " +
		"Default: the scenario's own.",
	"help_bench_dials": "Connections being opened at a time. Default: 128; all for storm, 4096 for million.",
	"help_bench_pairs": "Number of such turns (storm: storms), of which the median is reported.",
	"help_bench_peer":  "The server is one of load/peers: centrifuge or socket.io.",
	"help_bench_rate": "" +
		"Messages per second in total (connect: connections); 0: as fast as possible. Default: the scenario's own.",
	"help_bench_scenario": "connect, idle, fanout, rooms, storm, publish, mixed, stalled, catchup or million; see below.",
	"help_bench_server": "" +
		"URL of the server to measure; several for the nodes of one system, over which readers and publishers spread. Default: start " +
		"one on this machine with temporary data, and end it afterwards.",
	"help_bench_pid":            "Process id of that server, to measure its CPU and memory; several are added up.",
	"help_bench_publish_server": "Node that publishers use, if not those of --server; may be given several times.",
	"help_bench_settle":         "idle: time between the last connection and the measurement of memory.",
	"help_bench_size":           "Bytes of a delivered message, with its JSON. Default: 128, or 4096 when readers stall.",
	"help_bench_transport":      "Transport of the readers: websocket, sse, long-poll or poll.",
	"help_bench_window":         "Unacknowledged messages of a publisher with --rate 0, below 64.",
	"help_cluster_secret_file": "" +
		"File with a secret that all nodes share, for tickets. Default: the secret of --auth-hmac-secret-file.",
	"help_store": "embedded; for several nodes redis://HOST:PORT (rediss:// with TLS) or cassandra://HOST,HOST/KEYSPACE.",
	"help_bus": "" +
		"Message bus between nodes: redis://HOST:PORT, nats://HOST:PORT or kafka://HOST:PORT; local for one node.",
	"help_ingest": "" +
		"Publish the records of a topic, each once: kafka://HOST:PORT/TOPIC. Key: the channel; value: a message as POST takes it.",
	"help_push_apns_key_file":           "File with the .p8 key of Apple's push service; turns APNs on, with the three settings below.",
	"help_push_apns_url":                "Base URL of APNs: https://api.sandbox.push.apple.com for development builds. Default: production.",
	"help_push_fcm_credentials_file":    "JSON file of a Google service account; turns Firebase Cloud Messaging on.",
	"help_push_webpush_subject":         "mailto: or https URL by which browsers' push services reach you; turns Web Push on.",
	"help_push_webhook":                 "URL that receives every notification instead of, or beside, devices (docs/push.md).",
	"help_push_delay":                   "Time from a message to its notification, if it is still unread.",
	"help_push_window":                  "A channel sends a user at most one notification within this time.",
	"help_push_allow_private_addresses": "Let webhooks and Web Push connect to addresses that are not public; for tests and closed networks.",
	"help_push_test_admin":              "URL of the admin listener.",
	"help_push_test_admin_token":        "What the admin listener requires (--admin-token-file).",
	"help_presence":                     "Store of presence: redis://HOST:PORT or nats://HOST:PORT; memory for one node.",
	"help_compression": "" +
		"Offer WebSocket clients permessage-deflate: it saves bytes and costs CPU once per channel and message.",
	"help_data":                      "Data directory, for one process at a time.",
	"help_dev_allowed_origins":       "Origins that may use parley from a browser, in addition to this machine's.",
	"help_dev_auth_hmac_secret_file": "File with the secret for serve, which refusals name; dev requires no token.",
	"help_demo_nodes":                "Addresses of several nodes, which the demo starts and shows in a second tab.",
	"help_keys_store":                "Store of the server, if it has another than that directory: redis:// or cassandra://.",
	"help_key_retention": "" +
		"Cassandra: how long a repeated key is recognized, at least. The other stores recognize it as long as they keep the message.",
	"help_redis_wait": "" +
		"Replicas of a Redis store that must have a message before it is acknowledged (WAIT). With too few " +
		"after 1s the outcome is unknown.",
	"help_fsync": "" +
		"When a message counts as stored: commit, once it is on the disk; interval, at once, and a crash may lose the " +
		"last 100 ms; memory, at once, and a crash loses what was not yet written.",
	"help_history_age":      "Keep messages for this long, such as 720h; 0 keeps them forever.",
	"help_history_messages": "Keep the newest N messages of a channel without a setting of its own; 0 keeps all.",
	"help_leave_grace":      "Delay before a disconnected user is reported as left.",
	"help_channels_user":    "Channels that a user may create per day; back ends are not limited. 0: no limit.",
	"help_connections_ip": "" +
		"Most streams and held polls of one address, and as many connections with requests. 0: no limit.",
	"help_follows": "" +
		"Most channels that all streams and held polls of one user follow together, on this node. 0: no limit.",
	"help_limit_rate_handshakes": "Connections and streams that one address may open per second; bad credentials count too.",
	"help_limit_rate_ip":         "Messages per second from one address, or IPv6 network of 64 bits.",
	"help_limit_rate_reads_user": "" +
		"Requests and frames per second with which a user may read, in bursts of twenty times that; 16 KiB of an answer" +
		" count as one more.",
	"help_limit_rate_user": "" +
		"Messages per second that a user may send, in bursts of three times that; events, changes and settings count " +
		"too, back ends do not. 0: no limit.",
	"help_listen":    "Address for clients; port 0 picks a free one.",
	"help_log_level": "Least level that is logged: debug, info, warn or error.",
	"help_max_connections": "" +
		"Most WebSocket connections, event streams and held polls of the process; 0: as many as there are descriptors, " +
		"less some for the store.",
	"help_max_subscriptions": "Most channels that one WebSocket may follow.",
	"help_memory_limit":      "Soft memory limit; new streams are refused above 90%. 0: none.",
	"help_node":              "Name of this node, printed when it is ready. Default: the machine's name.",
	"help_presence_ttl":      "Time for which a polling user counts as present, and so do the users of a node that died.",
	"help_recent_memory": "Memory for recent messages of followed channels; readers that are further behind read from the " +
		"store.",
	"help_serve_admin_token_file":      "File with the admin listener's bearer token; required if that is not on loopback.",
	"help_serve_allowed_origins":       "Origins that may use parley from a browser, such as https://chat.example.com.",
	"help_serve_api_keys_file":         "File with API keys of back ends, one per line, in addition to those of parley keys.",
	"help_serve_auth_hmac_secret_file": "File with the secret that signs tokens (HS256), at least 32 bytes.",
	"help_serve_auth_jwks": "" +
		"URL of public keys for tokens (RS256, ES256, EdDSA), fetched again every 15 minutes and when a token names an " +
		"unknown one.",
	"help_tls_cert": "Certificate chain; with --tls-key the listener speaks TLS and HTTP/2.",
	"help_token_auth_hmac_secret_file": "" +
		"File with the secret that serve uses. Default: auth-secret in ./parley-data, if it exists.",
	"help_token_channels": "" +
		"Channels that the token allows, such as room:*=rw, with the rights r read, w write, p see presence, a " +
		"administer (rwp without =). Default: those the user is a member of.",
	"help_verify_server": "URL of the server; several times for the nodes of one system.",
	"help_verify_token": "" +
		"API key, or a token that may read and write channels named verify-…, for which --rate-user must be 0 or large;" +
		" not needed in development.",
}
