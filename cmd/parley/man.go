package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type manCmd struct{}

func (manCmd) Help() string { return "To read it:  parley man | man -l -" }

// Run prints the page (man(7)).
func (manCmd) Run(p *program, parser *kong.Kong) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH PARLEY 1 \"\" %s\n.SH NAME\nparley \\- a real-time messaging server\n.SH DESCRIPTION\n", quoted(version()))
	paragraphs(&b, parser.Model.Help)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range leaves(parser.Model.Node, nil)[1:] {
		fmt.Fprintf(&b, ".SS parley %s\n", roff(strings.Join(c.words, " ")))
		paragraphs(&b, c.node.Help)
		paragraphs(&b, c.node.Detail)
		for _, arg := range c.node.Positional {
			fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(arg.Name), roff(arg.Help))
		}
		for _, flag := range c.flags() {
			if flag.Name == "help" || flag.Name == "version" {
				continue
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(flagOf(flag)), roff(helpValue(flag.Value)))
		}
	}
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

func flagOf(f *kong.Flag) string {
	if f.IsBool() {
		return "--" + f.Name
	}
	return "--" + f.Name + " " + f.FormatPlaceHolder()
}

func paragraphs(b *strings.Builder, text string) {
	for _, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if p != "" {
			fmt.Fprintf(b, ".PP\n%s\n", roff(strings.TrimSpace(p)))
		}
	}
}

// roff escapes characters that have a special meaning in roff.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

func quoted(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, "") + `"` }
