package chat

import (
	"context"
	"slices"

	"parley"
)

// Merged reads several channels, in the order of their timestamps. It returns at most
// about as many messages as the largest limit, and as many bytes as an answer may have:
// the oldest of them, or if no channel is read forwards the newest. It never cuts inside
// one timestamp.
func (s *Service) Merged(ctx context.Context, c Caller, channels []parley.ChannelID, each func(parley.ChannelID) Query) ([]parley.Message, error) {
	m := merge{newest: true, bytes: s.maxAnswer}
	for _, channel := range channels {
		q := each(channel)
		m.limit, m.newest = max(m.limit, q.Limit), m.newest && q.Since == nil && q.After == nil
	}
	for _, channel := range channels {
		p, err := s.History(ctx, c, channel, each(channel))
		if err != nil {
			return nil, err
		}
		m.add(p)
	}
	return m.all, nil
}

// merge collects pages, and lets go at once what will not be of the answer.
type merge struct {
	newest bool // the newest are wanted, not the oldest
	limit  int  // messages
	bytes  int

	all []parley.Message // in the order of their timestamps
	cut bool             // not all is there:
	at  parley.Timestamp // nothing beyond this moment may be shown
}

// add takes a channel's page in.
func (m *merge) add(p Page) {
	if n := len(p.Messages); p.Short && m.newest {
		m.cutAt(p.Messages[0].Time)
	} else if p.Short {
		m.cutAt(p.Messages[n-1].Time)
	}
	m.all = append(m.all, p.Messages...)
	slices.SortStableFunc(m.all, func(a, b parley.Message) int { return int(min(max(a.Time-b.Time, -1), 1)) })
	if m.newest {
		slices.Reverse(m.all)
	}
	keep, bytes := 0, 0
	for ; keep < len(m.all); keep++ {
		at := m.all[keep].Time
		if m.cut && m.beyond(at) {
			break
		}
		if (keep >= m.limit || bytes >= m.bytes) && at != m.all[keep-1].Time {
			m.cutAt(m.all[keep-1].Time)
			break
		}
		bytes += size(m.all[keep : keep+1])
	}
	clear(m.all[keep:])
	if m.all = m.all[:keep]; m.newest {
		slices.Reverse(m.all)
	}
}

func (m *merge) cutAt(t parley.Timestamp) {
	if !m.cut || !m.beyond(t) {
		m.cut, m.at = true, t
	}
}

// beyond tells whether a moment lies on the side of the cut that is not shown.
func (m *merge) beyond(t parley.Timestamp) bool {
	if m.newest {
		return t < m.at
	}
	return t > m.at
}
