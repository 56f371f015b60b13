package bench

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run found.
type Report struct {
	Scenario string    `json:"scenario"`
	Command  string    `json:"command"`
	Date     time.Time `json:"date"`
	Machine  string    `json:"machine"`
	Rows     []Row     `json:"rows"`
	Plots    []Plot    `json:"plots,omitempty"`

	Sent         int64 `json:"sent"`
	Acknowledged int64 `json:"acknowledged"`
	Expected     int64 `json:"expected"` // deliveries
	Counts
	Cut int64 `json:"cut"` // connections that ended unexpectedly

	Problems []string `json:"problems,omitempty"`
	OK       bool     `json:"ok"` // all connected, all acknowledged, every delivery once and in order
}

// Row is one measured number.
type Row struct {
	Key   string  `json:"key"`  // for programs
	Name  string  `json:"name"` // for people
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// Plot is a set of series; X may be a percentile, a second or a pair.
type Plot struct {
	Name   string       `json:"name"`
	X      string       `json:"x"`
	Y      string       `json:"y"`
	Series []PlotSeries `json:"series"`
}

// PlotSeries is one line of a plot.
type PlotSeries struct {
	Name   string       `json:"name"`
	Points [][2]float64 `json:"points"`
}

// Value finds a row's number.
func (r *Report) Value(key string) (float64, bool) {
	for _, row := range r.Rows {
		if row.Key == key {
			return row.Value, true
		}
	}
	return 0, false
}

func (r *Report) add(key, name string, value float64, unit string) {
	r.Rows = append(r.Rows, Row{key, name, value, unit})
}

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) < 20 {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// latency adds rows with percentiles, and their plot.
func (r *Report) latency(key, name string, h *hdrhistogram.Histogram) {
	if h.TotalCount() == 0 {
		return
	}
	for _, p := range []float64{50, 99, 99.9} {
		r.add(fmt.Sprintf("%s_p%g", key, p), fmt.Sprintf("%s, p%g", name, p), millis(h.ValueAtPercentile(p)), "ms")
	}
	r.add(key+"_max", name+", largest", millis(h.Max()), "ms")
	s := PlotSeries{Name: name}
	for _, b := range h.CumulativeDistribution() {
		if b.Quantile < 100 {
			s.Points = append(s.Points, [2]float64{-math.Log10(1 - b.Quantile/100), millis(b.ValueAt)})
		}
	}
	for i := range r.Plots {
		if r.Plots[i].X == latencyAxis {
			r.Plots[i].Series = append(r.Plots[i].Series, s)
			return
		}
	}
	r.Plots = append(r.Plots, Plot{Name: "Latency", X: latencyAxis, Y: "ms", Series: []PlotSeries{s}})
}

const latencyAxis = "nines"

func millis(ns int64) float64 { return float64(ns) / 1e6 }

// settle decides whether all is well.
func (r *Report) settle() {
	if !r.Counts.OK() {
		r.problem("lost %d, repeated %d, out of order %d", r.Lost, r.Repeated, r.Disordered)
	}
	if r.Sent != r.Acknowledged {
		r.problem("%d messages sent, %d acknowledged", r.Sent, r.Acknowledged)
	}
	if r.Cut > 0 {
		r.problem("%d connections ended that should not have", r.Cut)
	}
	r.OK = len(r.Problems) == 0
}

// Print writes a human-readable table.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\n%s, %s\n\n", r.Command, r.Date.Format("2006-01-02 15:04 MST"), r.Machine)
	for _, row := range r.Rows {
		fmt.Fprintf(t, "  %s\t%s %s\n", row.Name, Number(row.Value), row.Unit)
	}
	fmt.Fprintf(t, "\n  sent %d, acknowledged %d; deliveries expected %d, received %d; lost %d, repeated %d, out of order %d\n",
		r.Sent, r.Acknowledged, r.Expected, r.Received, r.Lost, r.Repeated, r.Disordered)
	for _, p := range r.Problems {
		fmt.Fprintf(t, "  PROBLEM: %s\n", p)
	}
	return t.Flush()
}

// Number formats v with three significant digits and commas between thousands.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		s := fmt.Sprintf("%.0f", v)
		for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case a >= 100, v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// Machine describes this machine in words.
func Machine() string {
	words := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if m := memory(); m > 0 {
		words = append(words, fmt.Sprintf("%.0f GiB", float64(m)/(1<<30)))
	}
	return strings.Join(append(words, system(), runtime.Version()), ", ")
}
