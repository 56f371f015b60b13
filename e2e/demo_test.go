package e2e_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"parley/demo"
	"parley/testenv"
)

func TestTheDemoLosesAndRepeatsNothingOverThreeKills(t *testing.T) {
	t.Parallel()
	url := startDemo(t)
	for _, line := range testenv.Browser(t, "clients/demo.cjs", url).Rest() {
		t.Log(line)
	}
}

func TestOnlyTheDemosOwnPageMayKill(t *testing.T) {
	t.Parallel()
	url := startDemo(t)
	for name, change := range map[string]func(*http.Request){
		"a page of another origin": func(r *http.Request) { r.Header.Set("Origin", "https://example.com") },
		"a rebound name":           func(r *http.Request) { r.Host = "example.com" },
	} {
		req, err := http.NewRequest(http.MethodPost, url+"/demo/kill", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(req)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
}

func TestTheDemoSaysWhyItsServerDoesNotStart(t *testing.T) {
	t.Parallel()
	err := demo.Run(t.Context(), demo.Config{Binary: testenv.Binary(t), Args: []string{"--no-such-flag"}, Listen: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "did not start") {
		t.Errorf("the error is %v", err)
	}
}

// startDemo runs the demo in this process, over the real binary, until the test ends.
func startDemo(t *testing.T) (url string) {
	t.Helper()
	binary := testenv.Binary(t)
	ctx, stop := context.WithCancel(t.Context())
	stdout, ready := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := demo.Run(ctx, demo.Config{Binary: binary, Listen: "127.0.0.1:0", Stdout: ready})
		ready.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	b := make([]byte, 1024)
	n, err := stdout.Read(b)
	page := regexp.MustCompile(`page=(\S+)`).FindSubmatch(b[:n])
	if page == nil {
		t.Fatalf("the demo says %q, %v", b[:n], err)
	}
	return string(page[1])
}
