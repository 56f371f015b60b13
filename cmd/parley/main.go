// Command parley is the server and its tools. It is the only package that imports every
// other one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/parley-server/parley/terminal"
)

type cli struct {
	Dev     devCmd     `cmd:"" help:"Run a development server: no authentication, loopback only."`
	Serve   serveCmd   `cmd:"" help:"Run a production server."`
	Demo    demoCmd    `cmd:"" help:"Watch four transports survive a server that is killed."`
	Send    sendCmd    `cmd:"" help:"Send a message, or one for each line of standard input."`
	Tail    tailCmd    `cmd:"" help:"Print a channel's messages as they arrive; reconnects automatically."`
	Plan    planCmd    `cmd:"" help:"Say what a system of a size needs."`
	Bench   benchCmd   `cmd:"" help:"Measure a server, and check every delivery."`
	Verify  verifyCmd  `cmd:"" help:"Check a server for lost, duplicate or reordered messages."`
	Token   tokenCmd   `cmd:"" help:"Sign a token for a user."`
	Store   storeCmd   `cmd:"" help:"Create, migrate and show the schema of a store."`
	Export  exportCmd  `cmd:"" help:"Write all that a store holds to a file."`
	Import  importCmd  `cmd:"" help:"Read an export into an empty store, or resume that, and compare both."`
	Push    pushCmd    `cmd:"" help:"Test push notifications."`
	Keys    keysCmd    `cmd:"" help:"Manage API keys."`
	Config  configCmd  `cmd:"" help:"Manage configuration files."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Man        manCmd        `cmd:"" help:"Print this help as a page for man."`

	ShowVersion kong.VersionFlag `name:"version" env:"-" help:"Print the version and exit."`

	BenchWorker benchWorkerCmd `cmd:"" hidden:""`
	BenchBare   benchBareCmd   `cmd:"" hidden:""`
}

const description = "Short polling, long polling, server-sent events and WebSocket over one durable, ordered log per channel.\n\n" +
	"Every flag is also an environment variable (PARLEY_ and its name in capitals) and, for dev and serve, a key of the same name " +
	"in a YAML file. A flag wins over the environment, the environment over the file."

// program is one run of the command line, with its environment as parameters.
type program struct {
	args   []string
	getenv func(string) string
	envs   []string // the environment, NAME=VALUE
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	file *configFile // the configuration, nil if there is none

	portable bool // in tests: connections have goroutines although they could be parked
}

// refusal is a usage error of the person who started the program: exit code 2.
type refusal struct{ lines []string }

func (r *refusal) Error() string { return strings.Join(r.lines, "\n") }

func refuse(lines ...string) error { return &refusal{lines} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := &program{args: os.Args[1:], getenv: os.Getenv, envs: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	code := p.run(ctx)
	stop()
	os.Exit(code)
}

// run executes the command line and returns the exit code: 0, 1 for a failure, 2 for a
// usage error.
func (p *program) run(ctx context.Context) (code int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case helped:
			code = int(r)
		default:
			panic(r)
		}
	}()
	parser, err := p.parser()
	if err == nil {
		if len(p.args) == 0 {
			p.args = []string{"--help"}
		}
		var k *kong.Context
		if k, err = parser.Parse(p.args); err == nil {
			k.BindTo(ctx, (*context.Context)(nil))
			k.Bind(parser)
			p.unknownVariables(parser.Model)
			err = k.Run(p)
			return p.report(err, terminal.ExitCode(err))
		}
	}
	return p.report(err, 2)
}

// report prints what went wrong, once.
func (p *program) report(err error, code int) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[*refusal](err); ok {
		code = 2
	}
	fmt.Fprintln(p.stderr, "parley: "+err.Error())
	return code
}

// helped is the panic that ends a run which only printed help: after its exit function,
// which would end the process, kong must not continue.
type helped int

func (p *program) parser() (parser *kong.Kong, err error) {
	options := []kong.Option{
		kong.Name("parley"), kong.Description(description), kong.DefaultEnvars("PARLEY"),
		kong.Writers(p.stdout, p.stderr), kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 110}),
		kong.ValueFormatter(helpValue),
		kong.Exit(func(code int) { panic(helped(code)) }),
		kong.Vars{"node": nodeName(), "version": "parley " + version()}, helps,
	}
	if path := p.configPath(); path != "" {
		file, err := readConfig(path, p.getenv)
		if err != nil {
			return nil, err
		}
		p.file = file
		options = append(options, kong.Resolvers(file))
	}
	return kong.New(&cli{}, options...)
}

type versionCmd struct{}

func (versionCmd) Run(p *program) error {
	_, err := fmt.Fprintln(p.stdout, "parley "+version())
	return err
}

// version returns the version of the module, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "development"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "development, commit " + s.Value[:min(len(s.Value), 12)]
		}
	}
	return "development"
}

// nodeName returns the machine's name, as far as it can be part of a line of words.
func nodeName() string {
	name, _ := os.Hostname()
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, name)
	if name == "" {
		return "parley"
	}
	return name
}
