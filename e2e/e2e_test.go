// Package e2e holds parley to its contract from outside: the real binary, and
// third-party clients.
package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/parley-server/parley/testenv"
)

// TestMain also runs the abuser process of BenchmarkBesideAbuse.
func TestMain(m *testing.M) {
	if url := os.Getenv(abuseURL); url != "" {
		abuseFromOutside(url)
		return
	}
	os.Exit(testenv.Main(m))
}

type message struct {
	Type    string
	ID      int64
	Channel string
	User    string
	Text    string
	Key     string
}

// post sends one message as alice and returns it when it is acknowledged.
func post(t *testing.T, base, channel, text string) message {
	t.Helper()
	body, err := json.Marshal(map[string]string{"channel_id": channel, "user": "alice", "text": text})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(base+"/api/messages", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("post: %s %s %v", res.Status, answer, err)
	}
	var m message
	if err := json.Unmarshal(answer, &m); err != nil {
		t.Fatalf("post: %v in %s", err, answer)
	}
	return m
}

// until reads messages from a client up to the one with the given text, and demands
// each once, in order, starting with id first.
func until(t *testing.T, c *testenv.Client, first int64, text string) (next int64) {
	t.Helper()
	for next = first; ; next++ {
		var m message
		c.JSON(&m)
		if m.ID != next {
			t.Fatalf("message %d (%s) came where %d was due", m.ID, m.Text, next)
		}
		if m.Text == text {
			return next + 1
		}
	}
}
