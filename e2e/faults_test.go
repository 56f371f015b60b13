package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/testenv"
)

// A fault happens to three processes over Redis, behind HAProxy, while publishers and readers hop between them. PARLEY_FAULTS=full
// gives each the length that reliability.md names, and PARLEY_FAULTS=10s gives each span another length.
type fault struct {
	name  string
	store []string // arguments of the store's Redis
	bus   bool     // the bus is a separate Redis
	toxic bool     // the nodes reach Redis through a proxy that can drop everything
	// happen causes the fault and returns the time since when clients should be served again.
	happen func(r *rig) time.Time
	kept   bool // streams stay open
	epoch  bool // the store starts a new epoch
}

var faults = []fault{
	{name: "nodes killed", store: []string{"--aof"}, happen: (*rig).killNodes},
	{name: "a node frozen", store: []string{"--aof"}, happen: (*rig).freezeNode},
	{name: "nodes restarted one by one", store: []string{"--aof"}, happen: (*rig).roll},
	{name: "Redis killed", store: []string{"--aof", "--fsync", "always"}, kept: true, happen: (*rig).killRedis},
	{name: "Redis frozen", store: []string{"--aof"}, kept: true, happen: (*rig).freezeRedis},
	{name: "Redis restarted with its file", store: []string{"--aof", "--fsync", "always"}, kept: true, happen: (*rig).restartRedis},
	{name: "Redis restarted empty", epoch: true, happen: (*rig).restartRedis},
	{name: "Redis behind a black hole", toxic: true, kept: true, happen: (*rig).blackHole},
	{name: "slots moved", store: []string{"--nodes", "3"}, kept: true, happen: (*rig).moveSlots},
	{name: "the bus killed", store: []string{"--aof"}, bus: true, kept: true, happen: (*rig).killBus},
}

// rig is the system that a fault happens to.
type rig struct {
	t          *testing.T
	store, bus *testenv.SharedService
	hole       *toxiproxy.Proxy
	nodes      []*testenv.Proc
	birds      *canaries
	worst      time.Duration // until clients were served again, while happen measured it
}

// span waits for d in the full run, and in others for the length they set.
func (r *rig) span(d time.Duration) {
	switch how := os.Getenv("PARLEY_FAULTS"); how {
	case "full":
	case "":
		d = min(d, 1500*time.Millisecond)
	default:
		var err error
		if d, err = time.ParseDuration(how); err != nil {
			r.t.Fatal(err)
		}
	}
	time.Sleep(d)
}

func full() bool { return os.Getenv("PARLEY_FAULTS") == "full" }

// TestFaults checks what reliability.md promises of several nodes.
func TestFaults(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var rows []string
	judged := 0
	t.Run("all", func(t *testing.T) {
		for _, f := range faults {
			t.Run(f.name, func(t *testing.T) {
				if !full() { // a full run measures, and so has the machine to itself
					t.Parallel()
				}
				report, served := f.run(t)
				mu.Lock()
				defer mu.Unlock()
				judged += report.Received
				rows = append(rows, fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %.1f s |", f.name, report.Received, report.Lost,
					report.Repeated, report.OutOfOrder, report.Shown, report.Forgotten, served.Seconds()))
			})
		}
	})
	slices.Sort(rows)
	t.Logf("| fault | judged | lost | repeated | out of order | deleted text shown | forgotten with the epoch | served again after |\n"+
		"%s\n%d judged", strings.Join(rows, "\n"), judged)
	if full() && len(rows) == len(faults) && judged < 1_000_000 {
		t.Errorf("%d deliveries were judged", judged)
	}
}

func (f *fault) run(t *testing.T) (*load.Report, time.Duration) {
	r := &rig{t: t}
	r.open(f)
	id := newIdentity(t)
	behind := []*proxy{haproxy(t, id, false, r.nodes), haproxy(t, id, true, r.nodes)}
	r.birds = release(t, behind...)
	stop := make(chan struct{})
	type result struct {
		report *load.Report
		err    error
	}
	done := make(chan result, 1)
	cfg := load.Config{Servers: []string{behind[0].url, behind[1].url}, HTTP: id.http, For: time.Hour, Until: stop, DropOdds: 50, Seed: 7,
		Readers: 24, Patience: 2 * time.Minute}
	if full() {
		cfg.Readers = 48
	}
	running := make(chan struct{})
	begun := sync.OnceFunc(func() { close(running) })
	cfg.Progress = func(p load.Progress) {
		if p.Acknowledged > 100 {
			begun()
		}
	}
	go func() {
		report, err := load.Run(t.Context(), cfg)
		begun()
		done <- result{report, err}
	}()
	ended := sync.OnceValue(func() result { close(stop); return <-done })
	defer ended()
	<-running
	r.birds.calm(t)
	healed := f.happen(r)
	served := max(r.birds.servedSince(t, healed), r.worst)
	if f.kept {
		if err := r.birds.cut(); err != nil {
			t.Errorf("streams should have stayed open:\n%v", err)
		}
	}
	r.span(5 * time.Second)
	got := ended()
	if got.err != nil {
		t.Fatal(got.err)
	}
	if !got.report.OK() || !f.epoch && (got.report.Resets > 0 || got.report.Forgotten > 0) || f.epoch && got.report.Resets == 0 {
		t.Errorf("%+v", got.report)
	}
	t.Logf("served again after %v; %s; resets %d, forgotten %d", served, got.report, got.report.Resets, got.report.Forgotten)
	return got.report, served
}

// open starts Redis and three nodes over it.
func (r *rig) open(f *fault) {
	t := r.t
	service := func(args ...string) (*testenv.SharedService, string) {
		s := testenv.NewService("redis", args...)
		url := s.URL(t)
		t.Cleanup(func() {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
		if addrs := strings.Split(url, ","); len(addrs) > 1 {
			url = "redis://" + addrs[0] + "?addr=" + strings.Join(addrs[1:], "&addr=")
		}
		return s, url
	}
	var store, bus string
	r.store, store = service(f.store...)
	if f.toxic {
		store = r.dig(store)
	}
	if bus = store; f.bus {
		r.bus, bus = service()
	}
	r.nodes = nodesOver(t, 3, store, bus)
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// heals calls f, which ends a fault, and returns when that was.
func (r *rig) heals(f func()) time.Time {
	f()
	now := time.Now()
	r.birds.from(now)
	return now
}

func (r *rig) killNodes() time.Time {
	rounds := 3
	if full() {
		rounds = 15
	}
	for i := range rounds {
		n := r.nodes[i%3]
		at := r.heals(n.Kill)
		r.worst = max(r.worst, r.birds.servedSince(r.t, at))
		n.Restart()
		r.span(2 * time.Second)
	}
	return r.heals(r.nodes[0].Kill)
}

func (r *rig) freezeNode() time.Time {
	n := r.nodes[1]
	r.check(n.Cmd.Process.Signal(syscall.SIGSTOP))
	at := r.heals(func() {})
	r.span(30 * time.Second)
	if full() { // otherwise the proxy may not have noticed yet
		r.worst = r.birds.servedSince(r.t, at)
	}
	return r.heals(func() { r.check(n.Cmd.Process.Signal(syscall.SIGCONT)) })
}

func (r *rig) roll() (at time.Time) {
	for _, n := range r.nodes {
		at = r.heals(func() {
			if code := n.Stop(); code != 0 {
				r.t.Errorf("the exit code is %d", code)
			}
		})
		r.worst = max(r.worst, r.birds.servedSince(r.t, at))
		n.Restart()
		r.span(5 * time.Second)
	}
	return at
}

func (r *rig) killRedis() time.Time {
	_, err := r.store.Control("kill")
	r.check(err)
	r.refused("store")
	r.span(60 * time.Second)
	return r.heals(func() {
		_, err := r.store.Control("up")
		r.check(err)
	})
}

func (r *rig) restartRedis() time.Time {
	_, err := r.store.Control("kill")
	r.check(err)
	return r.heals(func() {
		_, err := r.store.Control("up")
		r.check(err)
	})
}

func (r *rig) freezeRedis() time.Time {
	r.check(r.store.Signal(1, syscall.SIGSTOP))
	r.refused("store")
	r.span(30 * time.Second)
	return r.heals(func() { r.check(r.store.Signal(1, syscall.SIGCONT)) })
}

// dig puts a proxy before Redis.
func (r *rig) dig(url string) string {
	quiet := zerolog.Nop()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), quiet)
	r.hole = toxiproxy.NewProxy(server, "redis", testenv.FreePort(r.t), strings.TrimPrefix(url, "redis://"))
	r.check(r.hole.Start())
	r.t.Cleanup(r.hole.Stop)
	return "redis://" + r.hole.Listen
}

func (r *rig) blackHole() time.Time {
	for _, way := range []string{"upstream", "downstream"} {
		_, err := r.hole.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name":%q,"type":"timeout","stream":%q,"toxicity":1,"attributes":{"timeout":0}}`, way, way)))
		r.check(err)
	}
	r.refused("store")
	r.span(30 * time.Second)
	return r.heals(func() {
		for _, way := range []string{"upstream", "downstream"} {
			r.check(r.hole.Toxics.RemoveToxic(r.t.Context(), way))
		}
	})
}

// moveSlots moves slots of a Cluster from each node to the next.
func (r *rig) moveSlots() time.Time {
	addrs := strings.Split(strings.TrimPrefix(r.store.URL(r.t), "redis://"), ",")
	cli := func(args ...string) string {
		r.t.Helper()
		out, err := exec.Command("redis-cli", args...).CombinedOutput()
		if err != nil {
			r.t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	var ids []string
	for _, a := range addrs {
		host, port, _ := strings.Cut(a, ":")
		ids = append(ids, cli("-h", host, "-p", port, "cluster", "myid"))
	}
	slots := "400"
	if full() {
		slots = "1200"
	}
	for i := range ids {
		cli("--cluster", "reshard", addrs[0], "--cluster-from", ids[i], "--cluster-to", ids[(i+1)%3], "--cluster-slots", slots, "--cluster-yes")
	}
	return r.heals(func() {})
}

func (r *rig) killBus() time.Time {
	r.birds.from(time.Now())
	r.span(3 * time.Second)
	usual := r.birds.lateness()
	_, err := r.bus.Control("kill")
	r.check(err)
	r.says("bus", 200)
	before := r.birds.sent.Load()
	r.span(60 * time.Second)
	now := r.heals(func() {})
	served := r.birds.servedSince(r.t, now)
	r.t.Logf("without the bus the nodes served within %v; %d messages were published", served, r.birds.sent.Load()-before)
	at := r.heals(func() {
		_, err := r.bus.Control("up")
		r.check(err)
	})
	r.worst = r.birds.servedSince(r.t, at)
	r.span(time.Until(at.Add(5 * time.Second)))
	r.birds.from(time.Now())
	r.span(3 * time.Second)
	r.t.Logf("99%% are delivered within %v of sending, and within %v from 5 s after the bus came back", usual, r.birds.lateness())
	return r.heals(func() {})
}

// says waits until a node's readiness reports that a part is not ok.
func (r *rig) says(part string, status int) {
	r.t.Helper()
	for deadline := time.Now().Add(testenv.Patience); ; time.Sleep(20 * time.Millisecond) {
		code, body := request(r.t, "GET", r.nodes[0].URL+"/readyz", "")
		var is map[string]json.RawMessage
		var p struct{ OK bool }
		if json.Unmarshal([]byte(body), &is) == nil && json.Unmarshal(is[part], &p) == nil && code == status && !p.OK {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("/readyz answers %d %s; want %d with %s not ok", code, body, status, part)
		}
	}
}

// refused demands that publishing without the store is answered with 503 and a retry delay.
func (r *rig) refused(part string) {
	r.t.Helper()
	r.says(part, 503)
	began := time.Now()
	res, err := http.Post(r.nodes[0].URL+"/api/messages", "application/json", strings.NewReader(`{"channel_id":"away","user":"x","text":"x"}`))
	r.check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	r.check(err)
	if res.StatusCode != 503 || !strings.Contains(string(body), `"unavailable"`) {
		r.t.Errorf("without the %s publishing is answered %s %s", part, res.Status, body)
	}
	r.t.Logf("without the %s publishing is answered %d after %v", part, res.StatusCode, time.Since(began).Round(time.Millisecond))
}
