package main

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestVersionIsAFlagToo(t *testing.T) {
	flag, command := run(t, "--version"), run(t, "version")
	if flag.code != 0 || flag.stdout != command.stdout || !strings.HasPrefix(flag.stdout, "parley ") {
		t.Errorf("%+v, %+v", flag, command)
	}
}

func TestUnknownVariablesOfTheEnvironmentAreReported(t *testing.T) {
	var stdout, stderr bytes.Buffer
	p := &program{args: []string{"version"}, getenv: os.Getenv, stdout: &stdout, stderr: &stderr, envs: []string{
		"PARLEY_LISTNE=x", "PARLEY_NOTHING_LIKE_IT=x", "PARLEY_LISTEN=127.0.0.1:0", "PARLEY_SERVICE_HOST=10.0.0.1",
		"PARLEY_PORT_8080_TCP=tcp://10.0.0.1:8080", "OTHER=x", "PARLEY_TOKEN=x"}}
	if code := p.run(t.Context()); code != 0 {
		t.Fatalf("code %d", code)
	}
	want := `parley: the environment has the unknown variable PARLEY_LISTNE; did you mean "PARLEY_LISTEN"?
parley: the environment has the unknown variable PARLEY_NOTHING_LIKE_IT; parley serve --help lists them
`
	if stderr.String() != want {
		t.Errorf("%q", stderr.String())
	}
}

func TestAllErrorsOfAConfigurationAreReportedAtOnce(t *testing.T) {
	file := yamlFile(t, "lissten: 1\nfsync: sometimes\nheartbeat-interval: 5\npresence-ttl: 1ms\nlog-level: info\nnamespaces: 3\n")
	o := run(t, "config", "check", file)
	for _, want := range []string{`unknown key "lissten"; did you mean "listen"?`, "--fsync must be one of", "write 5s", "--presence-ttl 1ms",
		"namespaces is not one entry per prefix"} {
		if strings.Count(o.stderr, want) != 1 {
			t.Errorf("%q stands there %d times:\n%s", want, strings.Count(o.stderr, want), o.stderr)
		}
	}
	if o.code != 2 || strings.Contains(o.stderr, "log-level") {
		t.Errorf("%d %s", o.code, o.stderr)
	}
}

func TestADirectoryThatCannotBeCreatedIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/proc/nope", filepath.Join(file, "below")} {
		o := run(t, "dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", dir)
		if o.code != 2 || !strings.Contains(o.stderr, dir) || !strings.Contains(o.stderr, "Give --data a directory") {
			t.Errorf("%s: %d %q", dir, o.code, o.stderr)
		}
	}
}

func TestATokenMayBeALink(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 48)), 0o600); err != nil {
		t.Fatal(err)
	}
	o := run(t, "token", "--user", "alice", "--auth-hmac-secret-file", secret, "--link", "https://chat.example.com/app?x=1")
	link, err := url.Parse(strings.TrimSpace(o.stdout))
	if err != nil || o.code != 0 || link.Host != "chat.example.com" || link.RawQuery != "x=1" {
		t.Fatalf("%+v, %v", o, err)
	}
	if token, ok := strings.CutPrefix(link.Fragment, "token="); !ok || strings.Count(token, ".") != 2 {
		t.Errorf("%q", link.Fragment)
	}
	if o := run(t, "token", "--user", "alice", "--auth-hmac-secret-file", secret, "--link", "chat.example.com"); o.code != 2 {
		t.Errorf("%+v", o)
	}
}

func TestCompletionKnowsCommandsAndFlags(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("SKIPPED: there is no bash")
	}
	script := run(t, "completion", "bash").stdout
	for words, want := range map[string]string{
		"":           "serve",
		"keys ":      "remove",
		"keys":       "keys",
		"serve --au": "--auth-jwks",
		"keys add -": "--data",
		"token -":    "--link",
	} {
		all := strings.Split("parley "+words, " ")
		quoted := "'" + strings.Join(all, "' '") + "'"
		c := exec.CommandContext(t.Context(), bash, "-c", script+"\nCOMP_WORDS=("+quoted+"); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _parley; "+
			`printf '%s\n' "${COMPREPLY[@]}"`)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains("\n"+string(out), "\n"+want+"\n") {
			t.Errorf("%q: %v\n%s", words, err, out)
		}
	}
	for _, shell := range []string{"zsh", "fish"} {
		if o := run(t, "completion", shell); o.code != 0 || !strings.Contains(o.stdout, "auth-jwks") {
			t.Errorf("%s: %+v", shell, o)
		}
	}
}

func TestTheManPageHasEveryCommandAndFlag(t *testing.T) {
	o := run(t, "man")
	for _, want := range []string{".TH PARLEY 1", `.SS parley keys add`, `.B \-\-allowed\-origins`, `.B \-\-fsync`, "(default 30s"} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(o.stdout, "bench-worker") {
		t.Error("the page has what is hidden")
	}
}
