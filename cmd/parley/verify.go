package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/parley-server/parley/load"
)

type verifyCmd struct {
	Server     []string      `default:"http://127.0.0.1:8080" placeholder:"URL" help:"${help_verify_server}"`
	Token      string        `placeholder:"TOKEN" help:"${help_verify_token}"`
	Channels   int           `default:"4" placeholder:"N" help:"Number of channels, with new names."`
	Publishers int           `default:"8" placeholder:"N" help:"Number of publishers, over HTTP and WebSocket."`
	Readers    int           `default:"16" placeholder:"N" help:"Number of readers, over all four transports."`
	For        time.Duration `default:"30s" placeholder:"TIME" help:"Duration of publishing."`
	Pace       time.Duration `default:"10ms" placeholder:"TIME" help:"Time between two messages of a publisher."`
	Patience   time.Duration `default:"1m" placeholder:"TIME" help:"Time limit for the last messages to arrive."`
	Seed       uint64        `default:"0" placeholder:"S" help:"Repeat the choices of another run; 0: new ones."`
	JSON       bool          `name:"json" help:"Print the report as JSON."`
}

func (verifyCmd) Help() string {
	return "Publishers send messages with keys and repeat what was not acknowledged; readers hop between the transports and drop their " +
		"connections at random. " +
		"In one more channel each message is deleted, and must not be shown a second later. " +
		"At the end the log is held against what was acknowledged and against what each reader saw. Kill and restart the server meanwhile: " +
		"the numbers must be the same. " +
		"Exit code 0: nothing was lost, repeated or out of order; 1: something was."
}

func (c *verifyCmd) Run(ctx context.Context, p *program) error {
	for i, server := range c.Server {
		if !strings.HasPrefix(server, "http://") && !strings.HasPrefix(server, "https://") {
			return refuse(fmt.Sprintf("the server %q is not a URL.", server), "Write it as http://127.0.0.1:8080.")
		}
		c.Server[i] = strings.TrimRight(server, "/")
	}
	if c.For <= 0 || c.For > 24*time.Hour || c.Channels < 1 || c.Publishers < 1 || c.Readers < 1 || c.Channels > 1000 ||
		c.Publishers+c.Readers > 5000 {
		return refuse("a number is out of its range.", "At most 1,000 channels, 5,000 publishers and readers, 24h.")
	}
	if c.Seed == 0 {
		c.Seed = uint64(rand.Uint32()) + 1
	}
	live := newProgress(p)
	report, err := load.Run(ctx, load.Config{Servers: c.Server, Token: c.Token, Channels: c.Channels,
		Publishers: c.Publishers, Readers: c.Readers, For: c.For, Pace: c.Pace, Patience: c.Patience, Seed: c.Seed,
		Progress: func(g load.Progress) {
			live.show(fmt.Sprintf("sent %d, acknowledged %d, %v left", g.Sent, g.Acknowledged, g.Left.Round(time.Second)))
		}})
	live.end()
	if err != nil {
		return err
	}
	if err := c.print(p, report); err != nil {
		return err
	}
	if !report.OK() {
		return errors.New("not every acknowledged message arrived once and in order")
	}
	return nil
}

func (c *verifyCmd) print(p *program, r *load.Report) error {
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(struct {
			*load.Report
			Seed uint64 `json:"seed"`
			OK   bool   `json:"ok"`
		}{r, c.Seed, r.OK()})
	}
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range []struct {
		name  string
		value int
	}{
		{"sent", r.Sent}, {"acknowledged", r.Acknowledged}, {"stored", r.Stored}, {"received", r.Received},
		{"lost", r.Lost}, {"repeated", r.Repeated}, {"out of order", r.OutOfOrder}, {"altered", r.Altered},
		{"deleted text shown", r.Shown}, {"forgotten with an epoch", r.Forgotten}, {"resets", r.Resets},
	} {
		fmt.Fprintf(t, "%s\t%d\t\n", row.name, row.value)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range r.Findings {
		fmt.Fprintln(p.stdout, "  "+f)
	}
	_, err := fmt.Fprintf(p.stdout, "--seed %d repeats the choices of this run\n", c.Seed)
	return err
}
