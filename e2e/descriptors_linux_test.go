package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-server/parley/testenv"
)

var ready = regexp.MustCompile(`http=http://(\S+) admin=http://(\S+)`)

// Idle connections to both listeners, more than the process may have descriptors, leave the
// store the descriptors it needs; the admin listener still answers, and the log has few
// lines about it.
func TestIdleConnectionsLeaveTheStoreItsDescriptors(t *testing.T) {
	for _, limit := range []int{64, 256} {
		// Go raises the soft limit to the hard one, so that both must be set before it starts.
		cmd := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, limit), testenv.Binary(t),
			"dev", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
		var log strings.Builder
		cmd.Stderr = &log
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		line, err := bufio.NewReader(stdout).ReadString('\n')
		at := ready.FindStringSubmatch(line)
		if err != nil || at == nil {
			t.Fatalf("%q, %v", line, err)
		}
		client := &http.Client{Timeout: testenv.Patience}
		post := func(text string) {
			t.Helper()
			body := fmt.Sprintf(`{"channel_id":"general","user":"alice","text":%q}`, text)
			r, err := client.Post("http://"+at[1]+"/api/messages", "application/json", strings.NewReader(body))
			if err != nil || r.StatusCode != 201 {
				t.Fatalf("limit %d: %v, %v", limit, r, err)
			}
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		post("first") // this connection stays
		var idle []net.Conn
		for range 2 * limit {
			for _, address := range at[1:] {
				if c, err := net.Dial("tcp", address); err == nil {
					idle = append(idle, c)
				}
			}
		}
		for range 30 { // for which the store creates files: 40 MB
			post(strings.Repeat("x", 16<<10))
			for range 80 {
				post(strings.Repeat("y", 16<<10))
			}
		}
		r, err := http.Get("http://" + at[2] + "/readyz")
		if err != nil || r.StatusCode != 200 {
			t.Errorf("limit %d: the admin listener: %v, %v", limit, r, err)
		} else {
			r.Body.Close()
		}
		for _, c := range idle {
			c.Close()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		if n := log.Len(); n > 64<<10 || strings.Contains(log.String(), "too many open files") {
			t.Errorf("limit %d: %d bytes of log, which end %q", limit, n, log.String()[max(0, n-1000):])
		}
	}
}
