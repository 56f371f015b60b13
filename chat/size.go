package chat

import "github.com/parley-server/parley"

// size is how many bytes a message takes as JSON, or a little more. The same text may take
// six times what it takes in memory.
func size(m *parley.Message) int {
	n := 400 + len(m.Channel) + len(m.User) + quoted(m.Name) + quoted(m.Text) + len(m.Data) + quoted(m.Key)
	for i := range m.Reactions {
		r := &m.Reactions[i]
		n += 40 + quoted(r.Emoji)
		for _, user := range r.Users {
			n += 3 + len(user)
		}
	}
	if m.Target != nil {
		n += size(m.Target)
	}
	return n
}

// quoted is how many bytes a string takes in JSON, or a little more, without its quotes.
func quoted(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ':
			n += 5
		case c == '"', c == '\\':
			n++
		case c == 0xE2: // U+2028 and U+2029 are escaped
			n += 3
		}
	}
	return n
}

// sizes is size of many.
func sizes(ms []parley.Message) (n int) {
	for i := range ms {
		n += size(&ms[i])
	}
	return n
}

// fitting is how many of the first messages have at most so many bytes, and how many they
// have; at least one if it would be the first of an answer.
func fitting(ms []parley.Message, most int, first bool) (fit, bytes int) {
	for ; fit < len(ms); fit++ {
		n := size(&ms[fit])
		if bytes+n > most && !(first && fit == 0) {
			break
		}
		bytes += n
	}
	return fit, bytes
}

// fittingLast is fitting for the last messages.
func fittingLast(ms []parley.Message, most int, first bool) (fit, bytes int) {
	for ; fit < len(ms); fit++ {
		n := size(&ms[len(ms)-1-fit])
		if bytes+n > most && !(first && fit == 0) {
			break
		}
		bytes += n
	}
	return fit, bytes
}
