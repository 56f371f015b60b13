package chat

import "github.com/parley-server/parley"

// size returns how many bytes a message takes as JSON, or slightly more. The same text may take
// six times its size in memory.
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

// quoted returns how many bytes a string takes in JSON, or slightly more, without its quotes.
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

// sizes returns the sum of the sizes of messages.
func sizes(ms []parley.Message) (n int) {
	for i := range ms {
		n += size(&ms[i])
	}
	return n
}

// fitting returns how many of the first messages fit into most bytes, and their size; at
// least one if it would be the first of a response.
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
