package e2e_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/testenv"
)

// tool runs a command that ends, and returns what it printed and its exit code.
func tool(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testenv.Binary(t), args...)
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// Three processes over a store in Cassandra, with presence and a bus in Redis: clients that hop between them lose, repeat and
// reorder nothing, and what is done on one node is known on all.
func TestAClusterOverCassandraLosesAndRepeatsNothing(t *testing.T) {
	at := service(t, "cassandra", "--heap", "640").URL(t)
	redis := service(t, "redis").URL(t)
	store := "cassandra://" + at + "/chat"
	if out, code := tool(t, "store", "status", "--store", store); code != 2 || !strings.Contains(out, "store init") {
		t.Fatalf("a store without a schema: %d %s", code, out)
	}
	if out, code := tool(t, "dev", "--listen", "127.0.0.1:0", "--store", store); code != 2 || !strings.Contains(out, "store init") {
		t.Fatalf("a node over it: %d %s", code, out)
	}
	first, code := tool(t, "store", "init", "--store", store)
	if code != 0 || !strings.Contains(first, "schema 2 of 2") {
		t.Fatalf("init: %d %s", code, first)
	}
	for _, verb := range []string{"init", "migrate", "status"} { // the epoch is the same
		if again, code := tool(t, "store", verb, "--store", store); code != 0 || again != first {
			t.Fatalf("%s: %d %s, before: %s", verb, code, again, first)
		}
	}
	var urls []string
	for _, node := range clusterOf(t, 3, "--store", store, "--bus", redis, "--presence", redis) {
		urls = append(urls, node.URL)
	}
	for _, url := range urls {
		if status, answer := request(t, "GET", url+"/readyz", ""); status != 200 || !strings.Contains(answer, "majority") {
			t.Errorf("%d %s", status, answer)
		}
	}
	const post = `{"channel_id":"room","user":"alice","text":"secret words","key":"k"}`
	status, answer := request(t, "POST", urls[0]+"/api/messages", post)
	if status != 201 || !strings.Contains(answer, `"id":1`) {
		t.Errorf("a message: %d %s", status, answer)
	}
	if status, answer = request(t, "POST", urls[1]+"/api/messages", post); status != 200 {
		t.Errorf("its repeat on another node: %d %s", status, answer)
	}
	if status, answer = request(t, "DELETE", urls[2]+"/api/messages/room/1?user=alice", ""); status != 204 {
		t.Errorf("its deletion: %d %s", status, answer)
	}
	for _, url := range urls {
		if _, answer := request(t, "GET", url+"/api/messages?channel_id=room&after=0", ""); strings.Contains(answer, "secret") {
			t.Errorf("a deleted text: %s", answer)
		}
	}
	long := 6 * time.Second
	if d, err := time.ParseDuration(os.Getenv("PARLEY_CLUSTER_TIME")); err == nil {
		long = d
	}
	report, err := load.Run(t.Context(), load.Config{Servers: urls, For: long, Readers: 30, DropOdds: 50, Seed: 17})
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() || report.Acknowledged == 0 {
		t.Fatalf("%+v", report)
	}
	t.Logf("%+v", report)
}
