package client_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-server/parley/testenv"
)

// project creates a folder in which the packages are installed as npm would publish them, next to
// the tools of testenv/matrix. tools is the folder of those.
func project(t *testing.T) (dir, tools string) {
	t.Helper()
	testenv.Need(t, "typescript")
	cache := testenv.Need(t, "matrix")
	dir, err := os.MkdirTemp(cache, "run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"ts", "react"} { // in order of dependence
		run(t, name, nil, "npm", "run", "--silent", "build")
		run(t, name, nil, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", dir)
	}
	for name, archive := range map[string]string{"client": "parley-client-0.1.0.tgz", "react": "parley-react-0.1.0.tgz"} {
		to := filepath.Join(dir, "node_modules/@parley", name)
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, dir, nil, "tar", "-xzf", archive, "-C", to, "--strip-components", "1")
	}
	copyFolder(t, "testdata/matrix", dir)
	return dir, filepath.Join(cache, "node_modules")
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// nodes returns the versions of Node on which the packages promise to run: the oldest, the newest, and the installed one.
func nodes(t *testing.T, tools string) map[string]string {
	t.Helper()
	all := map[string]string{"node installed": testenv.Need(t, "node")}
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	for _, version := range []string{"20", "26"} {
		all["node "+version] = filepath.Join(tools, "node-"+version+"-"+runtime.GOOS+"-"+arch, "bin/node")
	}
	return all
}

// Programs with either kind of module, on the oldest and the newest Node, connect to a server with what their runtime
// provides.
func TestMatrixOfNode(t *testing.T) {
	dir, tools := project(t)
	server := testenv.Server(t)
	for version, node := range nodes(t, tools) {
		for kind, program := range map[string]string{"ES module": "program.mjs", "CommonJS": "program.cjs"} {
			t.Run(version+", "+kind, func(t *testing.T) {
				if _, err := os.Stat(node); err != nil {
					testenv.Skip(t, "client matrix: there is no "+version+" for this system")
				}
				if got, want := run(t, dir, nil, node, program, server.URL), "websocket\nsse\nsse\nlong-poll\n0\n"; got != want {
					t.Errorf("it connected over %q, not %q", got, want)
				}
			})
		}
	}
}

// Programs with types are compiled with users' typical compiler settings, by the newest compiler and the one before.
func TestMatrixOfTypeScript(t *testing.T) {
	dir, tools := project(t)
	source, err := os.ReadFile("testdata/matrix/types.ts")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"module.mts": source, "common.cts": source} {
		write(t, filepath.Join(dir, name), content)
	}
	copyFolder(t, "react/example", filepath.Join(dir, "react"))
	for _, compiler := range []string{"typescript", "typescript-5"} {
		tsc := filepath.Join(tools, compiler, "bin/tsc")
		for _, settings := range [][]string{
			{"--module", "node16", "--moduleResolution", "node16"},
			{"--module", "nodenext", "--moduleResolution", "nodenext"},
			{"--module", "esnext", "--moduleResolution", "bundler"},
		} {
			files := []string{"module.mts", "common.cts"}
			if settings[3] == "bundler" {
				files = []string{"types.ts"}
			}
			t.Run(compiler+" "+settings[3], func(t *testing.T) {
				args := append([]string{tsc, "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022", "--types", "node"}, settings...)
				run(t, dir, nil, testenv.Need(t, "node"), append(args, files...)...)
			})
		}
		t.Run(compiler+" React", func(t *testing.T) {
			run(t, dir, nil, testenv.Need(t, "node"), tsc, "-p", "react")
		})
	}
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The example of client/react is built by Vite, and works in a browser under React's StrictMode.
func TestReactExample(t *testing.T) {
	dir, tools := project(t)
	app := filepath.Join(dir, "react")
	copyFolder(t, "react/example", app)
	run(t, app, nil, testenv.Need(t, "node"), filepath.Join(tools, "vite/bin/vite.js"), "build", "--logLevel", "warn")
	server := testenv.Server(t)
	testenv.Browser(t, "testdata/example.cjs", filepath.Join(app, "dist"), server.URL).Rest()
}

var block = regexp.MustCompile("(?ms)^```(js|ts)\n(.*?)^```$")

// Every block of code in the README runs unchanged against a server; TypeScript is compiled first.
func TestReadme(t *testing.T) {
	dir, tools := project(t)
	readme, err := os.ReadFile("ts/README.md")
	if err != nil {
		t.Fatal(err)
	}
	server := testenv.Server(t)
	blocks := block.FindAllSubmatch(readme, -1)
	if len(blocks) < 7 {
		t.Fatalf("%d blocks", len(blocks))
	}
	write(t, filepath.Join(dir, "globals.d.ts"), []byte("declare function show(...what: unknown[]): void\n"))
	for _, b := range blocks {
		code := strings.ReplaceAll(string(b[2]), "http://127.0.0.1:8080", server.URL)
		name := "readme.mjs"
		switch {
		case string(b[1]) == "ts":
			write(t, filepath.Join(dir, "readme.mts"), []byte(code))
			run(t, dir, nil, testenv.Need(t, "node"), filepath.Join(tools, "typescript/bin/tsc"),
				"--strict", "--target", "es2022", "--lib", "es2022", "--types", "node", "--module", "node16", "globals.d.ts", "readme.mts")
		case strings.Contains(code, "require("):
			name = "readme.cjs"
			write(t, filepath.Join(dir, name), []byte(code))
		default:
			write(t, filepath.Join(dir, name), []byte(code))
		}
		out, err := exec.Command(testenv.Need(t, "node"), filepath.Join(dir, "readme-runner.mjs"), filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s\n%s", err, code, out)
		}
		t.Logf("%s\n%s", strings.SplitN(code, "\n", 2)[0], out)
	}
}
