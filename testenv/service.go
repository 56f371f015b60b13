package testenv

import (
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var serviceReady = regexp.MustCompile(`(?m)^READY \S+ (?:url|addr)=(\S+)`)

// Service starts one of testenv/services on a free port, stops it when the test ends, and
// returns its address as the script prints it. The script installs the server first if it
// has to; where that fails the test is skipped.
func Service(t testing.TB, name string, args ...string) (url string) {
	t.Helper()
	script := filepath.Join(Root(), "testenv", "services", name)
	if out, err := exec.Command(script, "install").CombinedOutput(); err != nil {
		Skip(t, name+": "+lastLine(string(out)))
	}
	_, port, err := net.SplitHostPort(FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	where := []string{"--port", port, "--dir", t.TempDir()}
	t.Cleanup(func() {
		if out, err := exec.Command(script, append([]string{"down"}, where...)...).CombinedOutput(); err != nil {
			t.Errorf("stop %s: %v\n%s", name, err, out)
		}
	})
	out, err := exec.Command(script, append(append([]string{"up"}, where...), args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("start %s: %v\n%s", name, err, out)
	}
	ready := serviceReady.FindStringSubmatch(string(out))
	if ready == nil {
		t.Fatalf("%s is not ready:\n%s", name, out)
	}
	return ready[1]
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
