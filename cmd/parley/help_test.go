package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every command prints its help, whatever other arguments there are, and reads no file for it.
func TestEveryCommandHasHelp(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.DefaultEnvars("PARLEY"), kong.Vars{"node": "n", "version": "v"}, helps)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PARLEY_CONFIG", filepath.Join(t.TempDir(), "none"))
	tried := 0
	var visit func(n *kong.Node, args []string)
	visit = func(n *kong.Node, args []string) {
		tries := [][]string{{"--help"}, {"-h"}, {"x", "--help"}, {"--help", "x"}}
		for _, flag := range n.Flags {
			if flag.Name == "config" {
				tries = append(tries, []string{"--config", "none", "--help"}, []string{"--config=none", "--help"})
			}
		}
		if len(n.Positional) == 0 {
			tries = tries[:2]
		}
		for _, try := range tries {
			all := append(slices.Clone(args), try...)
			tried++
			if o := run(t, all...); o.code != 0 || !strings.Contains(o.stdout, "Usage: parley "+strings.Join(args, " ")) {
				t.Errorf("parley %s: %d %q %q", strings.Join(all, " "), o.code, o.stdout, o.stderr)
			}
		}
		for _, child := range n.Children {
			if !child.Hidden {
				visit(child, append(slices.Clone(args), child.Name))
			}
		}
	}
	visit(parser.Model.Node, nil)
	if tried < 20 {
		t.Errorf("%d were tried", tried)
	}
	if o := run(t, "config", "check", yamlFile(t, "heartbeat-interval: 5s\n")); o.code != 0 {
		t.Errorf("a good file, while PARLEY_CONFIG names none: %d %q", o.code, o.stderr)
	}
	for _, args := range [][]string{{"config", "check"}, {"config", "check", "--help=x"}, {"serve", "--config"}, {"serve", "--config",
		"--listen", "127.0.0.1:0"}, {"config", "check", "--", "none"}} {
		if o := run(t, args...); o.code != 2 || strings.Contains(o.stderr, "open -") {
			t.Errorf("parley %s: %d %q", strings.Join(args, " "), o.code, o.stderr)
		}
	}
}
