package mem

import (
	"context"
	"fmt"
	"slices"

	"github.com/parley-server/parley"
)

// index is the data derived from a channel's entries up to a position, except members.
type index struct {
	position  int64
	deleted   map[int64]struct{}
	mentioned map[int64][]parley.UserID // by message
	authors   map[int64]parley.UserID   // of those messages
	threads   map[int64][]int64         // replies by root
}

func (x *index) clear() {
	*x = index{deleted: map[int64]struct{}{}, mentioned: map[int64][]parley.UserID{}, authors: map[int64]parley.UserID{},
		threads: map[int64][]int64{}}
}

// drop removes a trimmed message.
func (x *index) drop(id int64) {
	delete(x.deleted, id)
	delete(x.mentioned, id)
	delete(x.authors, id)
	delete(x.threads, id)
}

// add adds an entry and returns the users whom its message did not mention before.
func (x *index) add(c *channel, e *parley.Message) (mentioned []parley.UserID) {
	m := e
	switch e.Change {
	case "":
		if e.Thread != 0 && !slices.Contains(x.threads[e.Thread], e.ID) {
			x.threads[e.Thread] = append(x.threads[e.Thread], e.ID)
		}
	case parley.ChangeEdit:
		m = e.Target
	case parley.ChangeDelete:
		if e.Of >= c.first {
			x.deleted[e.Of] = struct{}{}
		}
		delete(x.mentioned, e.Of)
		return nil
	default:
		return nil
	}
	if m.ID < c.first || m.Deleted {
		return nil
	}
	was, is := x.mentioned[m.ID], m.Mentions()
	x.mentioned[m.ID], x.authors[m.ID] = is, m.User
	for _, user := range is {
		if user != m.User && !slices.Contains(was, user) {
			mentioned = append(mentioned, user)
		}
	}
	return mentioned
}

// names reports whether a message mentions a user.
func (x *index) names(id int64, user parley.UserID) bool {
	users := x.mentioned[id]
	return x.authors[id] != user && (slices.Contains(users, user) || slices.Contains(users, parley.Everybody))
}

// project applies the entry after the position.
func (c *channel) project(e *parley.Message) (facts []parley.Fact) {
	if e.Change == "" {
		c.listed = true
		if e.User != parley.Guest && c.posted(e) {
			facts = append(facts, parley.Fact{Kind: parley.FactJoined, User: e.User, ID: e.ID})
		}
	}
	for _, user := range c.index.add(c, e) {
		facts = append(facts, parley.Fact{Kind: parley.FactMentioned, User: user, ID: e.ID})
	}
	c.index.position = e.ID
	return facts
}

// posted makes the author of a message a member, if the message requests it, and moves a member's pointer.
func (c *channel) posted(e *parley.Message) (joined bool) {
	m := c.members[e.User]
	if e.Join && (m == nil || m.Role == parley.RoleNone && e.ID > m.left) {
		m = &member{Member: parley.Member{User: e.User, Role: parley.RoleMember, Joined: e.Time}}
		c.admit(m)
		joined = true
	}
	if m != nil && m.Role.In() && e.ID > m.ReadID {
		m.ReadID, m.ReadCount = e.ID, e.Count
	}
	return joined
}

// Project implements parley.Index.
func (h *Handle) Project(ctx context.Context, channel parley.ChannelID, run parley.Run) (facts []parley.Fact, err error) {
	err = h.write(ctx, func(s *Store) error {
		c := s.channelLocked(channel)
		switch {
		case run.Epoch != s.epochLocked():
			return parley.ErrEpoch
		case !s.projected || c == nil:
			return nil
		}
		for i := range run.Entries {
			e := &run.Entries[i]
			if e.ID > c.index.position+1 {
				return parley.ErrGap
			}
			if e.ID == c.index.position+1 {
				own := clone(e)
				facts = append(facts, c.project(&own)...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", channel, err)
	}
	return facts, nil
}

// Position implements parley.Index.
func (h *Handle) Position(ctx context.Context, channels ...parley.ChannelID) (at []int64, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, name := range channels {
			var position int64
			if c := s.channelLocked(name); c != nil {
				position = c.index.position
			}
			at = append(at, position)
		}
		return nil
	})
	return at, err
}

// Unread implements parley.Index (algorithms.md, "Unread").
func (h *Handle) Unread(ctx context.Context, user parley.UserID, places ...parley.Place) (counts []parley.Count, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, p := range places {
			n := parley.Count{Channel: p.Channel, FirstID: 1}
			if c := s.channelLocked(p.Channel); c != nil {
				n.FirstID, n.LastID = c.first, c.last
				c.unread(user, p, &n)
			}
			counts = append(counts, n)
		}
		return nil
	})
	return counts, err
}

func (c *channel) unread(user parley.UserID, p parley.Place, n *parley.Count) {
	base, count := p.ReadID, p.ReadCount
	if base < c.first-1 {
		base, count = c.first-1, c.before
	}
	if base >= c.last {
		return
	}
	n.Unread = c.count - count
	for id := base + 1; id <= c.last; id++ {
		if _, gone := c.index.deleted[id]; gone {
			n.Unread--
		} else if c.index.names(id, user) {
			n.Mentions++
		}
	}
	n.Mentions = min(n.Mentions, n.Unread)
}

// Latest implements parley.Index.
func (h *Handle) Latest(ctx context.Context, channels ...parley.ChannelID) (all []*parley.Message, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, name := range channels {
			var last *parley.Message
			if c := s.channelLocked(name); c != nil {
				looked := 0
				for id := c.last; id >= c.first && last == nil && looked < parley.LatestLooked; id-- {
					m := c.message(id)
					if m == nil {
						continue
					}
					if looked++; !m.Deleted {
						own := clone(m)
						last = &own
					}
				}
			}
			all = append(all, last)
		}
		return nil
	})
	return all, err
}

// Thread implements parley.Index.
func (h *Handle) Thread(ctx context.Context, channel parley.ChannelID, root int64, q parley.ThreadQuery) (t parley.Thread, err error) {
	err = h.read(ctx, func(s *Store) error {
		if c := s.channelLocked(channel); c != nil {
			t = c.thread(root, q)
		}
		return nil
	})
	return t, err
}

func (c *channel) thread(root int64, q parley.ThreadQuery) (t parley.Thread) {
	first := c.message(root)
	if first != nil && first.Thread != 0 {
		root = first.Thread
		first = c.message(root)
	}
	if first != nil {
		own := clone(first)
		t.Root = &own
	}
	var ids []int64
	for _, id := range c.index.threads[root] {
		if id < c.first || c.message(id) == nil {
			continue
		}
		if _, gone := c.index.deleted[id]; !gone && first != nil {
			t.Count++
		}
		if q.After != nil && id <= *q.After || q.After == nil && q.Before != nil && id >= *q.Before {
			continue
		}
		ids = append(ids, id)
	}
	if n := min(q.Limit, len(ids)); q.After != nil {
		ids = ids[:n]
	} else {
		ids = ids[len(ids)-n:]
	}
	for _, id := range ids {
		t.Replies = append(t.Replies, clone(c.message(id)))
	}
	return t
}

// Reactors implements parley.Reactions.
func (h *Handle) Reactors(ctx context.Context, channel parley.ChannelID, of int64, emoji string, user, after parley.UserID,
	limit int) (r parley.Reactors, err error) {
	err = h.read(ctx, func(s *Store) error {
		c := s.channelLocked(channel)
		if c == nil || c.message(of) == nil {
			return parley.ErrNoMessage
		}
		m := c.message(of)
		i := m.Kind(emoji)
		if i < 0 {
			return nil
		}
		emoji := m.Reactions[i].Emoji
		r.Count = m.Reactions[i].Count
		_, r.Mine = c.reactors[reaction{of, emoji, user}]
		for at := range c.reactors {
			if at.of == of && at.emoji == emoji && at.user > after {
				r.Users = append(r.Users, at.user)
			}
		}
		slices.Sort(r.Users)
		if r.More = len(r.Users) > limit; r.More {
			r.Users = r.Users[:limit]
		}
		return nil
	})
	return r, err
}
