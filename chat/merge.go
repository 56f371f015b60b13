package chat

import (
	"context"
	"slices"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Merged reads several channels, in the order of their timestamps. It returns at most about as
// many messages as the largest limit, and as many bytes as a response may have: the oldest
// messages, or the newest if no channel is read forward. It never cuts between messages with
// the same timestamp.
func (s *Service) Merged(ctx context.Context, c access.Caller, channels []parley.ChannelID, each func(parley.ChannelID) Query) (
	[]parley.Message, error) {
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
		m.add(p.Messages)
	}
	return m.all, nil
}

// merge collects pages, and drops at once the messages that cannot be in the answer: the
// position at which the limits are exceeded only moves back when more arrive.
type merge struct {
	newest bool // the newest messages are requested, not the oldest
	limit  int  // messages
	bytes  int
	all    []parley.Message // in the order of their timestamps
}

// add adds a channel's page.
func (m *merge) add(page []parley.Message) {
	m.all = append(m.all, page...)
	slices.SortStableFunc(m.all, func(a, b parley.Message) int { return int(min(max(a.Time-b.Time, -1), 1)) })
	if m.newest {
		slices.Reverse(m.all)
	}
	keep, bytes := 0, 0
	for ; keep < len(m.all); keep++ {
		n := size(&m.all[keep])
		if (keep >= m.limit || bytes+n > m.bytes) && keep > 0 && m.all[keep].Time != m.all[keep-1].Time {
			break
		}
		bytes += n
	}
	clear(m.all[keep:])
	if m.all = m.all[:keep]; m.newest {
		slices.Reverse(m.all)
	}
}
