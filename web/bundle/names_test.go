package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var ending = regexp.MustCompile(`[.{,]\s*[a-z][A-Za-z0-9]*_\b`)

// Members whose names end in an underscore are the client's own, and are short in what is
// served: none is left over, and the sources have some.
func TestOnlyTheClientsOwnNamesAreShortened(t *testing.T) {
	sources, err := filepath.Glob("../../client/ts/src/*.ts")
	if err != nil || len(sources) == 0 {
		t.Fatal(sources, err)
	}
	found := 0
	for _, file := range sources {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found += len(ending.FindAll(b, -1))
	}
	if found < 100 {
		t.Errorf("%d uses of such names in the sources: has the convention changed?", found)
	}
	for _, name := range []string{"../parley.js", "../parley-extras.js"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if left := ending.FindAllString(string(b), 5); len(left) > 0 {
			t.Errorf("%s has names that should be short: %q", name, left)
		}
	}
	// What users see keeps its name: the declarations of the package have none of these.
	types, err := os.ReadFile("../../client/ts/src/types.ts")
	if err != nil {
		t.Fatal(err)
	}
	if seen := ending.FindAllString(string(types), 5); len(seen) > 0 {
		t.Errorf("types that users see have names of the client's own: %q", seen)
	}
}
