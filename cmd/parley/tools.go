package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/parley-server/parley/demo"
	"github.com/parley-server/parley/terminal"
)

type demoCmd struct {
	Listen   string   `default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Address of the demo's page; port 0 picks a free one."`
	Nodes    []string `sep:"," placeholder:"HOST:PORT" group:"Several nodes" help:"${help_demo_nodes}"`
	Store    string   `placeholder:"URL" group:"Several nodes" help:"Store of these nodes: redis:// or cassandra://."`
	Bus      string   `placeholder:"URL" group:"Several nodes" help:"Bus and presence of these nodes, if the store is not a Redis."`
	Balancer string   `placeholder:"URL" group:"Several nodes" help:"URL of the load balancer in front of these nodes."`
}

func (c *demoCmd) Run(ctx context.Context, p *program) error {
	binary, err := executable()
	if err != nil {
		return err
	}
	cfg := demo.Config{Binary: binary, Listen: c.Listen, Stdout: p.stdout, Stderr: p.stderr}
	switch {
	case len(c.Nodes) > 0 && c.Store != "" && c.Balancer != "":
		cfg.Cluster = &demo.Cluster{Nodes: c.Nodes, Store: c.Store, Bus: c.Bus, Balancer: strings.TrimRight(c.Balancer, "/")}
	case len(c.Nodes) > 0 || c.Store != "" || c.Bus != "" || c.Balancer != "":
		return refuse("--nodes, --store and --balancer belong together.", "Give all three, or run make cluster.")
	}
	err = demo.Run(ctx, cfg)
	if errors.Is(err, syscall.EADDRINUSE) {
		return refuse(fmt.Sprintf("another process listens on %s.", c.Listen),
			"Stop it, or choose another address: --listen 127.0.0.1:0 picks a free one.")
	}
	return err
}

// toolFlags are the common flags of the tools that connect to a server.
type toolFlags struct {
	Server string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"URL of the server."`
	User   string `placeholder:"NAME" help:"User name (default guest)."`
	Token  string `placeholder:"TOKEN" help:"Token (parley token) or API key, for a server that requires one."`
	JSON   bool   `name:"json" help:"Print one JSON object per line."`
}

type sendCmd struct {
	toolFlags
	Channel string        `arg:"" help:"Channel."`
	Text    []string      `arg:"" optional:"" help:"Message. Without it, each line of standard input is one."`
	Timeout time.Duration `default:"1m" placeholder:"TIME" help:"Time limit for each message."`
}

func (c *sendCmd) Run(ctx context.Context, p *program) error {
	return terminal.Send(ctx, terminal.SendConfig{Server: c.Server, User: c.User, Token: c.Token, Channel: c.Channel, Text: c.Text,
		JSON: c.JSON, Timeout: c.Timeout, Stdin: p.stdin, Stdout: p.stdout, Stderr: p.stderr})
}

type tailCmd struct {
	toolFlags
	Channel   string `arg:"" help:"Channel."`
	Transport string `default:"websocket" enum:"websocket,sse,long-poll,poll" help:"websocket, sse, long-poll or poll."`
	After     *int64 `placeholder:"ID" help:"Begin after this id; 0: with everything that is kept. Default: from now on."`
}

func (c *tailCmd) Run(ctx context.Context, p *program) error {
	return terminal.Tail(ctx,
		terminal.TailConfig{Server: c.Server, User: c.User, Token: c.Token, Channel: c.Channel, Transport: c.Transport,
			After: c.After, JSON: c.JSON, Color: terminal.Color(p.stdout, p.getenv), Stdout: p.stdout, Stderr: p.stderr})
}
