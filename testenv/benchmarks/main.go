// Command benchmarks writes the numbers in docs/benchmarks.md, between its markers, from the
// results that testenv/bench left in a directory.
//
//	go run ./testenv/benchmarks DIR docs/benchmarks.md load/plan/constants.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	beginMark = "<!-- numbers: begin (written by make bench) -->\n"
	endMark   = "<!-- numbers: end -->\n"
)

// report is the part of "parley bench --json" that is used here.
type report struct {
	Command string
	Date    time.Time
	Machine string
	Rows    []struct {
		Key, Name, Unit string
		Value           float64
	}
	Sent, Acknowledged, Expected, Received, Lost, Repeated, Disordered int64
	Problems                                                           []string
	OK                                                                 bool
}

func (r *report) value(key string) (float64, bool) {
	for _, row := range r.Rows {
		if row.Key == key {
			return row.Value, true
		}
	}
	return 0, false
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: benchmarks DIR FILE.md FILE.json")
		os.Exit(2)
	}
	reports, err := load(os.Args[1])
	if err == nil {
		err = rewrite(os.Args[1], os.Args[2], reports)
	}
	if err == nil {
		err = writeConstants(os.Args[3], reports)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// rewrite replaces the text between the markers.
func rewrite(dir, file string, reports map[string]*report) error {
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(doc, []byte(beginMark))
	_, after, ok2 := bytes.Cut(rest, []byte(endMark))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no markers for its numbers", file)
	}
	numbers, err := section(dir, reports)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(beginMark + "\n" + numbers + "\n" + endMark)
	out.Write(after)
	return os.WriteFile(file, out.Bytes(), 0o644)
}

func section(dir string, reports map[string]*report) (string, error) {
	goTests, err := goNumbers(filepath.Join(dir, "go.txt"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&b, "### %s\n\n| what | bar | measured | |\n| --- | --- | --- | --- |\n", part.title)
		for _, bar := range part.bars {
			fmt.Fprintln(&b, bar.line(reports, goTests))
		}
		b.WriteString("\n")
	}
	b.WriteString(besidePeers(reports))
	b.WriteString("### Every run\n\n")
	for _, name := range order {
		if r := reports[name]; r != nil {
			b.WriteString(r.details())
		}
	}
	if len(goTests.lines) > 0 {
		fmt.Fprintf(&b, "`go test -bench` (%s)\n\n```\n%s\n```\n", goTests.head, strings.Join(goTests.lines, "\n"))
	}
	return b.String(), nil
}

func load(dir string) (map[string]*report, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	reports := map[string]*report{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		r := &report{}
		if err := json.Unmarshal(raw, r); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		reports[strings.TrimSuffix(filepath.Base(f), ".json")] = r
	}
	return reports, nil
}

// details formats a run with all its numbers.
func (r *report) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "`%s`  \n%s, %s\n\n| | |\n| --- | ---: |\n", r.Command, r.Date.UTC().Format("2006-01-02 15:04 MST"), r.Machine)
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s | %s |\n", row.Name, strings.TrimSpace(number(row.Value)+" "+row.Unit))
	}
	if r.Expected > 0 {
		fmt.Fprintf(&b, "| deliveries expected, received | %s, %s |\n", number(float64(r.Expected)), number(float64(r.Received)))
		fmt.Fprintf(&b, "| lost, repeated, out of order | %d, %d, %d |\n", r.Lost, r.Repeated, r.Disordered)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "| **problem** | %s |\n", strings.ReplaceAll(strings.ReplaceAll(p, "|", "/"), "\n", " "))
	}
	return b.String() + "\n"
}

// goOutput is the output of go test -bench.
type goOutput struct {
	head  string
	lines []string
}

var benchLine = regexp.MustCompile(`^Benchmark\S+\s+\d+\s`)

func goNumbers(file string) (o goOutput, err error) {
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return o, nil
	}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			o.head = line[2:]
		case benchLine.MatchString(line):
			o.lines = append(o.lines, line)
		}
	}
	return o, err
}

// value finds a metric, such as msgs/s, of the benchmark whose name begins with name.
func (o goOutput) value(name, unit string) (float64, bool) {
	for _, line := range o.lines {
		f := strings.Fields(line)
		for i := 2; strings.HasPrefix(f[0], name) && i+1 < len(f); i += 2 {
			if f[i+1] == unit {
				v, err := strconv.ParseFloat(f[i], 64)
				return v, err == nil
			}
		}
	}
	return 0, false
}

func number(v float64) string {
	switch {
	case v >= 1000 || v <= -1000:
		s := strconv.FormatFloat(v, 'f', 0, 64)
		for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
