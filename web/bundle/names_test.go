package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The names that are shortened are used, once each in the list, and none of them is a field of
// what others see: frames and messages, an application's environment, errors, stores.
func TestOnlyTheClientsOwnNamesAreShortened(t *testing.T) {
	files, err := filepath.Glob("../../client/ts/src/*.ts")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var all, seen strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
		if slices.Contains([]string{"types.ts", "env.ts", "error.ts", "store.ts"}, filepath.Base(file)) {
			events := regexp.MustCompile(`(?s)interface ChannelEvents \{.*?\n\}`) // names of events are strings
			seen.Write(events.ReplaceAll(b, nil))
		}
	}
	for i, name := range internal {
		if slices.Contains(internal[:i], name) {
			t.Errorf("%s is listed twice", name)
		}
		if !regexp.MustCompile(`(\.|\n *|[{,] *)` + name + `\b`).MatchString(all.String()) {
			t.Errorf("no member is called %s", name)
		}
		if field := regexp.MustCompile(`[\n;{] *(readonly )?` + name + `\??(\(|:)`).FindString(seen.String()); field != "" {
			t.Errorf("%s is what others see: %q", name, field)
		}
	}
}
