package parley_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/parley-server/parley"
)

// mentionCases are texts and data with the users whom they mention. The page uses them too
// (web/shared/test/parse.test.ts).
func mentionCases(t *testing.T) (cases []struct {
	Text     string
	Data     json.RawMessage
	Mentions []parley.UserID
}) {
	t.Helper()
	b, err := os.ReadFile("testdata/mentions.json")
	if err == nil {
		err = json.Unmarshal(b, &cases)
	}
	if err != nil || len(cases) < 50 {
		t.Fatalf("%v, %d cases", err, len(cases))
	}
	return cases
}

// A mention is at the beginning or follows a space, an opening bracket or a quote; it is
// never inside an address.
func TestMentions(t *testing.T) {
	for _, c := range mentionCases(t) {
		m := parley.Message{Text: c.Text, Data: c.Data}
		if got, want := show(m.Mentions()), show(c.Mentions); got != want {
			t.Errorf("%q with %s mentions %q, want %q", c.Text, c.Data, got, want)
		}
	}
	m := parley.Message{Text: "\xff@alice"} // not UTF-8
	if got := m.Mentions(); got != nil {
		t.Errorf("after a broken rune it mentions %q", got)
	}
}

func show(users []parley.UserID) string {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = string(u)
	}
	return strings.Join(names, " ")
}

// Whatever the text, each byte is examined a bounded number of times: these texts are so long
// that a parser which starts again at each position would not end.
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
