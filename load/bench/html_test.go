package bench_test

import (
	"strings"
	"testing"

	"github.com/parley-server/parley/load/bench"
)

// The page suits phones and dark mode, and names each line of a plot, however long its name is.
func TestPageSuitsPhonesAndDarkMode(t *testing.T) {
	long := "from intended sending to delivery, storms included"
	r := bench.Report{Scenario: "storm", Plots: []bench.Plot{{Name: "Latency", Y: "ms", Series: []bench.PlotSeries{
		{Name: long, Points: [][2]float64{{0, 1}, {1, 2}}}, {Name: "a <second>", Points: [][2]float64{{0, 1}, {1, 3}}}}}}}
	var page strings.Builder
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`name="viewport" content="width=device-width`, "prefers-color-scheme:dark", `aria-label="Latency"`,
		`</i>` + long + `</li>`, `</i>a &lt;second&gt;</li>`, `stroke="var(--s0)"`, `stroke="var(--s1)"`, `style="background:var(--s1)"`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page.String(), "ZgotmplZ") || strings.Contains(page.String(), "<second>") {
		t.Error("the page is not escaped as it should be")
	}
}
