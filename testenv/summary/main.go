// Command summary reads what go test -json writes and shows what go test would: a
// line for each package, and all of what failed. It appends the reasons of skipped
// tests to a file, so that make test can repeat them at its end.
//
//	go test -json ./... | go run ./testenv/summary SKIPPED-FILE
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output, instead of Package
	Test        string
	Output      string
	FailedBuild string
}

type test struct{ pkg, name string }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: summary SKIPPED-FILE")
		os.Exit(2)
	}
	skipped, err := os.OpenFile(os.Args[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer skipped.Close()

	output := map[test][]string{}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // not go test's: show it
			continue
		}
		t := test{e.Package, e.Test}
		switch {
		case e.Action == "build-output":
			fmt.Print(e.Output)
		case e.Action == "output" && e.Test == "":
			if !slices.Contains([]string{"PASS\n", "FAIL\n"}, e.Output) {
				fmt.Print(e.Output)
			}
		case e.Action == "output":
			output[t] = append(output[t], e.Output)
		case e.Action == "fail" && e.Test != "":
			fmt.Print(strings.Join(quiet(output[t]), ""))
			delete(output, t)
		case e.Action == "skip" && e.Test != "":
			fmt.Fprintf(skipped, "SKIPPED: %s %s: %s\n", e.Package, e.Test, reason(output[t]))
			delete(output, t)
		case e.Action == "pass" && e.Test != "":
			delete(output, t)
		}
	}
	// A test that never ended (a panic, a time-out) has neither failed nor passed.
	for _, lines := range output {
		fmt.Print(strings.Join(quiet(lines), ""))
	}
}

var progress = regexp.MustCompile(`^=== (RUN|PAUSE|CONT|NAME) `)

func quiet(lines []string) []string {
	return slices.DeleteFunc(lines, progress.MatchString)
}

var (
	place  = regexp.MustCompile(`^\S+\.go:\d+: `)
	prefix = "SKIPPED: "
)

// reason is the last thing that a test said before it was skipped.
func reason(lines []string) string {
	for _, line := range slices.Backward(quiet(lines)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "--- ") {
			return strings.TrimPrefix(place.ReplaceAllString(line, ""), prefix)
		}
	}
	return "it does not say why"
}
