package cut

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

type payload struct{ Title, Body string }

func encode(title, body string) []byte {
	b, err := json.Marshal(payload{title, body})
	if err != nil {
		panic(err)
	}
	return b
}

func decode(t *testing.T, b []byte) (p payload) {
	t.Helper()
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// For each text every limit is tried: less than one grapheme of space is left unused, and no grapheme is split.
func TestTextIsCutBetweenGraphemes(t *testing.T) {
	for name, graphemes := range map[string][]string{
		"letters":         {"a", "b", "c", " ", "d"},
		"a family":        {"👨‍👩‍👧‍👦", "👩🏽‍🚀", "x", "🏳️‍🌈"},
		"flags":           {"🇩🇪", "🇫🇷", "🇯🇵", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"},
		"skin tones":      {"👍🏿", "👍🏻", "🤝"},
		"combining marks": {"e\u0301", "a\u0308\u0323", "o\u0302\u0301", "n"},
		"many marks":      {"Z" + strings.Repeat("\u0335\u0321", 20), "a"},
		"Hangul":          {"\u1112\u1161\u11ab", "\u1100\u1173\u11af", "한"},
		"Devanagari":      {"न", "म", "स्ते"},
		"Arabic":          {"س", "ل", "ا", "م", "\u0640\u0651"},
		"Hebrew":          {"שָׁ", "ל", "וֹ", "ם"},
		"keycaps":         {"1️⃣", "#️⃣"},
		"lines":           {"a", "\r\n", "b", "\n"},
		"quotes":          {`"`, `\`, "<", "&", "\u2028", "\x00"},
	} {
		body := strings.Repeat(strings.Join(graphemes, ""), 3)
		ends := map[int]bool{0: true}
		at, longestGrapheme := 0, 0
		for range 3 {
			for _, g := range graphemes {
				at += len(g)
				ends[at] = true
				longestGrapheme = max(longestGrapheme, len(encode("", g)))
			}
		}
		full := len(encode("t", body))
		for limit := len(encode("t", "…")); limit <= full+1; limit++ {
			b := Fit(limit, "t", body, encode)
			p := decode(t, b)
			if len(b) > limit {
				t.Fatalf("%s: %d bytes for a limit of %d", name, len(b), limit)
			}
			if limit >= full {
				if p.Body != body {
					t.Fatalf("%s: what fits was cut to %q", name, p.Body)
				}
				continue
			}
			kept, cut := strings.CutSuffix(p.Body, "…")
			if !cut || !strings.HasPrefix(body, kept) || !utf8.ValidString(kept) || !ends[len(kept)] || p.Title != "t" {
				t.Fatalf("%s: %d bytes are %q", name, limit, p.Body)
			}
			if limit-len(b) >= longestGrapheme {
				t.Fatalf("%s: %d of %d bytes are not used", name, limit-len(b), limit)
			}
		}
	}
}

func TestTitleIsCutOnlyIfNoBodyFits(t *testing.T) {
	title, body := strings.Repeat("👨‍👩‍👧‍👦", 50), strings.Repeat("b", 50)
	p := decode(t, Fit(300, title, body, encode))
	if kept, cut := strings.CutSuffix(p.Title, "…"); !cut || kept == "" || strings.ReplaceAll(kept, "👨‍👩‍👧‍👦", "") != "" || p.Body != "…" {
		t.Errorf("%+v", p)
	}
	p = decode(t, Fit(300, title, "", encode))
	if !strings.HasSuffix(p.Title, "…") || p.Body != "" {
		t.Errorf("%+v", p)
	}
	if b := Fit(10, "t", "b", encode); len(b) < 10 {
		t.Errorf("%s", b)
	}
}

func TestOneGraphemeThatDoesNotFit(t *testing.T) {
	if p := decode(t, Fit(200, "t", "e"+strings.Repeat("\u0301", 5000), encode)); p.Body != "…" || p.Title != "t" {
		t.Errorf("%+v", p)
	}
}

func TestTextThatIsNotUTF8(t *testing.T) {
	b := Fit(100, "t", strings.Repeat("a\xff", 100), encode)
	if p := decode(t, b); len(b) > 100 || !strings.HasPrefix(p.Body, "a\ufffda") {
		t.Errorf("%+v", p)
	}
}

// The cost depends on the limit, not on the length of the text.
func BenchmarkFit(b *testing.B) {
	body := strings.Repeat("Grüße 👨‍👩‍👧‍👦 ", 700)
	for b.Loop() {
		Fit(4096, "alice in general", body, encode)
	}
}
