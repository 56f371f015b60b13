package e2e_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-server/parley/demo"
	"github.com/parley-server/parley/testenv"
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

// make cluster: each of three nodes is killed from the page next to the chat page, and no client loses anything.
func TestTheClusterLosesAndRepeatsNothingOverThreeKills(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"redis", "haproxy"} {
		testenv.NeedService(t, name)
	}
	chat, page := startCluster(t)
	if status, body := request(t, "GET", chat+"/", ""); status != 200 || !strings.Contains(body, "<title>") {
		t.Errorf("the chat page is answered %d %.100s", status, body)
	}
	for _, line := range testenv.Browser(t, "clients/demo.cjs", page).Rest() {
		t.Log(line)
	}
}

// startCluster runs testenv/cluster until the test ends. If its ports are taken it tries others.
func startCluster(t *testing.T) (chat, page string) {
	t.Helper()
	for range 5 {
		addr := testenv.FreePort(t)
		cmd := exec.Command(filepath.Join(testenv.Root(), "testenv", "cluster"), addr[strings.LastIndexByte(addr, ':')+1:])
		cmd.Stderr = t.Output()
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(stdout); page == "" && lines.Scan(); {
			switch fields := strings.Fields(lines.Text()); {
			case len(fields) > 2 && fields[0] == "chat":
				chat = strings.TrimSuffix(fields[2], "/")
			case len(fields) > 3 && fields[0] == "kill":
				page = fields[3]
			}
		}
		if page == "" {
			t.Log(cmd.Wait())
			continue
		}
		t.Cleanup(func() {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("the cluster ended with %v", err)
			}
		})
		return chat, page
	}
	t.Fatal("the cluster does not start")
	return "", ""
}
