package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-server/parley/testenv"
)

// block is a fenced block of a document that is run, with its expected output.
type block struct {
	commands string
	want     string
	own      bool // starts its own server, on the data of the previous one
}

// fence is "```sh run", "```sh run own" or, after one of these, "```… output".
var fence = regexp.MustCompile("(?ms)^```sh run( own)?\n(.*?)^```\n\n+^```[a-z]+ output\n(.*?)^```$")

func blocksOf(t *testing.T, document string) (blocks []block) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testenv.Root(), document))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllStringSubmatch(string(b), -1) {
		blocks = append(blocks, block{commands: m[2], want: m[3], own: m[1] != ""})
	}
	if n := strings.Count(string(b), "```sh run"); n != len(blocks) || n == 0 {
		t.Fatalf("%d of %d blocks to run in %s are followed by their output", len(blocks), n, document)
	}
	return blocks
}

// volatile lists what differs from run to run; a mask replaces each in a comparison.
var volatile = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`"timestamp":\d{10}\.\d{6}\b`), `"timestamp":TIME`},
	{regexp.MustCompile(`"epoch":"[a-z0-9]{8}"`), `"epoch":EPOCH`},
	{regexp.MustCompile(`(?m)^eyJ[\w-]+\.eyJ[\w-]+(\.[\w-]+|\.\.\.)$`), "TOKEN"},
	{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d `), `CLOCK `},
}

func masked(s string) string {
	for _, v := range volatile {
		s = v.pattern.ReplaceAllString(s, v.mask)
	}
	return strings.TrimSpace(s)
}

func TestDocumentedCommandsWork(t *testing.T) {
	testenv.Need(t, "curl")
	for _, document := range []string{"README.md", "docs/api.md"} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			runDocument(t, document)
		})
	}
}

// runDocument runs the blocks of a document in one shell, on a fresh server.
func runDocument(t *testing.T, document string) {
	blocks := blocksOf(t, document)
	server := testenv.Server(t)
	address := strings.TrimPrefix(server.URL, "http://")
	here := strings.NewReplacer(
		"127.0.0.1:8080", address,
		"127.0.0.1:8090", testenv.FreePort(t), "127.0.0.1:8091", "127.0.0.1:0",
		"go build -o parley ./cmd/parley", "ln -sf "+testenv.Binary(t)+" parley",
		"-m 2", "-m 5", "sleep 2", "sleep 5", // a reader's machine is otherwise idle
	)
	shell := testenv.Run(t, "bash")
	shell.Say("cd '" + t.TempDir() + "'; trap 'kill -9 $server $serve' EXIT")
	shell.Say(
		"export PARLEY_LISTEN=" + address + " PARLEY_ADMIN_LISTEN=127.0.0.1:0 PARLEY_DATA='" + server.Data + "' PARLEY_SERVER=" + server.URL,
	)
	for _, b := range blocks {
		if b.own && server != nil {
			server.Stop()
			server = nil
		}
		shell.Say(here.Replace(b.commands) + "echo; echo THE END OF THE BLOCK")
		var got strings.Builder
		for line := shell.Line(); line != "THE END OF THE BLOCK"; line = shell.Line() {
			got.WriteString(line + "\n")
		}
		if got, want := masked(got.String()), masked(b.want); got != want {
			t.Errorf("these commands of %s\n%s\nanswer\n%s\n\nnot\n%s", document, b.commands, got, want)
		}
	}
}
