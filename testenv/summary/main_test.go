package main

import (
	"strings"
	"testing"
)

func TestFailuresAreListedForRerun(t *testing.T) {
	const fails = `{"Action":"fail","Package":"p","Test":"TestA"}` + "\n"
	for name, c := range map[string]struct{ events, failed, shown string }{
		"one that passes": {`{"Action":"output","Package":"p","Test":"TestA","Output":"fine\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`, "", ""},
		"one that fails": {`{"Action":"output","Package":"p","Test":"TestA","Output":"not in time\n"}
` + fails + `{"Action":"fail","Package":"p"}`, "p TestA\n", "not in time\n"},
		"its parts, with it": {`{"Action":"output","Package":"p","Test":"TestA/part","Output":"late\n"}
{"Action":"fail","Package":"p","Test":"TestA/part"}
` + fails + `{"Action":"fail","Package":"p"}`, "p TestA\n", "late\n"},
		"a race": {`{"Action":"output","Package":"p","Test":"TestA","Output":"WARNING: DATA RACE\n"}
` + fails, "final\np TestA\n", "WARNING: DATA RACE\n"},
		"a broken promise": {`{"Action":"output","Package":"p","Test":"TestA","Output":"sent 9, received 8; lost 1, repeated 0\n"}
` + fails, "final\np TestA\n", "sent 9, received 8; lost 1, repeated 0\n"},
		"a kept promise": {`{"Action":"output","Package":"p","Test":"TestA","Output":"lost 0, repeated 0, out of order 0\n"}
` + fails, "p TestA\n", "lost 0, repeated 0, out of order 0\n"},
		"a package that does not build": {`{"Action":"build-output","ImportPath":"p","Output":"no such name\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}`, "final\n", "no such name\n"},
		"a test that never ends": {`{"Action":"output","Package":"p","Test":"TestA","Output":"waiting\n"}
{"Action":"fail","Package":"p"}`, "final\nfinal\n", "waiting\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, skipped, failed strings.Builder
			summarize(strings.NewReader(c.events), &out, &skipped, &failed)
			if failed.String() != c.failed || out.String() != c.shown || skipped.Len() > 0 {
				t.Errorf("failed %q, want %q; shown %q, want %q; skipped %q", &failed, c.failed, &out, c.shown, &skipped)
			}
		})
	}
}

func TestReasonsOfSkippedTestsAreKept(t *testing.T) {
	var out, skipped, failed strings.Builder
	summarize(strings.NewReader(`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: SKIPPED: there is no server\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
not of go test`), &out, &skipped, &failed)
	if got := skipped.String(); got != "SKIPPED: p TestA: there is no server\n" || out.String() != "not of go test\n" || failed.Len() > 0 {
		t.Errorf("skipped %q, shown %q, failed %q", got, &out, &failed)
	}
}
