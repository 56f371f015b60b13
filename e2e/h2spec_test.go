package e2e_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"parley/testenv"
)

var h2tally = regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`)

// HTTP/2 is Go's; what parley puts around it must not make it worse (RFC 9113, by h2spec).
func TestHTTP2IsAsGoodAsGos(t *testing.T) {
	t.Parallel()
	h2spec := testenv.Need(t, "h2spec")
	failed := func(address string) (tests, failed int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
		defer cancel()
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := exec.CommandContext(ctx, h2spec, "-h", host, "-p", port, "-t", "-k", "-P", "/healthz", "-o", "1").CombinedOutput() // 1 if any failed
		m := h2tally.FindSubmatch(out)
		if m == nil {
			t.Fatalf("h2spec says %s", out)
		}
		_, _ = fmt.Sscan(string(m[1])+" "+string(m[4]), &tests, &failed)
		return tests, failed
	}
	plain := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }))
	plain.EnableHTTP2 = true
	plain.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain.StartTLS()
	defer plain.Close()
	cert, key, _ := selfSigned(t)
	p := serve(t, "--tls-cert", cert, "--tls-key", key)
	_, gos := failed(plain.Listener.Addr().String())
	tests, ours := failed(strings.TrimPrefix(p.URL, "https://"))
	for try := 0; try < 4 && ours > gos; try++ { // a case has a second, which a busy machine may take; what is wrong stays wrong
		_, again := failed(strings.TrimPrefix(p.URL, "https://"))
		ours = min(ours, again)
	}
	t.Logf("of %d cases parley fails %d, net/http %d", tests, ours, gos)
	if tests < 100 || ours > gos {
		t.Errorf("of %d cases parley fails %d, net/http %d", tests, ours, gos)
	}
	p.expectAlive()
}

// expectAlive asks whether the server still answers.
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
