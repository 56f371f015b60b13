package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return "For this shell:  source <(parley completion bash)  or  source <(parley completion zsh)  or  parley completion fish | source"
}

// Run prints the script.
func (c *completionCmd) Run(p *program, parser *kong.Kong) error {
	var b strings.Builder
	switch commands := leaves(parser.Model.Node, nil); c.Shell {
	case "bash":
		bash(&b, commands)
	case "zsh": // zsh can run scripts written for bash
		b.WriteString("autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n")
		bash(&b, commands)
	case "fish":
		fish(&b, commands)
	}
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

// command is one command with the words that lead to it.
type command struct {
	words []string
	node  *kong.Node
}

// leaves returns all commands, including those that have subcommands.
func leaves(n *kong.Node, words []string) (all []command) {
	all = append(all, command{words, n})
	for _, child := range n.Children {
		if !child.Hidden {
			all = append(all, leaves(child, append(words[:len(words):len(words)], child.Name))...)
		}
	}
	return all
}

// next returns the words that may follow: commands, flags, and the values of an argument that has few.
func (c *command) next() (words []string) {
	for _, child := range c.node.Children {
		if !child.Hidden {
			words = append(words, child.Name)
		}
	}
	for _, arg := range c.node.Positional {
		if arg.Enum != "" {
			words = append(words, strings.Split(arg.Enum, ",")...)
		}
	}
	for _, flag := range c.flags() {
		words = append(words, "--"+flag.Name)
	}
	return words
}

func (c *command) flags() (all []*kong.Flag) {
	for _, group := range c.node.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

func bash(w io.Writer, commands []command) {
	fmt.Fprintln(w, "_parley() {\n  local word words=\"\" n=0\n  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"+
		"    case $word in -*) continue ;; esac\n    words=\"$words $word\"\n  done\n  case $words in")
	for i := len(commands) - 1; i >= 0; i-- { // longer ones first
		c := commands[i]
		pattern := `*`
		if len(c.words) > 0 {
			pattern = `" ` + strings.Join(c.words, " ") + `"*`
		}
		fmt.Fprintf(w, "  %s) words=%q ;;\n", pattern, strings.Join(c.next(), " "))
	}
	fmt.Fprintln(w, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"+
		"complete -o default -F _parley parley")
}

func fish(w io.Writer, commands []command) {
	for _, c := range commands {
		when := "__fish_use_subcommand"
		if n := len(c.words); n > 0 {
			when = "__fish_seen_subcommand_from " + c.words[n-1]
		}
		for _, child := range c.node.Children {
			if !child.Hidden {
				fmt.Fprintf(w, "complete -c parley -f -n %q -a %s -d %q\n", when, child.Name, child.Help)
			}
		}
		for _, arg := range c.node.Positional {
			if arg.Enum != "" {
				fmt.Fprintf(w, "complete -c parley -f -n %q -a %q\n", when, strings.ReplaceAll(arg.Enum, ",", " "))
			}
		}
		for _, flag := range c.flags() {
			value := ""
			if !flag.IsBool() {
				value = " -r"
			}
			fmt.Fprintf(w, "complete -c parley -n %q -l %s%s -d %q\n", when, flag.Name, value, flag.Help)
		}
	}
}
