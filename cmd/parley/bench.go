package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/parley-server/parley/load/bench"
	"github.com/parley-server/parley/terminal"
)

type benchCmd struct {
	Scenario string `arg:"" enum:"connect,idle,fanout,rooms,storm,publish,mixed,stalled,catchup,million" help:"${help_bench_scenario}"`

	Server []string `placeholder:"URL" group:"Server" help:"${help_bench_server}"`
	PID    []int    `name:"pid" placeholder:"PID" group:"Server" help:"${help_bench_pid}"`
	To     []string `name:"publish-server" placeholder:"URL" group:"Server" help:"${help_bench_publish_server}"`
	Nodes  int      `placeholder:"N" group:"Server" help:"${help_bench_nodes}"`
	Fsync  string   `default:"commit" enum:"commit,interval,memory" group:"Server" help:"--fsync of a server that is started."`
	With   []string `placeholder:"FLAG" sep:"," group:"Server" help:"More flags for a server that is started, such as --recent-memory=512."`

	Transport   string        `default:"websocket" enum:"websocket,sse,long-poll,poll" group:"Load" help:"${help_bench_transport}"`
	Connections int           `short:"n" placeholder:"N" group:"Load" help:"${help_bench_connections}"`
	Rate        float64       `default:"-1" placeholder:"R" group:"Load" help:"${help_bench_rate}"`
	Size        int           `placeholder:"B" group:"Load" help:"${help_bench_size}"`
	For         time.Duration `default:"10s" placeholder:"TIME" group:"Load" help:"Duration of sending."`
	Burst       int           `default:"1" placeholder:"N" group:"Load" help:"Messages sent at a time, at the same total rate."`
	Layout      string        `default:"" enum:",own,one,rooms" group:"Load" help:"${help_bench_layout}"`
	Rooms       int           `placeholder:"N" group:"Load" help:"Rooms of the layout rooms. Default: a tenth of the connections."`
	Publishers  int           `placeholder:"N" group:"Load" help:"Connections that publish. Default: the scenario's own number."`
	Window      int           `default:"60" placeholder:"N" group:"Load" help:"${help_bench_window}"`
	Behind      int           `default:"1000" placeholder:"K" group:"Load" help:"catchup: messages that each reader is behind."`
	Dials       int           `placeholder:"N" group:"Load" help:"${help_bench_dials}"`
	Settle      time.Duration `default:"60s" placeholder:"TIME" group:"Load" help:"${help_bench_settle}"`
	PollEvery   time.Duration `default:"1s" placeholder:"TIME" group:"Load" help:"Time between two short polls."`

	Baseline bool `group:"Comparison" help:"connect, fanout, rooms: alternate with a bare loop of accept and write(2) in its own process."`
	Pairs    int  `default:"5" placeholder:"N" group:"Comparison" help:"${help_bench_pairs}"`

	Peer string `default:"" enum:",centrifuge,socket.io" group:"Comparison" help:"${help_bench_peer}"`

	JSON bool   `name:"json" group:"Output" help:"Print the report as JSON."`
	HTML string `name:"html" placeholder:"FILE" group:"Output" help:"Also write the report as a page with plots, which loads nothing."`
}

func (benchCmd) Help() string {
	var b strings.Builder
	b.WriteString("Measures a server from outside and checks that every delivery came, once and in order; exit code 1 if not. " +
		"Messages leave at times that were fixed before, and latency is counted from those, so that a slow server can't hide its delays. " +
		"What the load itself costs is in the report. Everything ends by itself.\n\nScenarios:\n")
	for _, s := range bench.Scenarios() {
		fmt.Fprintf(&b, "\n  %-8s  %s", s.Name, s.Help)
	}
	return b.String()
}

func (c *benchCmd) Run(ctx context.Context, p *program) error {
	binary, err := executable()
	if err != nil {
		return err
	}
	for _, urls := range [][]string{c.Server, c.To} {
		for i, url := range urls {
			if !strings.HasPrefix(url, "http://") {
				return refuse(fmt.Sprintf("the server %q is not an http URL.", url), "Write it as http://127.0.0.1:8080.")
			}
			urls[i] = strings.TrimRight(url, "/")
		}
	}
	if c.Connections < 0 || c.Connections > 1_000_000 || c.For < 0 || c.For > time.Hour || c.Burst < 1 || c.Pairs < 1 || c.Window < 1 ||
		c.Window > 63 {
		return refuse("a number is out of its range.", "At most 1,000,000 connections, an hour, 63 messages in the window.")
	}
	var page *os.File
	if c.HTML != "" { // before anything that may take long
		if page, err = os.Create(c.HTML); err != nil {
			return refuse(fmt.Sprintf("--html: %v.", err), "Give it a file that this user may write.")
		}
		defer page.Close()
	}
	live := newProgress(p)
	report, err := bench.Run(ctx, bench.Config{Scenario: c.Scenario, Command: "parley " + strings.Join(p.args, " "), Binary: binary,
		Servers: c.Server, PIDs: c.PID, Nodes: c.Nodes, Publish: c.To, Fsync: c.Fsync, Flags: c.With, Progress: live.show,
		Transport: c.Transport, Connections: c.Connections, Rate: c.Rate, Size: c.Size, For: c.For, Burst: c.Burst,
		Layout: c.Layout, Rooms: c.Rooms, Settle: c.Settle, Dials: c.Dials, Publishers: c.Publishers, Window: c.Window,
		Behind: c.Behind, PollEvery: c.PollEvery, Baseline: c.Baseline, Pairs: c.Pairs, Peer: c.Peer})
	live.end()
	if err != nil {
		return err
	}
	if page != nil {
		if err := errors.Join(report.HTML(page), page.Close()); err != nil {
			return err
		}
	}
	if c.JSON {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = report.Print(p.stdout)
	}
	if err == nil && !report.OK {
		err = errors.New("not every delivery came once and in order; see the report")
	}
	return err
}

// progress is one changing line on a terminal; elsewhere nothing.
type progress struct {
	w    io.Writer
	live bool
}

func newProgress(p *program) *progress { return &progress{p.stderr, terminal.Live(p.stderr)} }

func (l *progress) show(s string) {
	if l.live {
		fmt.Fprintf(l.w, "\r\x1b[K%s", s)
	}
}

func (l *progress) end() { l.show("") }

// The two commands that bench itself starts.
type (
	benchWorkerCmd struct{}
	benchBareCmd   struct{}
)

func (benchWorkerCmd) Run(p *program) error { return bench.ServeWorker(p.stdin, os.Stdout) }

func (benchBareCmd) Run(p *program) error { return bench.ServeBare(p.stdin, p.stdout) }
