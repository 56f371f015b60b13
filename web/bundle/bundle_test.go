package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
)

func TestTheBundlesAreMadeOfTheSourcesAndSmall(t *testing.T) {
	for _, b := range bundles {
		want, err := Bundle(filepath.Join("..", b.entry), b.client)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", b.file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("web/%s is not what its sources make now: run go generate ./web", b.file)
		}
		var zipped bytes.Buffer
		w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		_, _ = w.Write(got)
		_ = w.Close()
		t.Logf("%s: %d bytes, %d gzipped", b.file, len(got), zipped.Len())
		if zipped.Len() >= b.most {
			t.Errorf("web/%s has %d bytes gzipped; it must stay below %d", b.file, zipped.Len(), b.most)
		}
		for _, bad := range []string{"eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "require("} {
			if bytes.Contains(got, []byte(bad)) {
				t.Errorf("web/%s uses %s", b.file, bad)
			}
		}
	}
}
