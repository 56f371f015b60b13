package parley_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"parley"
)

// A mention stands after a space, an opening bracket or quote, or at the beginning, and never
// inside an address.
func TestMentions(t *testing.T) {
	for text, want := range map[string]string{
		"@alice": "alice", "hi @alice": "alice", "hi\n@alice": "alice", "\t@alice!": "alice", "(@alice)": "alice",
		"[@alice]": "alice", "{@alice}": "alice",
		`"@alice"`: "alice", "'@alice'": "alice", "“@alice”": "alice", "„@alice“": "alice", "«@alice»": "alice",
		"‘@alice’": "alice", "»@alice«": "alice",
		"\u00a0@alice": "alice", "\u3000@alice": "alice", "「@alice」": "alice", "（@alice）": "alice", "¿@alice?": "",
		"@alice, @bob: hi": "alice bob", "@alice.": "alice", "@alice...": "alice", "@a.b-c:d": "a.b-c:d", "@alice @alice": "alice",
		"@channel": "channel",
		"@@alice":  "", "@": "", "@ alice": "", "x@alice": "", "josé@alice": "", "日本@alice": "", "a.@alice": "",
		"@alice@example.org": "alice@example.org",
		"_@alice":            "", "*@alice*": "", "-@alice": "", "/@alice": "", "=@alice": "", ",@alice": "", "😀@alice": "",
		"\u0301@alice": "", "\xff@alice": "",
		"https://social.example/@alice/1234": "", "https://x.example/?by=@alice": "", "https://x.example/(@alice)": "",
		"https://x.example/'@alice'": "",
		"http://x.example/[@alice":   "", "see https://x.example/a @alice": "alice", "(https://x.example/@alice) @bob": "bob",
		"mailto:(@alice":            "",
		"HTTPS://x.example/(@alice": "", "www.x.example/(@alice": "", "ftp://x/\"@alice": "", "http: (@alice)": "alice",
		"a:(@alice)":     "alice",
		"(@alice)(@bob)": "alice bob", "x(@alice)": "alice", "@alice\u2028@bob": "alice bob", "@alice/x": "alice",
	} {
		m := parley.Message{Text: text}
		if got := show(m.Mentions()); got != want {
			t.Errorf("%q mentions %q, want %q", text, got, want)
		}
	}
	m := parley.Message{Text: "@alice", Data: json.RawMessage(`{"mentions":["bob","@carol","alice","not a name",""]}`)}
	if got := show(m.Mentions()); got != "alice bob carol" {
		t.Errorf("with data it mentions %q", got)
	}
}

func show(users []parley.UserID) string {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = string(u)
	}
	return strings.Join(names, " ")
}

// Whatever the text, each byte is looked at a bounded number of times: these are so long that
// a parser which looks again from each place would not end.
func TestMentionsOfAdversarialTexts(t *testing.T) {
	for name, unit := range map[string]string{
		"at signs": "@", "at signs with spaces": "@ ", "brackets": "(", "brackets and at signs": "(@", "one name": "a",
		"dots after a name": "@a.....", "address": "http://a)", "colons": ":/",
		"slashes": "/", "schemes": "http://", "not UTF-8": "\xff@", "combining": "e\u0301@", "mentions": " @user", "quotes": `"@`,
		"trimmed": "@-.:-.:", "hosts": "www.", "mail": "mailto:@",
	} {
		m := parley.Message{Text: strings.Repeat(unit, 8<<20/len(unit))}
		if n := len(m.Mentions()); n > 100 {
			t.Errorf("%s: %d mentions", name, n)
		}
	}
}

func TestManyMentionsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 2000 {
		text.WriteString(" @u" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)))
	}
	m := parley.Message{Text: text.String()}
	if n := len(m.Mentions()); n != 100 {
		t.Errorf("%d users are mentioned, want 100", n)
	}
	if again := m.Mentions(); !reflect.DeepEqual(again, m.Mentions()) {
		t.Error("they differ from time to time")
	}
}
