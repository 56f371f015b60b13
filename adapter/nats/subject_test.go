package nats

import (
	"strings"
	"testing"
)

func TestNamesAreOneToken(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"general", "a.b", "a=2Eb", "a..b", ".", "*", ">", "a b", "$heads", "$inbox/alice", "dm:alice:bob", "@alice",
		"a-b_c", "é", "=", "\x00", strings.Repeat(".", 128)} {
		got := token(name)
		if strings.ContainsAny(got, ".*> \t\r\n\x00") || got == "" {
			t.Errorf("%q is written as %q", name, got)
		}
		if back := nameOf(got); back != name {
			t.Errorf("%q is read back as %q", name, back)
		}
		if other, twice := seen[got]; twice {
			t.Errorf("%q and %q are both written as %q", name, other, got)
		}
		seen[got] = name
	}
}

func FuzzToken(f *testing.F) {
	f.Add("a.b")
	f.Add("a=2")
	f.Fuzz(func(t *testing.T, name string) {
		got := token(name)
		if strings.ContainsAny(got, ".*> \t\r\n") || nameOf(got) != name {
			t.Errorf("%q is written as %q and read as %q", name, got, nameOf(got))
		}
		_ = nameOf(name)
	})
}
