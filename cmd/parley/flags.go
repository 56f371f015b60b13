package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/parley-server/parley/internal/sparelog"
)

// nodeFlags are the settings that dev and serve share.
type nodeFlags struct {
	Listen      string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" group:"Addresses" help:"${help_listen}"`
	AdminListen string `default:"127.0.0.1:8081" placeholder:"HOST:PORT" group:"Addresses" help:"${help_admin_listen}"`
	Node        string `default:"${node}" placeholder:"NAME" group:"Addresses" help:"${help_node}"`

	Data            string        `default:"./parley-data" placeholder:"DIR" group:"Store" help:"${help_data}"`
	Fsync           string        `default:"commit" enum:"commit,interval,memory" group:"Store" help:"${help_fsync}"`
	Store           string        `default:"embedded" placeholder:"URL" group:"Store" help:"${help_store}"`
	Bus             string        `default:"local" placeholder:"URL" group:"Store" help:"${help_bus}"`
	Presence        string        `default:"memory" placeholder:"URL" group:"Store" help:"${help_presence}"`
	RedisWait       int           `default:"0" placeholder:"N" group:"Store" help:"${help_redis_wait}"`
	KeyRetention    time.Duration `default:"24h" placeholder:"TIME" group:"Store" help:"${help_key_retention}"`
	Ingest          string        `placeholder:"URL" group:"Store" help:"${help_ingest}"`
	HistoryMessages int64         `default:"0" placeholder:"N" group:"Store" help:"${help_history_messages}"`
	HistoryAge      time.Duration `default:"0" placeholder:"TIME" group:"Store" help:"${help_history_age}"`
	RecentMemory    int           `default:"256" placeholder:"MIB" group:"Store" help:"${help_recent_memory}"`

	HeartbeatInterval time.Duration `default:"30s" placeholder:"TIME" group:"Connections" help:"Ping a WebSocket silent for this long."`
	HeartbeatTimeout  time.Duration `default:"90s" placeholder:"TIME" group:"Connections" help:"Close a WebSocket silent for this long."`
	LeaveGrace        time.Duration `default:"3s" placeholder:"TIME" group:"Connections" help:"${help_leave_grace}"`
	PresenceTTL       time.Duration `name:"presence-ttl" default:"60s" placeholder:"TIME" group:"Connections" help:"${help_presence_ttl}"`
	DrainTimeout      time.Duration `default:"10s" placeholder:"TIME" group:"Connections" help:"Time limit for graceful shutdown."`
	MemoryLimit       int64         `default:"0" placeholder:"MIB" group:"Connections" help:"${help_memory_limit}"`
	MaxConnections    int           `default:"0" placeholder:"N" group:"Connections" help:"${help_max_connections}"`
	MaxSubscriptions  int           `default:"10000" placeholder:"N" group:"Connections" help:"${help_max_subscriptions}"`
	Compression       bool          `group:"Connections" help:"${help_compression}"`

	TLSCert string `name:"tls-cert" placeholder:"FILE" group:"Security" help:"${help_tls_cert}"`
	TLSKey  string `name:"tls-key" placeholder:"FILE" group:"Security" help:"The certificate's private key."`

	Push pushFlags `embed:"" prefix:"push-" group:"Push notifications"`

	AuditLog string `placeholder:"FILE" group:"Logs" help:"Log administration and refusals to this file (JSON lines)."`

	LogFormat string `default:"text" enum:"text,json" group:"Logs" help:"Format of the log on standard error: text or json."`
	LogLevel  string `default:"info" enum:"debug,info,warn,error" group:"Logs" help:"${help_log_level}"`

	ClusterSecretFile string `placeholder:"FILE" group:"Security" help:"${help_cluster_secret_file}"`

	Config string `placeholder:"FILE" help:"YAML file with these settings."`
}

func (f *nodeFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // LogLevel is an enum of valid levels
	opts := &slog.HandlerOptions{Level: level}
	var lines slog.Handler = slog.NewTextHandler(w, opts)
	if f.LogFormat == "json" {
		lines = slog.NewJSONHandler(w, opts)
	}
	return slog.New(sparelog.New(lines, repeatedEvery))
}

// repeatedEvery is how often the log repeats that something still fails in the same way: often
// enough to be noticed, and 9,000 lines a day.
const repeatedEvery = 10 * time.Second

// check refuses settings that cannot be combined, all of them at once.
func (f *nodeFlags) check() error {
	all := []error{f.checkStores()}
	wrong := func(is bool, lines ...string) {
		if is {
			all = append(all, refuse(lines...))
		}
	}
	wrong(strings.ContainsFunc(f.Node, func(c rune) bool { return c <= ' ' || c == 0x7f }),
		fmt.Sprintf("--node %q has a space or a control character.", f.Node), "Use a word, such as the name of the machine: --node n1")
	wrong((f.TLSCert == "") != (f.TLSKey == ""), "--tls-cert and --tls-key belong together.", "Give both, or neither.")
	wrong(f.HeartbeatInterval < leastHeartbeat || f.HeartbeatTimeout < leastHeartbeat, "the heartbeat's times must be at least 10ms.",
		"Try --heartbeat-interval 30s --heartbeat-timeout 90s.")
	wrong(f.HeartbeatTimeout < f.HeartbeatInterval, fmt.Sprintf(
		"--heartbeat-timeout %v is shorter than --heartbeat-interval %v: clients would be closed before they are pinged.",
		f.HeartbeatTimeout, f.HeartbeatInterval), "Try --heartbeat-interval 30s --heartbeat-timeout 90s.")
	wrong(f.PresenceTTL < time.Second,
		fmt.Sprintf("--presence-ttl %v is less than a second: polling users would keep joining and leaving.", f.PresenceTTL),
		"Try --presence-ttl 60s.")
	wrong(f.MaxSubscriptions < 1, "--max-subscriptions must be at least 1.")
	all = append(all, notNegative(
		amount{"history-messages", float64(f.HistoryMessages)}, amount{"history-age", float64(f.HistoryAge)},
		amount{"recent-memory", float64(f.RecentMemory)}, amount{"memory-limit", float64(f.MemoryLimit)},
		amount{"max-connections", float64(f.MaxConnections)}, amount{"leave-grace", float64(f.LeaveGrace)},
		amount{"drain-timeout", float64(f.DrainTimeout)}))
	for _, addr := range []string{f.Listen, f.AdminListen} {
		_, port, err := net.SplitHostPort(addr)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		wrong(err != nil, fmt.Sprintf("%q is not a valid listen address: %v.", addr, err), "Write HOST:PORT, such as 127.0.0.1:8080.")
	}
	return errors.Join(all...)
}

// leastHeartbeat is the smallest interval that the engine's clock can distinguish.
const leastHeartbeat = 10 * time.Millisecond

// amount is a setting that must not be negative.
type amount struct {
	flag string
	of   float64
}

func notNegative(amounts ...amount) error {
	for _, a := range amounts {
		if a.of < 0 {
			return refuse("--" + a.flag + " must not be negative.")
		}
	}
	return nil
}
