package bench

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

// HTML writes the report as one page with SVG plots and no external resources.
func (r *Report) HTML(w io.Writer) error { return page.Execute(w, r) }

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"number": Number, "svg": Plot.svg, "color": color,
}).Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>parley bench {{.Scenario}}</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>
:root{color-scheme:light dark;--page:#fff;--ink:#1a1a1a;--soft:#444;--line:#ddd;
--bad:#a11;--s0:#0b62a4;--s1:#c8501e;--s2:#2f7d32;--s3:#7a3d9c}
@media(prefers-color-scheme:dark){:root{--page:#121615;--ink:#e8eceb;--soft:#aeb8b5;--line:#333a38;
--bad:#ff9a94;--s0:#6db6f2;--s1:#f2945f;--s2:#7fcf86;--s3:#cf9bee}}
body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--page)}
code{font:14px ui-monospace,monospace;overflow-wrap:anywhere}
table{border-collapse:collapse}td{padding:.15rem 1rem .15rem 0;border-bottom:1px solid var(--line)}
td+td{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}.bad{color:var(--bad);font-weight:600}
.plot{overflow-x:auto}svg{display:block;width:100%;min-width:36rem;height:auto}svg path{stroke:var(--line)}
text{font:11px system-ui,sans-serif;fill:var(--soft)}.legend{list-style:none;padding:0;margin:.25rem 0;font-size:13px}
.legend li{display:inline-block;margin-right:1.5rem}
.legend i{display:inline-block;width:10px;height:10px;margin-right:.4rem}
</style>
<h1>parley bench {{.Scenario}}</h1>
<p><code>{{.Command}}</code><br>{{.Date.Format "2006-01-02 15:04 MST"}}, {{.Machine}}</p>
<table>{{range .Rows}}<tr><td>{{.Name}}<td>{{number .Value}} {{.Unit}}{{end}}</table>
<p>Sent {{.Sent}}, acknowledged {{.Acknowledged}}. Deliveries expected {{.Expected}}, received {{.Received}};
<span{{if not .OK}} class="bad"{{end}}>lost {{.Lost}}, repeated {{.Repeated}}, out of order {{.Disordered}}</span>.</p>
{{range .Problems}}<p class="bad">{{.}}</p>{{end}}
{{range .Plots}}<h2>{{.Name}}</h2><div class="plot" tabindex="0">{{svg .}}</div>
<ul class="legend">{{range $i, $s := .Series}}<li><i style="background:var(--s{{color $i}})"></i>{{$s.Name}}</li>{{end}}</ul>{{end}}
</html>
`))

const (
	plotWidth, plotHeight = 720.0, 304.0
	plotLeft, plotBottom  = 60.0, 24.0
)

// color is the number of a series' color in the page's style.
func color(series int) int { return series % 4 }

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
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, plotWidth, plotHeight, template.HTMLEscapeString(p.Name))
	for i := range 5 {
		v := minY + (maxY-minY)*float64(i)/4
		if log {
			v = minY * math.Pow(maxY/minY, float64(i)/4)
		}
		fmt.Fprintf(&b, `<path d="M%g %.1fH%g"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, y(v), plotWidth-10, plotLeft-6, y(v)+4, Number(v))
	}
	for v := math.Ceil(minX); v <= maxX; v++ {
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="middle">%s</text>`, x(v), plotHeight-plotBottom+16, p.tick(v))
	}
	fmt.Fprintf(&b, `<text x="4" y="12">%s</text>`, template.HTMLEscapeString(p.Y))
	for i, s := range p.Series {
		color := color(i)
		var points []string
		for _, pt := range s.Points {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(pt[0]), y(pt[1])))
			if len(s.Points) < 12 {
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="var(--s%d)"/>`, x(pt[0]), y(pt[1]), color)
			}
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="var(--s%d)" stroke-width="2" points="%s"/>`, color, strings.Join(points, " "))
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

// tick labels the x axis; on a latency axis, v is the number of nines of a percentile.
func (p Plot) tick(v float64) string {
	if p.X != latencyAxis {
		return Number(v)
	}
	return fmt.Sprintf("p%g", math.Round((1-math.Pow(10, -v))*1e6)/1e4)
}
