package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// compose is the part of deploy/compose.yaml that the test reads.
type compose struct {
	Services map[string]struct {
		Image     string   `yaml:"image"`
		Build     any      `yaml:"build"`
		Command   []string `yaml:"command"`
		DependsOn any      `yaml:"depends_on"`
		Networks  any      `yaml:"networks"`
		Volumes   []string `yaml:"volumes"`
		Secrets   []string `yaml:"secrets"`
	} `yaml:"services"`
	Networks map[string]any                   `yaml:"networks"`
	Volumes  map[string]any                   `yaml:"volumes"`
	Secrets  map[string]struct{ File string } `yaml:"secrets"`
}

// names returns the items of a list, or the keys of a map: compose has both forms.
func names(v any) (all []string) {
	switch v := v.(type) {
	case []any:
		for _, name := range v {
			all = append(all, name.(string))
		}
	case map[string]any:
		for name := range v {
			all = append(all, name)
		}
	}
	return all
}

// deploy/compose.yaml names only what exists, and the files that it mounts agree with it. It cannot be run here.
func TestComposeFileIsComplete(t *testing.T) {
	const dir = "../../deploy"
	text := func(path ...string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var is compose
	if err := yaml.Unmarshal([]byte(text("compose.yaml")), &is); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"parley-1", "parley-2", "parley-3", "redis", "cassandra", "haproxy", "prometheus"} {
		if is.Services[name].Image == "" {
			t.Errorf("there is no service %s", name)
		}
	}
	var addresses []string
	for name, s := range is.Services {
		for _, other := range names(s.DependsOn) {
			if _, there := is.Services[other]; !there {
				t.Errorf("%s depends on %s", name, other)
			}
		}
		for _, network := range names(s.Networks) {
			if _, there := is.Networks[network]; !there {
				t.Errorf("%s is in the network %s", name, network)
			}
		}
		for _, secret := range s.Secrets {
			if !strings.HasPrefix(is.Secrets[secret].File, "./compose/secrets/") {
				t.Errorf("%s has the secret %s", name, secret)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if _, there := is.Volumes[from]; there || strings.HasPrefix(from, "./compose/secrets/") {
				continue
			}
			if _, err := os.Stat(filepath.Join(dir, from)); err != nil {
				t.Errorf("%s mounts %v", name, err)
			}
		}
		if strings.HasPrefix(name, "parley-") {
			inside := s.Networks.(map[string]any)["inside"].(map[string]any)
			addresses = append(addresses, inside["ipv4_address"].(string))
			if s.Build == nil || !slices.Equal(s.Command, []string{"serve", "--config", "/etc/parley/parley.yaml"}) || len(s.Secrets) != 3 {
				t.Errorf("%s is %+v", name, s)
			}
		}
	}
	slices.Sort(addresses)
	for file, address := range map[string]string{"haproxy/haproxy.cfg": `(\S+):8080 check`, "compose/prometheus.yaml": `([0-9.]+):8081`} {
		var found []string
		for _, m := range regexp.MustCompile(address).FindAllStringSubmatch(text(file), -1) {
			found = append(found, m[1])
		}
		slices.Sort(found)
		if found = slices.Compact(found); !slices.Equal(found, addresses) {
			t.Errorf("%s names %v, and the nodes are %v", file, found, addresses)
		}
	}
	if o := run(t, "config", "check", filepath.Join(dir, "compose", "parley.yaml")); o.code != 0 || strings.Contains(o.stdout, "missing") {
		t.Errorf("%+v", o)
	}
	var scraped map[string]any
	if err := yaml.Unmarshal([]byte(text("compose", "prometheus.yaml")), &scraped); err != nil {
		t.Error(err)
	}
}
