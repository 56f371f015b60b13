package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

func TestTheBundlesAreMadeOfTheSourcesAndSmall(t *testing.T) {
	made, err := Bundle("..")
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != len(most) {
		t.Errorf("%d bundles are made, and %d may have a size", len(made), len(most))
	}
	for name, want := range made {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("web/%s is not what its sources make now: run go generate ./web", name)
		}
		var zipped bytes.Buffer
		w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		_, _ = w.Write(got)
		_ = w.Close()
		t.Logf("%s: %d bytes, %d gzipped", name, len(got), zipped.Len())
		if zipped.Len() > most[name] {
			t.Errorf("web/%s has %d bytes gzipped; it may have %d", name, zipped.Len(), most[name])
		}
		for _, bad := range []string{"eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "require("} {
			if bytes.Contains(got, []byte(bad)) {
				t.Errorf("web/%s uses %s", name, bad)
			}
		}
	}
}

func TestTheFirstPartOfTheClientNamesTheSecondThatFitsIt(t *testing.T) {
	made, err := Bundle("..")
	if err != nil {
		t.Fatal(err)
	}
	more := made["parley-extras.js"]
	if n := bytes.Count(made["parley.js"], []byte(`import("./parley-extras.js?v=`+version(more)+`")`)); n != 1 {
		t.Errorf("it is named %d times", n)
	}
	if bytes.Contains(more, []byte("import")) || bytes.Contains(made["parley.js"], []byte("BroadcastChannel(")) {
		t.Error("the parts are not apart")
	}
}

// Who bundles the npm package gets one file, or with splitting a chunk that is loaded on demand.
func TestOtherBundlersTakeTheClient(t *testing.T) {
	for _, split := range []bool{false, true} {
		result := api.Build(
			api.BuildOptions{
				EntryPoints: []string{"../../client/ts/src/index.ts"},
				Bundle:      true,
				Format:      api.FormatESModule,
				Target:      api.ES2022,
				Splitting:   split,
				Outdir:      t.TempDir(),
			},
		)
		if len(result.Errors) > 0 {
			t.Fatal(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), ""))
		}
		if (len(result.OutputFiles) > 1) != split {
			t.Errorf("split %v: %d files", split, len(result.OutputFiles))
		}
	}
}
