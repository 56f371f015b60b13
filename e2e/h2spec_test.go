package e2e_test

import (
	"context"
	"encoding/xml"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-server/parley/testenv"
)

// HTTP/2 is Go's; what parley adds around it must not make it worse (RFC 9113, by h2spec).
// Some cases are races, so a case counts against parley only if it fails in every run, and
// never with net/http alone.
func TestHTTP2IsAsGoodAsGos(t *testing.T) {
	t.Parallel()
	plain := httptest.NewUnstartedServer(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }))
	plain.EnableHTTP2 = true
	plain.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain.StartTLS()
	defer plain.Close()
	cert, key, _ := selfSigned(t)
	p := serve(t, "--tls-cert", cert, "--tls-key", key)
	var ours, gos map[string]bool
	for try := 0; try == 0 || try < 6 && len(ours) > 0; try++ {
		_, alone := h2spec(t, plain.Listener.Addr().String())
		tests, with := h2spec(t, strings.TrimPrefix(p.URL, "https://"))
		if tests < 100 {
			t.Fatalf("h2spec has %d cases", tests)
		}
		if try == 0 {
			ours, gos = with, alone
		}
		maps.Copy(gos, alone)
		maps.DeleteFunc(ours, func(name string, _ bool) bool { return gos[name] || !with[name] })
	}
	for name := range ours {
		t.Errorf("net/http alone passes this case, parley never does: %s", name)
	}
	p.expectAlive()
}

// h2spec runs all cases against an address; failed holds the names of those that failed.
func h2spec(t *testing.T, address string) (tests int, failed map[string]bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.xml")
	out, _ := exec.CommandContext(ctx, testenv.Need(t, "h2spec"), "-h", host, "-p", port, "-t", "-k", "-P", "/healthz", "-o", "1", "-j",
		file).CombinedOutput() // 1 if any failed
	var report struct {
		Suites []struct {
			Cases []struct {
				Package string    `xml:"package,attr"`
				Class   string    `xml:"classname,attr"`
				Failure *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = xml.Unmarshal(b, &report)
	}
	if err != nil {
		t.Fatalf("h2spec says %s (%v)", out, err)
	}
	failed = map[string]bool{}
	for _, suite := range report.Suites {
		for _, c := range suite.Cases {
			if tests++; c.Failure != nil {
				failed[c.Package+" "+c.Class] = true
			}
		}
	}
	return tests, failed
}

// expectAlive checks that the server still answers.
func (p *production) expectAlive() {
	p.t.Helper()
	res, err := http.Get(p.AdminURL + "/healthz")
	if err != nil {
		p.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		p.t.Errorf("health: %s", res.Status)
	}
}
