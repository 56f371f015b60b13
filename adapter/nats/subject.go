package nats

import (
	"encoding/hex"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// plain reports whether a byte needs no escape in a token.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_:@$/", c) >= 0
}

// token is a name as one token of a subject: bytes that mean something there, such as the dot, are written as "=2E".
// Different names have different tokens.
func token(name string) string {
	special := 0
	for i := range len(name) {
		if !plain(name[i]) {
			special++
		}
	}
	if special == 0 {
		return name
	}
	b := make([]byte, 0, len(name)+2*special)
	for i := range len(name) {
		if c := name[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '=', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// nameOf returns the name of a token. For a token that token did not produce, it returns any
// name.
func nameOf(token string) string {
	if strings.IndexByte(token, '=') < 0 {
		return token
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		if token[i] == '=' && i+2 < len(token) {
			if c, err := hex.DecodeString(token[i+1 : i+3]); err == nil {
				b = append(b, c...)
				i += 2
				continue
			}
		}
		b = append(b, token[i])
	}
	return string(b)
}
