package mem

import (
	"time"

	"github.com/parley-server/parley"
)

// channel is the data of one channel. Its rows are never changed: a message as it was sent, a change with the
// message after it. The other data is derived from them, and a cut removes the last rows.
type channel struct {
	store *Store
	name  parley.ChannelID

	first, last int64
	time        parley.Timestamp
	count       int64 // of messages up to last
	before      int64 // of messages before first
	rows        []row // first…last

	// derived from rows
	now      map[int64]parley.Message // current state of changed messages
	keys     map[sender]int64
	reactors map[reaction]struct{}

	settings parley.Settings
	listed   bool // the channel exists
	members  map[parley.UserID]*member

	index index
}

type row struct {
	parley.Message
	change   *parley.Change    // for a change; nil: it was restored
	reactors []parley.Reaction // for a restored message: including all users who reacted to it
}

type sender struct {
	user parley.UserID
	key  string
}

// reaction is a user's reaction to a message, under the emoji that the message uses for it.
type reaction struct {
	of    int64
	emoji string
	user  parley.UserID
}

// member is a row of the roster. The row of a removed user remains, because of messages that are
// not projected yet.
type member struct {
	parley.Member
	left int64 // the head when the user was removed: messages up to it do not make the user a member
}

// forget clears everything that is derived from rows.
func (c *channel) forget() {
	c.now, c.keys, c.reactors = map[int64]parley.Message{}, map[sender]int64{}, map[reaction]struct{}{}
}

func (c *channel) row(id int64) *row { return &c.rows[id-c.first] }

// message returns a message in its current state, nil if the channel does not hold it.
func (c *channel) message(id int64) *parley.Message {
	if id < c.first || id > c.last || c.row(id).Change != "" {
		return nil
	}
	if m, changed := c.now[id]; changed {
		return &m
	}
	return &c.row(id).Message
}

// entry returns an entry as a reader sees it.
func (c *channel) entry(id int64) parley.Message {
	e := c.row(id).Message
	if e.Change == "" {
		return clone(c.message(id))
	}
	switch is := c.message(e.Of); {
	case is == nil:
		e.Target = &parley.Message{ID: e.Of, Channel: c.name, User: e.Target.User, Time: e.Target.Time, Deleted: true}
	case is.Deleted:
		gone := e.Target.Tombstone()
		e.Target = &gone
	}
	return clone(&e)
}

// countAt returns the running count at an entry, or below the first one kept.
func (c *channel) countAt(id int64) int64 {
	switch {
	case id < c.first:
		return c.before
	case id > c.last:
		return c.count
	default:
		return c.row(id).Count
	}
}

// add appends a row.
func (c *channel) add(r row) *row {
	r.ID, r.Channel, r.Time = c.last+1, c.name, max(parley.Timestamp(c.store.clock().UnixMicro()), c.time+1)
	if r.Change == "" {
		c.count++
	}
	c.last, c.time, r.Count = r.ID, r.Time, c.count
	c.rows = append(c.rows, r)
	c.take(&r)
	return c.row(r.ID)
}

// take derives data from one more row.
func (c *channel) take(r *row) {
	switch {
	case r.Change == "":
		if r.Key != "" {
			c.keys[sender{r.User, r.Key}] = r.ID
		}
		for _, x := range r.reactors {
			for _, user := range x.Users {
				c.reactors[reaction{r.ID, x.Emoji, user}] = struct{}{}
			}
		}
		return
	case r.Change == parley.ChangeDelete:
		for at := range c.reactors {
			if at.of == r.Of {
				delete(c.reactors, at)
			}
		}
	case r.Change == parley.ChangeReact && r.change != nil:
		at := reaction{r.Of, r.change.Emoji, r.User}
		if c.reactors[at] = struct{}{}; r.change.Remove {
			delete(c.reactors, at)
		}
	}
	if c.message(r.Of) != nil {
		c.now[r.Of] = *r.Target
	}
}

// trim removes the entries before id to.
func (c *channel) trim(to int64) {
	if to <= c.first {
		return
	}
	before := c.countAt(to - 1)
	for id := c.first; id < to; id++ {
		r := c.row(id)
		if at := (sender{r.User, r.Key}); c.keys[at] == id {
			delete(c.keys, at)
		}
		delete(c.now, id)
		c.index.drop(id)
	}
	for at := range c.reactors {
		if at.of < to {
			delete(c.reactors, at)
		}
	}
	c.rows, c.first, c.before = c.rows[to-c.first:], to, before
	c.index.position = max(c.index.position, to-1)
}

// retain trims entries that the channel's settings do not keep (parley.Retention).
func (c *channel) retain(now time.Time) {
	keep := c.settings.Retention
	if keep == nil {
		return
	}
	to := c.first
	if n := keep.Messages; n > 0 && c.last-c.first+1-n > max(10, n/10) {
		to = c.last - n + 1
	}
	if at := now.UnixMicro(); keep.Seconds > 0 && keep.Seconds <= at/1e6 {
		for to <= c.last && c.row(to).Time < parley.Timestamp(at-keep.Seconds*1e6) {
			to++
		}
	}
	c.trim(to)
}

// cut removes the entries after id to, in a new epoch.
func (c *channel) cut(to int64) {
	if to < c.first-1 {
		c.rows, c.first, c.last, c.before, c.count = nil, 1, 0, 0, 0
	} else {
		c.count = c.countAt(to)
		c.rows, c.last = c.rows[:to-c.first+1], to
	}
	rows, position := c.rows, min(c.index.position, c.last)
	c.forget()
	c.index.clear()
	for i := range rows {
		c.take(&rows[i])
		if rows[i].ID <= position {
			c.index.add(c, &rows[i].Message)
		}
	}
	c.index.position = position
	for _, m := range c.members {
		if m.ReadID > c.last {
			m.ReadID, m.ReadCount = c.last, c.count
		}
		m.left = min(m.left, c.last)
	}
}
