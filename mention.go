package parley

import (
	"encoding/json"
	"slices"
	"strings"
)

// Everybody is whom @channel mentions. No user has the name.
const Everybody UserID = "channel"

// maxMentions users of one message are told; more is no mention but a broadcast.
const maxMentions = 100

// Mentions returns whom a message names, each once: by @user as a whole word in the
// text, by @channel (Everybody), or in data.mentions, a list of names.
func (m *Message) Mentions() (users []UserID) {
	add := func(name string) {
		if badName(name) == "" && len(users) < maxMentions && !slices.Contains(users, UserID(name)) {
			users = append(users, UserID(name))
		}
	}
	for rest, at := m.Text, 0; ; {
		i := strings.IndexByte(rest[at:], '@')
		if i < 0 {
			break
		}
		at += i
		end := at + 1
		for end < len(rest) && inName(rest[end]) {
			end++
		}
		if at == 0 || !inName(rest[at-1]) {
			// A sentence's full stop or colon after the name is not a part of it.
			add(strings.TrimRight(rest[at+1:end], ".:-@"))
		}
		at = end
	}
	if strings.Contains(string(m.Data), `"mentions"`) {
		var data struct {
			Mentions []string `json:"mentions"`
		}
		if json.Unmarshal(m.Data, &data) == nil {
			for _, name := range data.Mentions {
				add(strings.TrimPrefix(name, "@"))
			}
		}
	}
	return users
}
