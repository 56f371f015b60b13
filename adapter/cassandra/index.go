package cassandra

import (
	"context"

	"github.com/parley-server/parley"
)

// Unread implements parley.Index (algorithms: docs/ARCHITECTURE.md).
func (s *Store) Unread(ctx context.Context, user parley.UserID, places ...parley.Place) (counts []parley.Count, err error) {
	counts = make([]parley.Count, len(places))
	err = s.in(ctx, func() error {
		return each(len(places), func(i int) (err error) {
			counts[i], err = s.unread(ctx, user, &places[i])
			return err
		})
	}, "what %s has not read", user)
	if err != nil {
		return nil, err
	}
	return counts, nil
}

func (s *Store) unread(ctx context.Context, user parley.UserID, p *parley.Place) (n parley.Count, err error) {
	c, err := s.channel(ctx, p.Channel)
	if err != nil {
		return n, err
	}
	h, err := s.headFrom(ctx, p.Channel, c.bucket, s.read)
	if err != nil {
		return n, err
	}
	n = parley.Count{Channel: p.Channel, FirstID: c.floor, LastID: h.id}
	base, count := p.ReadID, p.ReadCount
	if base < c.floor-1 {
		base, count = c.floor-1, c.before
	}
	if base >= h.id {
		return n, nil
	}
	mentions := map[int64]bool{}
	gone := int64(0)
	for span := s.spanOf(base + 1); span <= s.spanOf(h.id); span++ {
		rs := s.read(`SELECT id FROM deleted WHERE channel = ? AND span = ? AND id > ?`, string(p.Channel), span, base).IterContext(ctx)
		for id := int64(0); rs.Scan(&id); {
			gone++
		}
		if err := rs.Close(); err != nil {
			return n, err
		}
		for _, name := range []parley.UserID{user, parley.Everybody} {
			rs := s.read(`SELECT id, author FROM mentions WHERE channel = ? AND user = ? AND span = ? AND id > ?`, string(p.Channel),
				string(name), span, base).IterContext(ctx)
			var id int64
			var author string
			for rs.Scan(&id, &author) {
				if author != string(user) {
					mentions[id] = true
				}
			}
			if err := rs.Close(); err != nil {
				return n, err
			}
		}
	}
	n.Unread = max(h.count-count-gone, 0)
	n.Mentions = min(int64(len(mentions)), n.Unread)
	return n, nil
}

// Latest implements parley.Index.
func (s *Store) Latest(ctx context.Context, channels ...parley.ChannelID) (all []*parley.Message, err error) {
	all = make([]*parley.Message, len(channels))
	err = s.in(ctx, func() error {
		return each(len(channels), func(i int) (err error) {
			all[i], err = s.latest(ctx, channels[i])
			return err
		})
	}, "latest messages")
	if err != nil {
		return nil, err
	}
	return all, nil
}

// latest reads more and more entries from the head backward.
func (s *Store) latest(ctx context.Context, channel parley.ChannelID) (*parley.Message, error) {
	v, err := s.view(ctx, channel)
	if err != nil {
		return nil, err
	}
	looked := 0
	for to, some := v.id, int64(4); to >= v.floor && looked < parley.LatestLooked; some = min(4*some, 256) {
		from := max(to-some+1, v.floor)
		ms, err := s.window(ctx, channel, &v, from, to, 16<<20)
		if err != nil {
			return nil, err
		}
		for i := len(ms) - 1; i >= 0; i-- {
			if ms[i].Change != "" {
				continue
			}
			if looked++; !ms[i].Deleted {
				return &ms[i], nil
			}
		}
		to = from - 1
	}
	return nil, nil
}

const maxThread = 4 << 20 // bytes at which a run of replies ends

// Thread implements parley.Index.
func (s *Store) Thread(ctx context.Context, channel parley.ChannelID, root int64, q parley.ThreadQuery) (t parley.Thread, err error) {
	err = s.in(ctx, func() error {
		v, err := s.view(ctx, channel)
		if err != nil {
			return err
		}
		first, err := s.current(ctx, channel, root)
		if err != nil {
			return err
		}
		if first != nil && first.Thread != 0 {
			if root = first.Thread; root < v.floor {
				first = nil
			} else if first, err = s.current(ctx, channel, root); err != nil {
				return err
			}
		}
		t.Root = first
		rs := s.read(`SELECT id, gone FROM replies WHERE channel = ? AND root = ? AND id >= ?`, string(channel), root, v.floor).IterContext(ctx)
		var ids []int64
		var id int64
		for gone := false; rs.Scan(&id, &gone); gone = false {
			if !gone && first != nil {
				t.Count++
			}
			if q.After != nil && id <= *q.After || q.After == nil && q.Before != nil && id >= *q.Before {
				continue
			}
			if q.After == nil || len(ids) < q.Limit {
				ids = append(ids, id)
			}
			if q.After == nil && len(ids) > q.Limit {
				ids = ids[1:]
			}
		}
		if err := rs.Close(); err != nil {
			return err
		}
		replies := make([][]parley.Message, len(ids))
		if err := each(len(ids), func(i int) (err error) {
			replies[i], err = s.window(ctx, channel, &v, ids[i], ids[i], 1)
			return err
		}); err != nil {
			return err
		}
		size := 0
		for _, ms := range replies {
			if len(ms) == 0 || size > maxThread {
				continue
			}
			size += len(ms[0].Text) + len(ms[0].Data) + 64
			t.Replies = append(t.Replies, ms[0])
		}
		return nil
	}, "thread %d of %s", root, channel)
	if err != nil {
		return parley.Thread{}, err
	}
	return t, nil
}
