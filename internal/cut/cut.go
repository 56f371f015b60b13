// Package cut shortens the text of a notification until its payload fits a service's limit. It cuts between graphemes:
// what a reader sees as one character is kept or removed as a whole.
package cut

import (
	"sort"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// Fit returns the payload that encode produces for title and body, of at most limit bytes. If it is too long, body is cut
// from its end and then ends with "…"; if that is not enough, title is cut too. encode must return more bytes for more text.
// The result exceeds limit only if encode exceeds it without any text.
func Fit(limit int, title, body string, encode func(title, body string) []byte) []byte {
	if b := encode(title, body); len(b) <= limit {
		return b
	}
	if body != "" {
		if b := longest(limit, body, func(s string) []byte { return encode(title, s) }); len(b) <= limit {
			return b
		}
		body = "…"
	}
	return longest(limit, title, func(s string) []byte { return encode(s, body) })
}

// longest encodes as many graphemes of s as fit, followed by "…".
func longest(limit int, s string, encode func(string) []byte) []byte {
	ends := []int{0}
	for g := graphemes.FromString(s); g.Next() && g.End() <= limit; {
		ends = append(ends, g.End())
	}
	n := sort.Search(len(ends), func(i int) bool { return len(encode(s[:ends[i]]+"…")) > limit })
	return encode(s[:ends[max(n-1, 0)]] + "…")
}
