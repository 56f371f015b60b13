package parley

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Everybody is the user that @channel mentions. No user has this name.
const Everybody UserID = "channel"

// maxMentions is how many users of one message are notified; more is a broadcast, not a
// mention.
const maxMentions = 100

// Mentions returns the users whom a message mentions, each once: by @user as a separate word in
// the text, by @channel (Everybody), or in data.mentions, a list of names.
func (m *Message) Mentions() (users []UserID) {
	add := func(name string) bool {
		if badName(name) == "" && !slices.Contains(users, UserID(name)) {
			users = append(users, UserID(name))
		}
		return len(users) < maxMentions
	}
	if !mentioned(m.Text, add) || !strings.Contains(string(m.Data), `"mentions"`) {
		return users
	}
	var data map[string]json.RawMessage // names are exact
	var names []string
	if json.Unmarshal(m.Data, &data) == nil && json.Unmarshal(data["mentions"], &names) == nil {
		for _, name := range names {
			if !add(strings.TrimPrefix(name, "@")) {
				break
			}
		}
	}
	return users
}

// mentioned calls add with each name after an @ in a text, in one pass, until add returns
// false. Before the @ is the beginning, a space, an opening bracket or a quote. After the name
// is not a letter. An address ends at a space.
func mentioned(text string, add func(name string) bool) bool {
	at := strings.IndexByte(text, '@')
	if at < 0 {
		return true
	}
	opens, address := true, false // whether a name may begin after the last rune, and whether the word is an address
	for i, word := 0, 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsSpace(c):
			opens, address, word = true, false, i+size
		case c == '@' && opens && !address:
			end := i + 1
			for end < len(text) && inName(text[end]) {
				end++
			}
			// A period or colon after the name is not a part of it.
			name := strings.TrimRight(text[i+1:end], ".:-@")
			if next, _ := utf8.DecodeRuneInString(text[end:]); end == len(text) || !inWord(next) {
				if !add(name) {
					return false
				}
			}
			opens = false // on to the name itself: it may begin an address
		case c == ':' && !address:
			address = strings.HasPrefix(text[i:], "://") || foldedSuffix(text[word:i], "mailto")
			opens = false
		case c == '.' && !address:
			address = foldedSuffix(text[word:i], "www")
			opens = false
		default:
			opens = unicode.In(c, unicode.Ps, unicode.Pi, unicode.Pf) || c == '"' || c == '\''
		}
		i += size
	}
	return true
}

// foldedSuffix reports whether s ends in a lower-case ASCII word, in any case.
func foldedSuffix(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[len(s)-len(word):], word)
}

// inWord reports whether a word continues with a rune.
func inWord(c rune) bool {
	return unicode.In(c, unicode.L, unicode.N, unicode.M) || c == utf8.RuneError
}
