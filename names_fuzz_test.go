package parley_test

import (
	"strings"
	"testing"

	"github.com/parley-server/parley"
)

// FuzzNames checks that an accepted name can be used in a cursor, a subject, a header
// and a log line.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"general", "@alice", "dm:a:b", ".", "..", "a b", "$control", "a\x00", strings.Repeat("x", 129), "channel",
		"guest", "a*", "a>b", "{a}", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func() (string, error){
			func() (string, error) { c, err := parley.ParseChannel(s); return string(c), err },
			func() (string, error) { u, err := parley.ParseUser(s); return string(u), err },
		} {
			name, err := parse()
			if err != nil {
				if parley.AsError(err).Hint == "" {
					t.Fatalf("%q: %v has no hint", s, err)
				}
				continue
			}
			if name != s || len(name) < 1 || len(name) > 128 || name == "." || name == ".." ||
				strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:@") != "" {
				t.Fatalf("%q was taken as %q", s, name)
			}
		}
	})
}

// FuzzTimestamp checks that an accepted timestamp is written as the same time.
func FuzzTimestamp(f *testing.F) {
	for _, s := range []string{"0", "1774684800.123456", "-1", "1e9", "NaN", "9999999999999999999", "1.", ".5", "0x1p3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parley.ParseTimestamp(s)
		if err != nil {
			return
		}
		b, err := at.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parley.ParseTimestamp(string(b)); err != nil || again != at {
			t.Fatalf("%q is %d, written as %s, read as %d, %v", s, at, b, again, err)
		}
	})
}
