package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// unknownVariables warns about environment variables that look like settings but are not.
func (p *program) unknownVariables(app *kong.Application) {
	known := variables(app.Node)
	for _, pair := range p.envs {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "PARLEY_") || slices.Contains(known, name) || fromKubernetes(name) {
			continue
		}
		fmt.Fprintf(p.stderr, "parley: the environment has the unknown variable %s%s\n", name, nearest(name, known))
	}
}

// variables returns the variables of all flags.
func variables(n *kong.Node) (names []string) {
	for _, flag := range n.Flags {
		names = append(names, flag.Envs...)
	}
	for _, child := range n.Children {
		names = append(names, variables(child)...)
	}
	return names
}

// fromKubernetes reports whether Kubernetes sets a variable for a service named parley.
func fromKubernetes(name string) bool {
	return strings.HasPrefix(name, "PARLEY_SERVICE_") || name == "PARLEY_PORT" || strings.HasPrefix(name, "PARLEY_PORT_")
}
