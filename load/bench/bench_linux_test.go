package bench_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/load/bench"
	"github.com/parley-server/parley/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// small configures a short run.
func small(t *testing.T, scenario string) bench.Config {
	return bench.Config{Scenario: scenario, Command: "parley bench " + scenario, Binary: testenv.Binary(t), Fsync: "memory",
		TempDir: t.TempDir(), Connections: 20, Rate: -1, For: 500 * time.Millisecond, Settle: time.Second,
		Pairs: 2, Publishers: 2, Behind: 20, Rooms: 5, PollEvery: 50 * time.Millisecond}
}

func check(t *testing.T, cfg bench.Config, expected int64, keys ...string) *bench.Report {
	t.Helper()
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK || r.Received != r.Expected || r.Expected < expected {
		t.Errorf("expected %d (at least %d), received %d: %v", r.Expected, expected, r.Received, r.Problems)
	}
	for _, key := range keys {
		if _, ok := r.Value(key); !ok {
			t.Errorf("the report has no %s", key)
		}
	}
	return r
}

func TestScenariosDeliverAndReportEverything(t *testing.T) {
	for _, c := range []struct {
		scenario string
		expected int64
		keys     string
	}{
		{"connect", 0, "connects_per_s server_cpu_per_connect connect_p99"},
		{"idle", 0, "bytes_per_connection empty_rss idle_cpu"},
		{"fanout", 40, "server_cpu_per_delivery deliver_p50 deliver_p99 ack_p99 beyond_commit_p99 load_cpu publisher_cpu"},
		{"rooms", 100, "deliveries_per_s server_cpu_per_delivery deliver_p99 server_rss"},
		{"storm", 1000, "caught_up caught_up_slowest overflows reconnected deliver_p99"},
		{"publish", 0, "acked_per_s fdatasync_per_s ack_p99 server_cpu_per_message"},
		{"mixed", 2000, "websocket_p99 sse_p99 websocket_beyond_commit_p99 ack_p99 fdatasync_per_s"},
		{"catchup", 20*20 + 5*20, "caught_up deliveries_per_s"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			r := check(t, small(t, c.scenario), c.expected, strings.Fields(c.keys)...)
			var page strings.Builder
			if err := r.HTML(&page); err != nil || !strings.Contains(page.String(), "</html>") || strings.Contains(page.String(), "http") {
				t.Errorf("the page is not whole, or loads something: %v", err)
			}
			if err := r.Print(&page); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryTransportIsChecked(t *testing.T) {
	for _, tr := range bench.Transports {
		t.Run(tr, func(t *testing.T) {
			cfg := small(t, "fanout")
			cfg.Transport, cfg.Rate = tr, 40
			check(t, cfg, 20*20)
		})
	}
}

func TestBaselines(t *testing.T) {
	for scenario, key := range map[string]string{"connect": "ratio", "fanout": "ratio", "rooms": "rate_ratio"} {
		t.Run(scenario, func(t *testing.T) {
			cfg := small(t, scenario)
			cfg.Baseline, cfg.For = true, 2*time.Second
			check(t, cfg, 0, key)
		})
	}
}

func TestDeadServerIsReported(t *testing.T) {
	server := testenv.Server(t)
	cfg := small(t, "fanout")
	cfg.Servers, cfg.PIDs, cfg.For, cfg.Rate = []string{server.URL}, []int{server.Cmd.Process.Pid}, 2*time.Second, 20
	time.AfterFunc(time.Second, func() { _ = server.Cmd.Process.Kill() })
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.OK {
		t.Errorf("the server was killed and all is well: %+v", r)
	}
}

func TestUnreachableServerIsReported(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	cfg := small(t, "fanout")
	cfg.Servers = []string{"http://" + l.Addr().String()}
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.OK || !strings.Contains(strings.Join(r.Problems, "\n"), "connection refused") {
		t.Errorf("%v %q", r.OK, r.Problems)
	}
}

// Readers and publishers are spread over all nodes, and a reader that reconnects goes to another node.
func TestSeveralNodesAreMeasured(t *testing.T) {
	redis := testenv.Service(t, "redis")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 48)), 0o600); err != nil {
		t.Fatal(err)
	}
	var nodes []*testenv.Proc
	for range 2 {
		nodes = append(nodes, testenv.Server(t, "--store", redis, "--bus", redis, "--presence", redis, "--cluster-secret-file", secret))
	}
	for _, scenario := range []string{"rooms", "storm", "publish"} {
		t.Run(scenario, func(t *testing.T) {
			cfg := small(t, scenario)
			for _, n := range nodes {
				cfg.Servers, cfg.PIDs = append(cfg.Servers, n.URL), append(cfg.PIDs, n.Cmd.Process.Pid)
			}
			check(t, cfg, map[string]int64{"rooms": 100, "storm": 1000}[scenario], "server_cpu")
		})
	}
	t.Run("from one to the other", func(t *testing.T) {
		cfg := small(t, "rooms")
		cfg.Servers, cfg.PIDs, cfg.Publish = []string{nodes[1].URL}, []int{nodes[1].Cmd.Process.Pid}, []string{nodes[0].URL}
		check(t, cfg, 100, "server_cpu")
	})
}

// Clients of several nodes, each in a room and in a channel that all follow, resume after a drop and after a node's
// death.
func TestClientsOfManyNodesResume(t *testing.T) {
	redis := testenv.Service(t, "redis")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 48)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := small(t, "million")
	cfg.Connections, cfg.Rooms, cfg.Rate, cfg.For = 60, 0, 50, 2*time.Second
	cfg.Flags = []string{"--store=" + redis, "--bus=" + redis, "--presence=" + redis, "--cluster-secret-file=" + secret}
	r := check(t, cfg, 60*3, "opened", "open_time", "memory", "rooms_p99", "all_p99", "dropped_resumed", "killed_resumed")
	if n, _ := r.Value("killed"); n < 60/3-5 || n > 60/3+5 {
		t.Errorf("%g clients were on the node that was killed", n)
	}
	if n, _ := r.Value("all_deliveries"); n != 60*3 {
		t.Errorf("%g deliveries in the channel of all, want %d", n, 60*3)
	}
}

func TestMillionRefusesTooLittleMemory(t *testing.T) {
	cfg := small(t, "million")
	cfg.Connections, cfg.Flags = 1_000_000_000, []string{"--store=redis://127.0.0.1:1"}
	if _, err := bench.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "GiB of memory") {
		t.Errorf("%v", err)
	}
}
