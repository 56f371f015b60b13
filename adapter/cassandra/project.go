package cassandra

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/parley-server/parley"
)

// Project implements parley.Index. It reads the entries from the log, as they were stored: a run shows them in their
// current state.
func (s *Store) Project(ctx context.Context, channel parley.ChannelID, run parley.Run) (facts []parley.Fact, err error) {
	err = s.in(ctx, func() error {
		if run.Epoch != s.epoch {
			return parley.ErrEpoch
		}
		v, err := s.view(ctx, channel)
		if err != nil || len(run.Entries) == 0 {
			return err
		}
		at, to := v.done(), min(run.Entries[len(run.Entries)-1].ID, v.id)
		switch {
		case run.Entries[0].ID > at+1:
			return parley.ErrGap
		case to <= at:
			return nil
		}
		for at < to {
			rs := stored(&run, &v, at+1, to)
			if rs == nil {
				if rs, err = s.rows(ctx, channel, at+1, to, maxRun); err != nil {
					return err
				}
			}
			if len(rs) == 0 { // retention took them away since
				return parley.ErrGap
			}
			fs, err := s.projectRows(ctx, channel, rs, v.id)
			if err != nil {
				return err
			}
			facts = append(facts, fs...)
			at = rs[len(rs)-1].ID
			if err := s.raise(ctx, channel, "position", at); err != nil {
				return err
			}
		}
		return s.scrubBefore(ctx, channel, v.scrubbed, s.bucketOf(at+1))
	}, "project %s", channel)
	if err != nil {
		return nil, err
	}
	return facts, nil
}

// stored returns entries of a run as they were stored, if they are known to be so: none of the channel's changes follows the first of
// them.
func stored(run *parley.Run, v *view, from, to int64) (rs []row) {
	first := run.Entries[0].ID
	if v.changed >= first {
		return nil
	}
	for _, m := range run.Entries[from-first : to-first+1] {
		rs = append(rs, row{Message: m})
	}
	return rs
}

// projection is what is derived from a run of entries.
type projection struct {
	store   *Store
	channel string
	writes  []func(context.Context) error // in any order

	mu    sync.Mutex
	facts []parley.Fact
}

func (p *projection) write(statement string, args ...any) {
	p.writes = append(p.writes, func(ctx context.Context) error { return p.store.write(ctx, statement, args...) })
}

// projectRows writes what is derived from entries, the same each time. head is an id that the channel has
// reached.
func (s *Store) projectRows(ctx context.Context, channel parley.ChannelID, rs []row, head int64) ([]parley.Fact, error) {
	p := projection{store: s, channel: string(channel)}
	posts := map[parley.UserID][]*parley.Message{}
	var last int64 // message
	for i := range rs {
		r := &rs[i]
		if r.Change == "" {
			last = r.ID
			if r.User != parley.Guest {
				posts[r.User] = append(posts[r.User], &r.Message)
			}
		}
		p.add(r)
		if r.Change == parley.ChangeDelete {
			p.writes = append(p.writes, func(ctx context.Context) error { return s.scrubMessage(ctx, r, s.bucketOf(head+1)) })
		}
	}
	var others []parley.UserID
	if last > 0 {
		is, err := s.meta(ctx, channel, s.read)
		if err == nil {
			others, err = s.postedByMembers(ctx, channel, &is, posts)
		}
		if err != nil {
			return nil, fmt.Errorf("entries from %d on: %w", rs[0].ID, err)
		}
		if !is.listed {
			p.writes = append(p.writes, func(ctx context.Context) error { return s.list(ctx, channel, last) })
		}
	}
	for _, user := range others {
		p.writes = append(p.writes, func(ctx context.Context) error {
			joined, err := s.posted(ctx, channel, user, posts[user])
			if joined != nil {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.facts = append(p.facts, parley.Fact{Kind: parley.FactJoined, User: user, ID: joined.ID})
			}
			return err
		})
	}
	if err := each(len(p.writes), func(i int) error { return p.writes[i](ctx) }); err != nil {
		return nil, fmt.Errorf("entries from %d on: %w", rs[0].ID, err)
	}
	slices.SortStableFunc(p.facts, func(a, b parley.Fact) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind)) })
	return p.facts, nil
}

// add derives what follows from an entry, except for its author.
func (p *projection) add(r *row) {
	switch r.Change {
	case "":
		if r.Thread != 0 {
			p.write(`INSERT INTO replies (channel, root, id) VALUES (?, ?, ?)`, p.channel, r.Thread, r.ID)
		}
		p.names(&r.Message, r.ID, nil)
	case parley.ChangeEdit:
		p.names(r.Target, r.ID, r.had)
	case parley.ChangeDelete:
		p.write(`INSERT INTO deleted (channel, span, id) VALUES (?, ?, ?)`, p.channel, p.store.spanOf(r.Of), r.Of)
		if r.Target.Thread != 0 {
			p.write(`UPDATE replies SET gone = true WHERE channel = ? AND root = ? AND id = ?`, p.channel, r.Target.Thread, r.Of)
		}
		p.names(r.Target, r.ID, r.had)
	}
}

// names notes the users whom a message mentions since an entry v, and those whom it no longer
// mentions.
func (p *projection) names(m *parley.Message, v int64, had []parley.UserID) {
	is := m.Mentions()
	span := p.store.spanOf(m.ID)
	for _, user := range is {
		if user == m.User {
			continue
		}
		p.write(`INSERT INTO mentions (channel, user, span, id, author) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`, p.channel, string(user),
			span, m.ID, string(m.User), v)
		if !slices.Contains(had, user) {
			p.facts = append(p.facts, parley.Fact{Kind: parley.FactMentioned, User: user, ID: v})
		}
	}
	for _, user := range had {
		if !slices.Contains(is, user) {
			p.write(`DELETE FROM mentions USING TIMESTAMP ? WHERE channel = ? AND user = ? AND span = ? AND id = ?`, v, p.channel, string(user),
				span, m.ID)
		}
	}
}

// Position implements parley.Index.
func (s *Store) Position(ctx context.Context, channels ...parley.ChannelID) (at []int64, err error) {
	at = make([]int64, len(channels))
	err = s.in(ctx, func() error {
		return each(len(channels), func(i int) error {
			c, err := s.channel(ctx, channels[i])
			if err == nil {
				at[i] = max(c.position, c.floor-1)
			}
			return err
		})
	}, "positions")
	if err != nil {
		return nil, err
	}
	return at, nil
}
