package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// configFile is a YAML file whose keys are the names of flags, namespaces, push and webhooks. It has the lowest
// precedence, after the command line and the environment.
type configFile struct {
	path   string
	getenv func(string) string
	values map[string]any
}

var _ kong.Resolver = (*configFile)(nil)

func readConfig(path string, getenv func(string) string) (*configFile, error) {
	b, err := os.ReadFile(path)
	b = bytes.TrimPrefix(b, []byte("\ufeff")) // some editors write a byte order mark before UTF-8
	if err != nil {
		return nil, refuse(fmt.Sprintf("read the configuration: %v", err))
	}
	f := &configFile{path: path, getenv: getenv}
	if err := yaml.Unmarshal(b, &f.values); err != nil {
		return nil, refuse(
			fmt.Sprintf("the configuration %s is not YAML with one key per setting:\n%s", path, yaml.FormatError(err, false, true)))
	}
	return f, nil
}

// Validate refuses unknown keys, all of them at once.
func (f *configFile) Validate(app *kong.Application) error {
	known := append(settings(app), namespacesKey, pushKey, webhooksKey)
	var lines []string
	for _, key := range keys(f.values) {
		if !slices.Contains(known, key) {
			lines = append(lines, fmt.Sprintf("the configuration %s has the unknown key %q%s", f.path, key, nearest(key, known)))
		}
	}
	if _, err := f.namespaces(); err != nil {
		lines = append(lines, err.Error())
	}
	if f.values[pushKey] != nil || f.values[webhooksKey] != nil {
		if _, err := (&pushFlags{AllowPrivateAddresses: true}).open(f); err != nil { // a flag may set whether they are allowed
			lines = append(lines, err.Error())
		}
	}
	if lines != nil {
		return refuse(lines...)
	}
	return nil
}

// only returns a file that has only one of the keys.
func (f *configFile) only(key string) *configFile {
	return &configFile{path: f.path, getenv: f.getenv, values: map[string]any{key: f.values[key]}}
}

// Resolve returns a flag's value, if neither the command line nor the environment set it.
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if f.getenv(env) != "" {
			return nil, nil
		}
	}
	value := f.values[flag.Name]
	if n := fmt.Sprint(value); flag.Target.Type() == reflect.TypeFor[time.Duration]() && n != "0" {
		switch value.(type) {
		case int, int64, uint64, float64:
			return nil, refuse(fmt.Sprintf("the configuration %s: %s: %s has no unit: write %ss", f.path, flag.Name, n, n))
		}
	}
	return value, nil
}

// settings returns the names of serve's flags.
func settings(app *kong.Application) (names []string) {
	for _, node := range app.Children {
		if node.Name == "serve" {
			for _, flag := range node.Flags {
				if flag.Name != "config" && flag.Name != "help" {
					names = append(names, flag.Name)
				}
			}
		}
	}
	return names
}

func keys(m map[string]any) (ks []string) {
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// nearest returns the setting that was probably meant.
func nearest(key string, known []string) string {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
	}
	for _, k := range known {
		if strings.HasPrefix(plain(k), plain(key)) || strings.HasPrefix(plain(key), plain(k)) || distance(plain(k), plain(key)) <= 2 {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	return "; parley serve --help lists them"
}

// distance is the number of letters to insert, delete or replace to turn one word into the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := i // the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			replaced := before
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(above+1, row[j]+1, replaced)
			before = above
		}
	}
	return row[len(b)]
}

// configPath returns the file named by the arguments or the environment, "" for none. It must be
// found before they are parsed, since parsing uses it. A value never begins with a dash: the
// parser refuses that. A request for help needs no file, and config check has its own.
func (p *program) configPath() (path string) {
	if len(p.args) > 0 && p.args[0] == "config" {
		return ""
	}
	path = p.getenv("PARLEY_CONFIG")
	for i, arg := range p.args {
		switch value, given := strings.CutPrefix(arg, "--config="); {
		case arg == "--":
			return path
		case arg == "--help", arg == "-h":
			return ""
		case given:
			path = value
		case arg == "--config" && i+1 < len(p.args) && !strings.HasPrefix(p.args[i+1], "-"):
			path = p.args[i+1]
		}
	}
	return path
}

type configCmd struct {
	Check checkCmd `cmd:"" help:"Validate a configuration file."`
}

type checkCmd struct {
	File string `arg:"" help:"YAML file."`
}

// parse parses the command line of serve with the settings of a file.
func (c *checkCmd) parse(file *configFile) (target *cli, err error) {
	target = new(cli)
	parser, err := kong.New(target, kong.Name("parley"), kong.DefaultEnvars("PARLEY"), kong.Vars{"node": nodeName(), "version": version()},
		helps, kong.Resolvers(file))
	if err == nil {
		_, err = parser.Parse([]string{"serve", "--config", c.File})
	}
	return target, err
}

// faults returns everything that is wrong with a file: each key by itself, and the valid ones together.
func (c *checkCmd) faults(file *configFile) (lines []string) {
	good := &configFile{path: file.path, getenv: file.getenv, values: map[string]any{}}
	for _, key := range keys(file.values) {
		if _, err := c.parse(file.only(key)); err != nil {
			lines = append(lines, fmt.Sprintf("%s: %v", c.File, err))
		} else {
			good.values[key] = file.values[key]
		}
	}
	target, err := c.parse(good)
	if err == nil {
		_, push := target.Serve.Push.open(good)
		err = errors.Join(target.Serve.check(), push)
	}
	if err != nil {
		lines = append(lines, fmt.Sprintf("%s: %v", c.File, err))
	}
	return lines
}

// Run checks the file as serve would. Settings that may also come from flags or the
// environment are reported as missing, but that is not an error.
func (c *checkCmd) Run(ctx context.Context, p *program) error {
	file, err := readConfig(c.File, p.getenv)
	if err != nil {
		return err
	}
	if faults := c.faults(file); faults != nil {
		return refuse(faults...)
	}
	target, err := c.parse(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s: every key and value is good: %s\n", c.File, strings.Join(keys(file.values), ", "))
	if missing := target.Serve.missing(ctx); missing != nil {
		fmt.Fprintf(p.stdout, "serve also needs, from here, the environment or the command line:\n%s\n", strings.Join(missing, "\n"))
	}
	return nil
}
