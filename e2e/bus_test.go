package e2e_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/testenv"
)

// broker is a bus that a test can break.
type broker struct {
	*testenv.SharedService
	t *testing.T
}

func (b broker) control(verb string, args ...string) {
	if _, err := b.Control(verb, args...); err != nil {
		b.t.Error(err)
	}
}

// freeze suspends the broker's process for a while.
func (b broker) freeze(while time.Duration) {
	line, err := os.ReadFile(filepath.Join(b.Dir(), "pid"))
	pid, _ := strconv.Atoi(strings.Fields(string(line) + " 0")[0])
	if err != nil || pid <= 0 {
		b.t.Errorf("the broker's process is not known: %v", err)
		return
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		b.t.Error(err)
	}
	time.Sleep(while)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		b.t.Error(err)
	}
}

// Two processes share a store in Redis and a bus that is a separate server, which is killed, frozen and restarted
// empty. The bus is only a hint, so clients that hop between the nodes lose, repeat and reorder nothing.
func TestAClusterOutlivesItsBus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bus      string
		presence bool // on the bus's server too, else in Redis
	}{{"nats", true}, {"kafka", false}} {
		t.Run(c.bus, func(t *testing.T) {
			t.Parallel()
			bus := broker{testenv.NewService(c.bus), t}
			busURL := c.bus + "://" + strings.TrimPrefix(bus.URL(t), c.bus+"://")
			redis := testenv.NewService("redis")
			store := redis.URL(t)
			t.Cleanup(func() {
				for _, s := range []*testenv.SharedService{bus.SharedService, redis} {
					if err := s.Stop(); err != nil {
						t.Error(err)
					}
				}
			})
			presence := store
			if c.presence {
				presence = busURL
			}
			all := clusterOf(t, 2, "--store", store, "--bus", busURL, "--presence", presence)
			urls := []string{all[0].URL, all[1].URL}
			long := 12 * time.Second
			if d, err := time.ParseDuration(os.Getenv("PARLEY_CLUSTER_TIME")); err == nil {
				long = d
			}
			broken := make(chan struct{})
			go func() {
				defer close(broken)
				pause := long / 12
				for _, do := range []func(){
					func() { bus.control("kill"); time.Sleep(pause); bus.control("up") },
					func() { bus.freeze(2 * pause) },
					func() { bus.control("down", "--wipe"); bus.control("up") },
				} {
					time.Sleep(pause)
					do()
				}
			}()
			report, err := load.Run(t.Context(), load.Config{Servers: urls, For: long, DropOdds: 50, Seed: 11})
			<-broken
			if err != nil {
				t.Fatal(err)
			}
			if !report.OK() {
				t.Fatalf("%+v", report)
			}
			t.Logf("%+v", report)
			// Then everything is as before: both nodes are ready, the bus delivers.
			for _, url := range urls {
				becomes(t, "readiness of "+url, true, func() bool {
					status, answer := request(t, "GET", url+"/readyz", "")
					return status == 200 && strings.Contains(answer, `"bus":{"ok":true`) && strings.Contains(answer, `"presence":{"ok":true`)
				})
			}
			// A user on a node that dies soon counts as left.
			stream, err := http.Get(urls[0] + "/api/stream/room?user=bob")
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Body.Close()
			here := func() string {
				_, answer := request(t, "GET", urls[1]+"/api/channels/room/presence", "")
				return strings.SplitN(answer, ",", 2)[0]
			}
			becomes(t, "who is in the room", `{"count":1`, here)
			all[0].Kill()
			becomes(t, "who is in the room when the node has died", `{"count":0`, here)
		})
	}
}

// clusterOf starts processes with the same settings and secret.
func clusterOf(t *testing.T, count int, args ...string) (all []*testenv.Proc) {
	t.Helper()
	secret := make([]byte, 48)
	_, _ = rand.Read(secret)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		own := append([]string{"--node", fmt.Sprint("n", i), "--cluster-secret-file", file, "--presence-ttl", "3s",
			"--leave-grace", "100ms"}, args...)
		all = append(all, testenv.Server(t, own...))
	}
	return all
}
