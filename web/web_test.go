package web

import (
	"bytes"
	"strings"
	"testing"
)

func TestThePagesAreSmallAndWholeInOneFile(t *testing.T) {
	for _, name := range []string{"index.html", "demo.html", "examples/index.html", "examples/event-source.html",
		"examples/web-socket.html", "examples/long-poll.html", "examples/react.html"} {
		body, csp, ok := Page(name)
		if !ok || len(body) > 20<<10 {
			t.Errorf("%s: %d bytes, ok %v; at most 20 KiB", name, len(body), ok)
		}
		if n := bytes.Count(body, []byte("\n")); n > 300 {
			t.Errorf("%s has %d lines, at most 300", name, n)
		}
		for _, bad := range []string{"innerHTML", "insertAdjacentHTML", "document.write", " style=", "<script src", "<link rel=\"stylesheet"} {
			if bytes.Contains(body, []byte(bad)) {
				t.Errorf("%s uses %s", name, bad)
			}
		}
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "style-src 'sha256-") {
			t.Errorf("%s: weak policy %q", name, csp)
		}
	}
}

func TestEachPaneOfTheDemoIsAtMostFifteenLines(t *testing.T) {
	body, _, _ := Page("demo.html")
	panes := 0
	for _, block := range scripts.FindAllSubmatch(body, -1) {
		if !bytes.Contains(block[0], []byte("data-pane=")) {
			continue
		}
		panes++
		if n := bytes.Count(bytes.TrimSpace(block[1]), []byte("\n")) + 1; n > 15 {
			t.Errorf("a pane has %d lines:\n%s", n, block[1])
		}
	}
	if panes != 4 {
		t.Errorf("%d panes, not 4", panes)
	}
}

func TestTheEventSourceExampleHasTenLines(t *testing.T) {
	body, _, _ := Page("examples/event-source.html")
	first := scripts.FindSubmatch(body)[1]
	if n := bytes.Count(bytes.TrimSpace(first), []byte("\n")) + 1; n > 10 || !bytes.Contains(first, []byte("new EventSource(")) {
		t.Errorf("%d lines:\n%s", n, first)
	}
}

func TestAPageThatDoesNotExistIsNotThere(t *testing.T) {
	if _, _, ok := Page("other.html"); ok {
		t.Error("there is a page called other")
	}
}
