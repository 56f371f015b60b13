package cassandra

import (
	"context"
	"fmt"
	"slices"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
)

// memberRow is a user's place in a channel. It is written under the condition of its version, and never deleted: after a
// removal it remains, for messages that are not yet projected. The read pointer is the larger one of read and of the row in
// pointers, which is written plainly: C of an entry never changes.
type memberRow struct {
	version           int64 // 0: there is none
	nonce             []byte
	role              parley.Role
	read, count, left int64 // the pointer when the user joined; the head when the user left
	joined            parley.Timestamp
	removals          int64 // meta.removals when it was written: an earlier row is that of a user who left
	muted             bool
	mute              parley.Mute
}

const memberColumns = `version, nonce, role, read, count, joined, left, removals, muted, mute`

func (m *memberRow) into() []any {
	return []any{&m.version, &m.nonce, (*string)(&m.role), &m.read, &m.count, (*int64)(&m.joined), &m.left, &m.removals,
		&m.muted, (*string)(&m.mute)}
}

// muting is what both columns say: those that an earlier version wrote have muted alone.
func (m *memberRow) muting() parley.Mute {
	switch {
	case !m.muted:
		return parley.MuteNone
	case m.mute == parley.MuteNone:
		return parley.MuteAll
	default:
		return m.mute
	}
}

// asOf returns the row under a channel's meta.
func (m memberRow) asOf(in *meta) memberRow {
	if m.version == 0 || m.removals != in.removals {
		return memberRow{version: m.version, nonce: m.nonce, left: in.removed, removals: in.removals}
	}
	return m
}

func (m *memberRow) member(user parley.UserID, read, count int64) parley.Member {
	is := parley.Member{User: user, Role: m.role}
	if m.role.In() {
		is.ReadID, is.ReadCount, is.Joined, is.Mute = m.read, m.count, m.joined, m.muting()
		if read > is.ReadID {
			is.ReadID, is.ReadCount = read, count
		}
	}
	return is
}

// place is a member's row with the member that it describes.
func (s *Store) place(ctx context.Context, channel parley.ChannelID, user parley.UserID, query func(string, ...any) *gocql.Query) (
	m memberRow, is parley.Member, err error) {
	in, err := s.meta(ctx, channel, query)
	if err != nil {
		return m, is, err
	}
	row := query(`SELECT `+memberColumns+` FROM members WHERE channel = ? AND user = ?`, string(channel), string(user))
	if _, err = one(ctx, row, m.into()...); err != nil {
		return m, is, fmt.Errorf("read the member: %w", err)
	}
	m = m.asOf(&in)
	var read, count int64
	if m.role.In() {
		if _, err = one(ctx, s.read(`SELECT read, count FROM pointers WHERE channel = ? AND user = ?`, string(channel), string(user)),
			&read, &count); err != nil {
			return m, is, fmt.Errorf("read the pointer: %w", err)
		}
	}
	return m, m.member(user, read, count), nil
}

// Member implements parley.Roster.
func (s *Store) Member(ctx context.Context, user parley.UserID, channels ...parley.ChannelID) (all []parley.Member, err error) {
	all = make([]parley.Member, len(channels))
	err = s.in(ctx, func() error {
		return each(len(channels), func(i int) (err error) {
			_, all[i], err = s.place(ctx, channels[i], user, s.read)
			return err
		})
	}, "memberships of %s", user)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// setPlace writes a member's row if it still has its version, and updates the user's list.
func (s *Store) setPlace(ctx context.Context, channel parley.ChannelID, user parley.UserID, m memberRow) (applied bool, err error) {
	was := m.version
	m.version, m.nonce = was+1, newNonce()
	statement := `UPDATE members SET version = ?, nonce = ?, role = ?, read = ?, count = ?, joined = ?, left = ?, removals = ?, ` +
		`muted = ?, mute = ? WHERE channel = ? AND user = ? IF version = `
	args := []any{m.version, m.nonce, string(m.role), m.read, m.count, int64(m.joined), m.left, m.removals, m.muted, string(m.mute),
		string(channel), string(user)}
	if was == 0 {
		statement += "null"
	} else {
		statement, args = statement+"?", append(args, was)
	}
	applied, err = s.conditional(ctx, s.session.Query(statement, args...), m.nonce, func() (nonce []byte, err error) {
		_, err = one(ctx, s.linear(`SELECT nonce FROM members WHERE channel = ? AND user = ?`, string(channel), string(user)), &nonce)
		return nonce, err
	})
	if err != nil || !applied {
		return false, err
	}
	if err := s.enlist(ctx, channel, user, m.version, m.role.In()); err != nil {
		return false, fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}
	return true, nil
}

// enlist updates a user's list of channels to a version of the member's row.
func (s *Store) enlist(ctx context.Context, channel parley.ChannelID, user parley.UserID, version int64, in bool) error {
	if in {
		return s.write(ctx, `INSERT INTO memberships (user, channel) VALUES (?, ?) USING TIMESTAMP ?`, string(user), string(channel), version)
	}
	return s.write(ctx, `DELETE FROM memberships USING TIMESTAMP ? WHERE user = ? AND channel = ?`, version, string(user), string(channel))
}

// SetMember implements parley.Roster.
func (s *Store) SetMember(ctx context.Context, channel parley.ChannelID, user parley.UserID, change parley.MemberChange) (
	was, is parley.Member, err error) {
	err = s.in(ctx, func() error {
		give, err := s.locks.take(ctx, "members "+string(channel))
		if err != nil {
			return err
		}
		defer give()
		for {
			var done bool
			if was, is, done, err = s.setMember(ctx, channel, user, &change); err != nil || done {
				return err
			}
			if pause(ctx); ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}, "%s in %s", user, channel)
	if err != nil {
		return parley.Member{}, parley.Member{}, err
	}
	return was, is, nil
}

func (s *Store) setMember(ctx context.Context, channel parley.ChannelID, user parley.UserID, change *parley.MemberChange) (
	was, is parley.Member, done bool, err error) {
	query := s.linear
	if change.Was == nil && change.Role == nil && change.Mute == nil {
		query = s.read
	}
	m, was, err := s.place(ctx, channel, user, query)
	if err != nil {
		return was, is, false, unavailable(err)
	}
	if change.Was != nil && *change.Was != was.Role {
		return was, is, false, parley.ErrChanged
	}
	is = was
	role := was.Role
	if change.Role != nil {
		role = *change.Role
	}
	v, err := s.view(ctx, channel)
	if err != nil {
		return was, is, false, unavailable(err)
	}
	if !role.In() {
		is = parley.Member{User: user, Role: role}
		if change.Role == nil {
			return was, is, true, nil
		}
		done, err = s.setPlace(ctx, channel, user, memberRow{version: m.version, role: role, left: v.id, removals: m.removals})
		return was, is, done, err
	}
	next := m
	if !was.Role.In() {
		next = memberRow{version: m.version, read: v.id, count: v.count, joined: s.now(), removals: m.removals}
		is = parley.Member{User: user, ReadID: next.read, ReadCount: next.count, Joined: next.joined}
	}
	if next.role = role; change.Mute != nil {
		next.muted, next.mute = *change.Mute != parley.MuteNone, *change.Mute
	}
	is.Role, is.Mute = next.role, next.muting()
	if change.Role != nil || change.Mute != nil || change.Was != nil {
		if err := s.list(ctx, channel, 0); err != nil {
			return was, is, false, err
		}
		if done, err = s.setPlace(ctx, channel, user, next); err != nil || !done {
			return was, is, false, err
		}
	}
	if change.Read != nil {
		if to := min(*change.Read, v.id); to > is.ReadID {
			if is.ReadID = to; to < v.floor {
				is.ReadCount = v.before
			} else if is.ReadCount, err = s.countAt(ctx, channel, &v, to); err != nil {
				return was, is, false, err
			}
			if err := s.point(ctx, channel, user, is.ReadID, is.ReadCount); err != nil {
				return was, is, false, fmt.Errorf("%w: %w", parley.ErrUnknown, err)
			}
		}
	}
	return was, is, true, nil
}

// point moves a read pointer forward.
func (s *Store) point(ctx context.Context, channel parley.ChannelID, user parley.UserID, to, count int64) error {
	return s.write(ctx, pointStatement, string(channel), string(user), to, count, to)
}

const pointStatement = `INSERT INTO pointers (channel, user, read, count) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`

// countAt is the running count at an entry that is kept.
func (s *Store) countAt(ctx context.Context, channel parley.ChannelID, v *view, id int64) (int64, error) {
	if id >= v.id {
		return v.count, nil
	}
	e, err := s.entry(ctx, channel, id)
	if err != nil || e == nil {
		return v.before, err
	}
	return e.Count, nil
}

// postedByMembers moves the pointers of those authors who were members before their messages, all in one batch, since the rows of
// a channel's members are one partition, as are its pointers. It returns the others.
func (s *Store) postedByMembers(ctx context.Context, channel parley.ChannelID, in *meta, posts map[parley.UserID][]*parley.Message) (
	others []parley.UserID, err error) {
	if len(posts) == 0 {
		return nil, nil
	}
	names := make([]string, 0, len(posts))
	for user := range posts {
		names = append(names, string(user))
	}
	members := map[parley.UserID]memberRow{}
	rs := s.read(`SELECT user, `+memberColumns+` FROM members WHERE channel = ? AND user IN ?`, string(channel), names).IterContext(ctx)
	var m memberRow
	var user parley.UserID
	for rs.Scan(append([]any{(*string)(&user)}, m.into()...)...) {
		members[user] = m.asOf(in)
		m = memberRow{}
	}
	if err := rs.Close(); err != nil {
		return nil, fmt.Errorf("read the authors: %w", err)
	}
	q := s.session.Batch(gocql.UnloggedBatch)
	for user, ms := range posts {
		m := members[user]
		joins := slices.ContainsFunc(ms, func(e *parley.Message) bool { return e.Join && e.Time == m.joined && e.ID == m.read })
		if !m.role.In() || joins {
			others = append(others, user)
			continue
		}
		if last := ms[len(ms)-1]; last.ID > m.read {
			q.Query(pointStatement, string(channel), string(user), last.ID, last.Count, last.ID)
		}
	}
	if len(q.Entries) == 0 {
		return others, nil
	}
	for i := range q.Entries {
		q.Entries[i].Idempotent = true
	}
	if err := q.RetryPolicy(retries).ExecContext(ctx); err != nil {
		return nil, fmt.Errorf("move the pointers: %w", err)
	}
	return others, nil
}

// posted makes a user a member by the user's first message that does so, and moves the pointer to the last. joined is the
// first, even if it was projected before.
func (s *Store) posted(ctx context.Context, channel parley.ChannelID, user parley.UserID, ms []*parley.Message) (
	joined *parley.Message, err error) {
	last := ms[len(ms)-1]
	for {
		m, is, err := s.place(ctx, channel, user, s.read)
		if err != nil {
			return nil, err
		}
		if m.role == parley.RoleNone {
			i := 0
			for i < len(ms) && !(ms[i].Join && ms[i].ID > m.left) {
				i++
			}
			if i == len(ms) {
				return nil, nil
			}
			e := ms[i]
			next := memberRow{version: m.version, role: parley.RoleMember, read: e.ID, count: e.Count, joined: e.Time, removals: m.removals}
			applied, err := s.setPlace(ctx, channel, user, next)
			if err != nil {
				return nil, err
			}
			if !applied {
				pause(ctx)
				if ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				continue
			}
			if last.ID > e.ID {
				err = s.point(ctx, channel, user, last.ID, last.Count)
			}
			return e, err
		}
		if !m.role.In() {
			return nil, nil
		}
		for _, e := range ms {
			if e.Join && e.Time == m.joined && e.ID == m.read { // joined by a projection that went no further
				joined = e
				if err := s.enlist(ctx, channel, user, m.version, true); err != nil {
					return nil, err
				}
			}
		}
		if last.ID > is.ReadID {
			err = s.point(ctx, channel, user, last.ID, last.Count)
		}
		return joined, err
	}
}

// passedOver is how many users who are not members a page of members skips.
const passedOver = 1000

// Members implements parley.Roster.
func (s *Store) Members(ctx context.Context, channel parley.ChannelID, after parley.UserID, limit int) (
	ms []parley.Member, next parley.UserID, err error) {
	err = s.in(ctx, func() error {
		in, err := s.meta(ctx, channel, s.read)
		if err != nil || limit <= 0 {
			return err
		}
		rows := map[parley.UserID]memberRow{}
		rs := s.read(`SELECT user, `+memberColumns+` FROM members WHERE channel = ? AND user > ?`, string(channel), string(after)).
			PageSize(min(limit+1, 5000)).IterContext(ctx)
		var m memberRow
		var user parley.UserID
		others := 0
		for rs.Scan(append([]any{(*string)(&user)}, m.into()...)...) {
			is := m.asOf(&in)
			m = memberRow{}
			if !is.role.In() {
				if others++; others < passedOver {
					continue
				}
				next = user
				break
			}
			if len(ms) == limit {
				next = ms[limit-1].User
				break
			}
			ms = append(ms, parley.Member{User: user})
			rows[user] = is
		}
		if err := rs.Close(); err != nil || len(ms) == 0 {
			return err
		}
		pointers := map[parley.UserID][2]int64{}
		rs = s.read(`SELECT user, read, count FROM pointers WHERE channel = ? AND user >= ? AND user <= ?`, string(channel),
			string(ms[0].User), string(ms[len(ms)-1].User)).IterContext(ctx)
		var read, count int64
		for rs.Scan((*string)(&user), &read, &count) {
			pointers[user] = [2]int64{read, count}
		}
		for i := range ms {
			row, at := rows[ms[i].User], pointers[ms[i].User]
			ms[i] = row.member(ms[i].User, at[0], at[1])
		}
		return rs.Close()
	}, "members of %s", channel)
	if err != nil {
		return nil, "", err
	}
	return ms, next, nil
}

// expelAll removes a removed channel from the lists of its former members.
func (s *Store) expelAll(ctx context.Context, channel parley.ChannelID, removals int64) error {
	for after := parley.UserID(""); ; {
		rs := s.read(`SELECT user, `+memberColumns+` FROM members WHERE channel = ? AND user > ? LIMIT 1000`, string(channel), string(after)).
			IterContext(ctx)
		var users []parley.UserID
		var versions []int64
		var m memberRow
		n := 0
		for rs.Scan(append([]any{(*string)(&after)}, m.into()...)...) {
			n++
			if m.role.In() && m.removals < removals {
				users, versions = append(users, after), append(versions, m.version)
			}
			m = memberRow{}
		}
		if err := rs.Close(); err != nil {
			return err
		}
		if err := each(len(users), func(i int) error { return s.enlist(ctx, channel, users[i], versions[i], false) }); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// Memberships implements parley.Roster.
func (s *Store) Memberships(ctx context.Context, user parley.UserID, after parley.ChannelID, limit int) (
	channels []parley.ChannelID, err error) {
	err = s.in(ctx, func() error {
		if limit <= 0 {
			return nil
		}
		rs := s.read(`SELECT channel FROM memberships WHERE user = ? AND channel > ? LIMIT ?`, string(user), string(after), limit).
			IterContext(ctx)
		for name := ""; rs.Scan(&name); {
			channels = append(channels, parley.ChannelID(name))
		}
		return rs.Close()
	}, "channels of %s", user)
	if err != nil {
		return nil, err
	}
	return channels, nil
}
