package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"testing"
)

func TestTheBundleIsMadeOfTheSourcesAndSmall(t *testing.T) {
	want, err := Bundle("../../client/ts/src/index.ts")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../parley.js")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("web/parley.js is not what client/ts makes now: run go generate ./web")
	}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	_, _ = w.Write(got)
	_ = w.Close()
	t.Logf("%d bytes, %d gzipped", len(got), zipped.Len())
	if zipped.Len() >= 10_000 {
		t.Errorf("web/parley.js has %d bytes gzipped; it must stay below 10,000", zipped.Len())
	}
	for _, bad := range []string{"eval(", "new Function", "innerHTML", "require("} {
		if bytes.Contains(got, []byte(bad)) {
			t.Errorf("web/parley.js uses %s", bad)
		}
	}
}
