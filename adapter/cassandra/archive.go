package cassandra

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
)

var _ parley.Archive = (*Store)(nil)

// EachChannel implements parley.Archive. It reads all partitions.
func (s *Store) EachChannel(ctx context.Context, do func(parley.ChannelID, bool) error) error {
	exists := map[parley.ChannelID]bool{}
	err := s.in(ctx, func() error {
		name, listed := "", false
		rs := s.read(`SELECT DISTINCT channel, bucket FROM log`).PageSize(1000).IterContext(ctx)
		for bucket := int64(0); rs.Scan(&name, &bucket); {
			exists[parley.ChannelID(name)] = false
		}
		if err := rs.Close(); err != nil {
			return err
		}
		rs = s.read(`SELECT channel, listed FROM meta`).PageSize(1000).IterContext(ctx)
		for rs.Scan(&name, &listed) {
			exists[parley.ChannelID(name)] = listed
		}
		return rs.Close()
	}, "list all channels")
	for _, name := range slices.Sorted(maps.Keys(exists)) {
		if err == nil {
			err = do(name, exists[name])
		}
	}
	return err
}

// EachPlace implements parley.Archive.
func (s *Store) EachPlace(ctx context.Context, channel parley.ChannelID, do func(parley.Member) error) error {
	var all []parley.Member
	err := s.in(ctx, func() error {
		in, err := s.meta(ctx, channel, s.read)
		if err != nil {
			return err
		}
		pointers := map[parley.UserID][2]int64{}
		var user parley.UserID
		var read, count int64
		rs := s.read(`SELECT user, read, count FROM pointers WHERE channel = ?`, string(channel)).PageSize(5000).IterContext(ctx)
		for rs.Scan((*string)(&user), &read, &count) {
			pointers[user] = [2]int64{read, count}
		}
		if err := rs.Close(); err != nil {
			return err
		}
		rs = s.read(`SELECT user, `+memberColumns+` FROM members WHERE channel = ?`, string(channel)).PageSize(5000).IterContext(ctx)
		for m := (memberRow{}); rs.Scan(append([]any{(*string)(&user)}, m.into()...)...); m = (memberRow{}) {
			if is := m.asOf(&in); is.role != parley.RoleNone {
				at := pointers[user]
				all = append(all, is.member(user, at[0], at[1]))
			}
		}
		return rs.Close()
	}, "places in %s", channel)
	for i := range all {
		if err == nil {
			err = do(all[i])
		}
	}
	return err
}

// EachRevocation implements parley.Archive. It reads all partitions.
func (s *Store) EachRevocation(ctx context.Context, do func(parley.UserID, parley.Timestamp) error) error {
	all := map[parley.UserID]parley.Timestamp{}
	err := s.in(ctx, func() error {
		rs := s.read(`SELECT user, until FROM revoked`).PageSize(1000).IterContext(ctx)
		var user parley.UserID
		for until := int64(0); rs.Scan((*string)(&user), &until); {
			all[user] = parley.Timestamp(until)
		}
		return rs.Close()
	}, "list revocations")
	for _, user := range slices.Sorted(maps.Keys(all)) {
		if err == nil {
			err = do(user, all[user])
		}
	}
	return err
}

// Restore implements parley.Archive. It writes entries in conditional batches, like Append. What is derived from the
// entries of a batch is written before it, so that a repeated call finds it, or writes it again.
func (s *Store) Restore(ctx context.Context, channel parley.ChannelID, at parley.Origin, entries []parley.Message) error {
	return s.in(ctx, func() error {
		give, err := s.locks.take(ctx, string(channel))
		if err != nil {
			return err
		}
		defer give()
		h, err := s.freshHead(ctx, channel)
		if err == nil && h.id == 0 && at.ID > 0 {
			if err = s.originate(ctx, channel, at); err == nil {
				h, err = s.freshHead(ctx, channel)
			}
		}
		if err != nil {
			return unavailable(err)
		}
		c, err := s.channel(ctx, channel)
		if err != nil {
			return unavailable(err)
		}
		for len(entries) > 0 && entries[0].ID <= h.id {
			entries = entries[1:]
		}
		if len(entries) > 0 && entries[0].ID > h.id+1 {
			return parley.ErrGap
		}
		for len(entries) > 0 {
			n, is, err := s.restoreSome(ctx, channel, h, c.floor, entries)
			if err != nil {
				return err
			}
			h, entries = is, entries[n:]
		}
		if h.id < c.floor { // nothing is kept
			return nil
		}
		if h.changed > c.folded {
			if err := s.fold(ctx, channel, max(c.folded, c.floor-1), h.changed); err != nil {
				return err
			}
		}
		if err := s.raise(ctx, channel, "position", h.id); err != nil {
			return err
		}
		return s.list(ctx, channel, h.id)
	}, "restore %s", channel)
}

// originate makes a channel without entries begin after an id.
func (s *Store) originate(ctx context.Context, channel parley.ChannelID, at parley.Origin) error {
	bucket := s.bucketOf(at.ID)
	if err := s.setFloor(ctx, channel, at.ID+1, at.Count); err != nil {
		return err
	}
	for column, to := range map[string]int64{"bucket": bucket, "swept": bucket, "scrubbed": bucket, "cut": at.ID, "position": at.ID} {
		if err := s.raise(ctx, channel, column, to); err != nil {
			return err
		}
	}
	_, err := s.session.Query(firstStatement, at.ID, int64(at.Time), at.Count, 0, string(channel), bucket).
		MapScanCASContext(ctx, map[string]any{}) // whether or not it is applied, the caller reads the head
	return err
}

// restoredTogether is how many entries are restored in a batch: no caller waits for a single
// one.
const restoredTogether = 250

// restoreSome stores the first entries in one batch, and before it what is derived from them. It returns how many.
func (s *Store) restoreSome(ctx context.Context, channel parley.ChannelID, h head, floor int64, entries []parley.Message) (
	n int, is head, err error) {
	b := batch{channel: channel, bucket: s.bucketOf(h.id + 1), from: h, is: h}
	var follows []statement
	last := map[int64]int64{} // changes of messages in this batch
	for size := 0; n < len(entries) && n < restoredTogether && size < maxBytes && s.bucketOf(entries[n].ID) == b.bucket; n++ {
		m := entries[n]
		b.is.id, b.is.time, b.is.count = m.ID, m.Time, m.Count
		if m.Change == "" {
			follows = append(follows, s.restoredMessage(&b, &m)...)
			b.add(m, nil)
		} else {
			prev, err := s.changeBefore(ctx, channel, &m, floor, last)
			if err != nil {
				return 0, h, unavailable(err)
			}
			last[m.Of], b.is.changed = m.ID, m.ID
			b.add(m, (&extra{prev: prev}).bytes())
		}
		size += len(b.entries[n].body)
	}
	if err := s.writeTogether(ctx, follows); err != nil {
		return 0, h, unavailable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	applied, err := s.send(ctx, &b)
	if err == nil && !applied {
		err = fmt.Errorf("%w: somebody else appends to the channel", parley.ErrUnavailable)
	}
	return n, b.is, err
}

// restoredMessage writes what is derived from a message in its current state. It limits the users that the message names
// for each reaction.
func (s *Store) restoredMessage(b *batch, m *parley.Message) (follows []statement) {
	channel := string(b.channel)
	write := func(text string, args ...any) { follows = append(follows, statement{text, args}) }
	if m.Key != "" {
		b.keys = append(b.keys, keyRow{ukey: ukey(m.User, m.Key), of: m.ID, restored: true})
		if left := s.cfg.KeyRetention - time.Duration(s.now()-m.Time)*time.Microsecond; left >= time.Second {
			write(`INSERT INTO keys (channel, user, key, bucket) VALUES (?, ?, ?, ?) USING TTL ?`, channel, string(m.User), []byte(m.Key),
				b.bucket, int(min(left, s.cfg.KeyRetention).Seconds()))
		}
	}
	if m.Thread != 0 {
		write(`INSERT INTO replies (channel, root, id) VALUES (?, ?, ?)`, channel, m.Thread, m.ID)
	}
	if m.Deleted {
		write(`INSERT INTO deleted (channel, span, id) VALUES (?, ?, ?)`, channel, s.spanOf(m.ID), m.ID)
		if m.Thread != 0 {
			write(`UPDATE replies SET gone = true WHERE channel = ? AND root = ? AND id = ?`, channel, m.Thread, m.ID)
		}
		return follows
	}
	for _, user := range m.Mentions() {
		if user != m.User {
			write(`INSERT INTO mentions (channel, user, span, id, author) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`, channel, string(user),
				s.spanOf(m.ID), m.ID, string(m.User), m.ID)
		}
	}
	m.Reactions = slices.Clone(m.Reactions)
	for i := range m.Reactions {
		r := &m.Reactions[i]
		for _, user := range r.Users {
			write(`INSERT INTO reactors (channel, target, emoji, user) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`, channel, m.ID, r.Emoji,
				string(user), m.ID)
		}
		r.Users = r.Users[:min(len(r.Users), parley.MaxReactors)]
	}
	return follows
}

// statement is a statement that may be executed twice.
type statement struct {
	text string
	args []any
}

// writtenTogether is how many plain writes are one request, which Cassandra refuses beyond 50 KiB.
const writtenTogether = 25

// writeTogether makes plain writes, several in a request: each is applied separately.
func (s *Store) writeTogether(ctx context.Context, all []statement) error {
	var some [][]statement
	for part := range slices.Chunk(all, writtenTogether) {
		some = append(some, part)
	}
	return each(len(some), func(i int) error {
		if is := some[i][0]; len(some[i]) == 1 {
			return s.write(ctx, is.text, is.args...)
		}
		q := s.session.Batch(gocql.UnloggedBatch).RetryPolicy(retries)
		for _, one := range some[i] {
			q.Query(one.text, one.args...)
		}
		for k := range q.Entries {
			q.Entries[k].Idempotent = true
		}
		return q.ExecContext(ctx)
	})
}

// changeBefore returns the previous change of the same message, 0 if there is none.
func (s *Store) changeBefore(ctx context.Context, channel parley.ChannelID, m *parley.Message, floor int64, last map[int64]int64) (
	prev int64, err error) {
	if m.Target == nil {
		return 0, errors.New("a change without its message")
	}
	if prev, known := last[m.Of]; known || m.Of < floor {
		return prev, nil
	}
	_, err = one(ctx, s.read(`SELECT v FROM now WHERE channel = ? AND bucket = ? AND target = ?`, string(channel), s.bucketOf(m.Of), m.Of),
		&prev)
	return prev, err
}

// RestorePlace implements parley.Archive.
func (s *Store) RestorePlace(ctx context.Context, channel parley.ChannelID, m parley.Member) error {
	return s.in(ctx, func() error {
		for {
			row, is, err := s.place(ctx, channel, m.User, s.linear)
			if err != nil || is == m {
				return unavailable(err)
			}
			v, err := s.view(ctx, channel)
			if err != nil {
				return unavailable(err)
			}
			next := memberRow{version: row.version, role: m.Role, left: v.id, removals: row.removals}
			if m.Role.In() {
				next = memberRow{version: row.version, role: m.Role, read: m.ReadID, count: m.ReadCount, joined: m.Joined,
					removals: row.removals, muted: m.Mute != parley.MuteNone, mute: m.Mute}
				if err := s.list(ctx, channel, 0); err != nil {
					return err
				}
			}
			done, err := s.setPlace(ctx, channel, m.User, next)
			if err != nil || done {
				return err
			}
			if pause(ctx); ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}, "restore the place of %s in %s", m.User, channel)
}
