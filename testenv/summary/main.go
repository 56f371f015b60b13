// Command summary reads the output of go test -json and shows what go test would: a line for each
// package, and the output of all failed tests. It appends the reasons for skipped tests to a file,
// so that make test can repeat them at its end, and the failed tests to another, as a package and a
// test per line, so that make test can run them again.
//
// A failure that a second run cannot excuse is written only as the word "final": a data race, a
// panic, a broken promise (something lost, repeated, out of order or altered), a package that did
// not build or did not end.
//
//	go test -json ./... | go run ./testenv/summary SKIPPED-FILE FAILED-FILE
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

type event struct {
	Action      string
	Package     string
	ImportPath  string // for build output, instead of Package
	Test        string
	Output      string
	FailedBuild string
}

type test struct{ pkg, name string }

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: summary SKIPPED-FILE FAILED-FILE")
		os.Exit(2)
	}
	skipped, failed := appendTo(os.Args[1]), appendTo(os.Args[2])
	defer skipped.Close()
	defer failed.Close()

	summarize(os.Stdin, os.Stdout, skipped, failed)
}

func summarize(from io.Reader, out, skipped, failed io.Writer) {
	output := map[test][]string{}
	failures := map[string]bool{} // packages in which a test has failed
	in := bufio.NewScanner(from)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Fprintln(out, in.Text()) // not from go test: show it
			continue
		}
		t := test{e.Package, e.Test}
		switch {
		case e.Action == "build-output":
			fmt.Fprint(out, e.Output)
		case e.Action == "output" && e.Test == "":
			if !slices.Contains([]string{"PASS\n", "FAIL\n"}, e.Output) {
				fmt.Fprint(out, e.Output)
			}
		case e.Action == "output":
			output[t] = append(output[t], e.Output)
		case e.Action == "fail" && e.Test != "":
			said := strings.Join(quiet(output[t]), "")
			fmt.Fprint(out, said)
			if final.MatchString(said) {
				fmt.Fprintln(failed, "final")
			}
			if !strings.Contains(e.Test, "/") {
				fmt.Fprintln(failed, e.Package, e.Test)
			}
			failures[e.Package] = true
			delete(output, t)
		case e.Action == "fail" && !failures[e.Package]:
			fmt.Fprintln(failed, "final")
		case e.Action == "skip" && e.Test != "":
			fmt.Fprintf(skipped, "SKIPPED: %s %s: %s\n", e.Package, e.Test, reason(output[t]))
			delete(output, t)
		case e.Action == "pass" && e.Test != "":
			delete(output, t)
		}
	}
	// A test that never ended (after a panic or a timeout) has neither failed nor passed.
	for _, lines := range output {
		fmt.Fprint(out, strings.Join(quiet(lines), ""))
		fmt.Fprintln(failed, "final")
	}
}

func appendTo(name string) *os.File {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return f
}

var final = regexp.MustCompile(`DATA RACE|panic: ` +
	`|\b[1-9]\d* (were )?(lost|repeated|out of order|altered)\b|(lost|repeated|out of order|altered):? +[1-9]`)

var progress = regexp.MustCompile(`^=== (RUN|PAUSE|CONT|NAME) `)

func quiet(lines []string) []string {
	return slices.DeleteFunc(lines, progress.MatchString)
}

var (
	place  = regexp.MustCompile(`^\S+\.go:\d+: `)
	prefix = "SKIPPED: "
)

// reason returns the last line that a test printed before it was skipped.
func reason(lines []string) string {
	for _, line := range slices.Backward(quiet(lines)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "--- ") {
			return strings.TrimPrefix(place.ReplaceAllString(line, ""), prefix)
		}
	}
	return "it does not say why"
}
