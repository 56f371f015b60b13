package e2e_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// nodes are processes over one Redis, which only this test uses.
func nodes(t *testing.T, count int) (all []*testenv.Proc, redis *testenv.SharedService) {
	t.Helper()
	redis = testenv.NewService("redis", "--aof")
	url := redis.URL(t)
	t.Cleanup(func() {
		if err := redis.Stop(); err != nil {
			t.Error(err)
		}
	})
	return nodesOver(t, count, url, url), redis
}

// nodesOver are processes with a store and a bus, and more flags, which take precedence.
func nodesOver(t *testing.T, count int, store, bus string, more ...string) (all []*testenv.Proc) {
	t.Helper()
	secret := make([]byte, 48)
	_, _ = rand.Read(secret)
	file := filepath.Join(t.TempDir(), "secret")
	writeFile(t, file, base64.StdEncoding.EncodeToString(secret))
	for i := range count {
		all = append(all, testenv.Server(t, append([]string{"--node", fmt.Sprint("n", i), "--store", store, "--bus", bus, "--presence", store,
			"--cluster-secret-file", file, "--presence-ttl", "3s", "--leave-grace", "100ms"}, more...)...))
	}
	return all
}

func request(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// Keys are in the store: a key created by one process is valid on all nodes until it is removed.
func TestAKeyOfTheStoreIsGoodOnAllNodes(t *testing.T) {
	t.Parallel()
	redis := testenv.NewService("redis")
	url := redis.URL(t)
	t.Cleanup(func() {
		if err := redis.Stop(); err != nil {
			t.Error(err)
		}
	})
	keys := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(testenv.Binary(t), append(append([]string{"keys"}, args...), "--store", url)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	key := keys("add", "billing")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 48)), 0o600); err != nil {
		t.Fatal(err)
	}
	var all []*testenv.Proc
	for range 2 {
		all = append(all, testenv.Server(t, "serve", "--store", url, "--bus", url, "--presence", url, "--cluster-secret-file", secret,
			"--allowed-origins", "https://chat.example.com"))
	}
	answers := func(node *testenv.Proc) int {
		r, err := http.NewRequestWithContext(t.Context(), "GET", node.URL+"/api/channels", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for i, n := range all {
		if status := answers(n); status != 200 {
			t.Errorf("node %d answers %d to a good key", i, status)
		}
	}
	if list := keys("list"); !strings.HasPrefix(list, "billing") {
		t.Errorf("the list is %q", list)
	}
	keys("remove", "billing")
	for i, n := range all {
		becomes(t, fmt.Sprint("what node ", i, " answers to a removed key"), 401, func() int { return answers(n) })
	}
}

// What is done on one node is known on all.
func TestChangesOnOneNodeAreKnownOnAll(t *testing.T) {
	t.Parallel()
	all, redis := nodes(t, 2)
	a, b := all[0].URL, all[1].URL
	is := func(what, method, url, body string, status int, contains string) {
		t.Helper()
		got := ""
		for deadline := time.Now().Add(testenv.Patience); ; time.Sleep(20 * time.Millisecond) {
			code, answer := request(t, method, url, body)
			if got = fmt.Sprint(code, " ", answer); code == status && strings.Contains(answer, contains) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %s, want %d with %q", what, got, status, contains)
			}
		}
	}
	is("a message", "POST", a+"/api/messages", `{"channel_id":"room","user":"alice","text":"secret words","key":"k"}`, 201, `"id":1`)
	is("its repeat on another node", "POST", b+"/api/messages", `{"channel_id":"room","user":"alice","text":"other","key":"k"}`, 200,
		`"id":1`)
	is("reading it there", "GET", b+"/api/messages?channel_id=room&after=0", "", 200, "secret words")
	is("its deletion", "DELETE", b+"/api/messages/room/1?user=alice", "", 200, `"deleted":true`)
	if _, answer := request(t, "GET", a+"/api/messages?channel_id=room&after=0", ""); strings.Contains(answer, "secret") {
		t.Errorf("a deleted text is read on another node: %s", answer)
	}
	// A channel removed on one node disappears from another node's memory.
	res, err := http.Get(b + "/api/stream/gone?user=eve") // so that the channel stays followed there
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	is("a message", "POST", a+"/api/messages", `{"channel_id":"gone","user":"alice","text":"private words"}`, 201, `"id":1`)
	is("polling for it there", "GET", b+"/api/messages/poll?channel_id=gone&after=0&timeout=5", "", 200, "private words")
	is("removing the channel", "DELETE", a+"/api/channels/gone?user=alice", "", 204, "")
	for deadline := time.Now().Add(testenv.Patience); ; time.Sleep(20 * time.Millisecond) {
		if _, answer := request(t, "GET", b+"/api/messages/poll?channel_id=gone&after=0&timeout=0", ""); !strings.Contains(answer,
			"private") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a removed channel is still served on another node")
		}
	}
	// What follows from messages is known on all nodes: members that joined by posting, and unread counts.
	is("joining by posting", "POST", a+"/api/messages", `{"channel_id":"team","user":"carol","text":"first"}`, 201, `"id":1`)
	is("a message that names her", "POST", b+"/api/messages", `{"channel_id":"team","user":"dave","text":"hello @carol"}`, 201, `"id":2`)
	is("her inbox on the other node", "GET", b+"/api/channels?user=carol", "", 200, `"unread":1`)
	is("and here", "GET", a+"/api/channels?user=carol", "", 200, `"mentions":1`)
	// A user on a node that dies soon counts as left.
	res, err = http.Get(a + "/api/stream/room?user=bob")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	is("who is here, on the other node", "GET", b+"/api/channels/room/presence", "", 200, `"bob"`)
	all[0].Kill()
	is("who is here when the node has died", "GET", b+"/api/channels/room/presence", "", 200, `"count":0`)
	// Without Redis nothing is stored, and the node keeps running.
	if _, err := redis.Control("kill"); err != nil {
		t.Fatal(err)
	}
	is("readiness without Redis", "GET", b+"/readyz", "", 503, `"ready":false,"store":{"ok":false`)
	is("health without Redis", "GET", b+"/healthz", "", 200, "ok")
	if _, err := redis.Control("up"); err != nil {
		t.Fatal(err)
	}
	is("a message when Redis is back", "POST", b+"/api/messages", `{"channel_id":"room","user":"alice","text":"again","key":"k2"}`, 201,
		`"text":"again"`)
}
