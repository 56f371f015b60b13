package bench

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

// HTML writes the report as one page with plots in SVG; it loads nothing.
func (r *Report) HTML(w io.Writer) error { return page.Execute(w, r) }

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"number": Number, "svg": Plot.svg,
}).Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>parley bench {{.Scenario}}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
code{font:14px ui-monospace,monospace}table{border-collapse:collapse}td{padding:.15rem 1rem .15rem 0;border-bottom:1px solid #ddd}
td+td{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#a11;font-weight:600}svg{width:100%;height:auto}
text{font:11px system-ui,sans-serif;fill:#444}
</style>
<h1>parley bench {{.Scenario}}</h1>
<p><code>{{.Command}}</code><br>{{.Date.Format "2006-01-02 15:04 MST"}}, {{.Machine}}</p>
<table>{{range .Rows}}<tr><td>{{.Name}}<td>{{number .Value}} {{.Unit}}{{end}}</table>
<p>Sent {{.Sent}}, acknowledged {{.Acknowledged}}. Deliveries expected {{.Expected}}, received {{.Received}};
<span{{if not .OK}} class="bad"{{end}}>lost {{.Lost}}, repeated {{.Repeated}}, out of order {{.Disordered}}</span>.</p>
{{range .Problems}}<p class="bad">{{.}}</p>{{end}}
{{range .Plots}}<h2>{{.Name}}</h2>{{svg .}}{{end}}
</html>
`))

const (
	plotWidth, plotHeight = 720.0, 320.0
	plotLeft, plotBottom  = 60.0, 40.0
)

var plotColors = []string{"#0b62a4", "#c8501e", "#2f7d32", "#7a3d9c"}

// svg draws the plot. The y axis is logarithmic where the values differ by more than
// a factor of thirty.
func (p Plot) svg() template.HTML {
	minX, maxX, minY, maxY := p.bounds()
	log := minY > 0 && maxY/minY > 30
	if !log {
		minY = 0
	}
	scale := func(v, lo, hi float64) float64 { return (v - lo) / math.Max(hi-lo, 1e-9) }
	x := func(v float64) float64 { return plotLeft + scale(v, minX, maxX)*(plotWidth-plotLeft-10) }
	y := func(v float64) float64 {
		f := scale(v, minY, maxY)
		if log {
			f = scale(math.Log(math.Max(v, minY)), math.Log(minY), math.Log(maxY))
		}
		return (plotHeight - plotBottom) - f*(plotHeight-plotBottom-20)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img">`, plotWidth, plotHeight)
	for i := range 5 {
		v := minY + (maxY-minY)*float64(i)/4
		if log {
			v = minY * math.Pow(maxY/minY, float64(i)/4)
		}
		fmt.Fprintf(&b, `<path d="M%g %.1fH%g" stroke="#ddd"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, y(v), plotWidth-10, plotLeft-6, y(v)+4, Number(v))
	}
	for v := math.Ceil(minX); v <= maxX; v++ {
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="middle">%s</text>`, x(v), plotHeight-plotBottom+16, p.tick(v))
	}
	fmt.Fprintf(&b, `<text x="4" y="12">%s</text>`, template.HTMLEscapeString(p.Y))
	for i, s := range p.Series {
		color := plotColors[i%len(plotColors)]
		var points []string
		for _, pt := range s.Points {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(pt[0]), y(pt[1])))
			if len(s.Points) < 12 {
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(pt[0]), y(pt[1]), color)
			}
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`, color, strings.Join(points, " "))
		fmt.Fprintf(&b, `<rect x="%g" y="%g" width="10" height="10" fill="%s"/><text x="%g" y="%g">%s</text>`,
			plotLeft+float64(i)*200, plotHeight-14, color, plotLeft+14+float64(i)*200, plotHeight-5, template.HTMLEscapeString(s.Name))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

func (p Plot) bounds() (minX, maxX, minY, maxY float64) {
	minX, minY = math.Inf(1), math.Inf(1)
	for _, s := range p.Series {
		for _, pt := range s.Points {
			minX, maxX = math.Min(minX, pt[0]), math.Max(maxX, pt[0])
			minY, maxY = math.Min(minY, pt[1]), math.Max(maxY, pt[1])
		}
	}
	return minX, maxX, minY, maxY
}

// tick labels the x axis: nines are percentiles.
func (p Plot) tick(v float64) string {
	if p.X != latencyAxis {
		return Number(v)
	}
	return fmt.Sprintf("p%g", math.Round((1-math.Pow(10, -v))*1e6)/1e4)
}
