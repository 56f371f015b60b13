package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-server/parley"
)

// Member implements parley.Roster.
func (l *Log) Member(ctx context.Context, user parley.UserID, channels ...parley.ChannelID) ([]parley.Member, error) {
	ms := make([]parley.Member, len(channels))
	for i, channel := range channels {
		if err := l.inside(ctx, func() (err error) { ms[i], err = member(l.getter(), channel, user); return err }); err != nil {
			return nil, fmt.Errorf("%s in %s: %w", user, channel, err)
		}
	}
	return ms, nil
}

// inside calls do while the store is open.
func (l *Log) inside(ctx context.Context, do func() error) error {
	if err := l.gate.acquire(); err != nil {
		return err
	}
	defer l.gate.release()
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

// SetMember implements parley.Roster. It shares its sync with appends.
func (l *Log) SetMember(ctx context.Context, channel parley.ChannelID, user parley.UserID, c parley.MemberChange) (
	was, is parley.Member, err error) {
	var a, b parley.Member // owned by the builder until it has answered
	err = l.submit(ctx, &request{size: 128, do: func(build *build) error {
		h, err := build.head(channel)
		if err != nil {
			return err
		}
		if a, b, err = build.setMember(h, user, c); err != nil {
			return err
		}
		if _, found, err := row(build.getter(), settingsKey(channel), func(b []byte) ([]byte, error) { return b, nil }); err != nil ||
			found ||
			!b.Role.In() ||
			h.next.exists {
			return err
		}
		return build.configure(h)
	}})
	if err != nil {
		return was, is, fmt.Errorf("%s in %s: %w", user, channel, err)
	}
	return a, b, nil
}

// configure creates settings for a channel, which make it exist.
func (b *build) configure(h *head) error {
	b.log.configured.add(h.channel)
	must(b.batch.Set(settingsKey(h.channel), tag([]byte("{}")), nil))
	return b.listed(h)
}

// Members implements parley.Roster.
func (l *Log) Members(ctx context.Context, channel parley.ChannelID, after parley.UserID, limit int) (ms []parley.Member,
	next parley.UserID, err error) {
	err = l.inside(ctx, func() error {
		ms, next, err = l.listMembers(channel, after, limit)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("members of %s: %w", channel, err)
	}
	return ms, next, nil
}

// mostPassed is how many rows of users who are not members a list skips before it returns.
const mostPassed = 1000

func (l *Log) listMembers(channel parley.ChannelID, after parley.UserID, limit int) (ms []parley.Member, next parley.UserID, err error) {
	from, to := span('p', channel)
	name := len(from)
	it, err := l.db.rowsOf(append(memberKey(channel, after), 0), to)
	if err != nil {
		return nil, "", err
	}
	defer it.Close()
	pfrom, pto := span('r', channel)
	at, err := l.db.rowsOf(pfrom, pto)
	if err != nil {
		return nil, "", err
	}
	defer at.Close()
	passed := 0
	for ok := it.First(); ok; ok = it.Next() {
		if len(ms) == limit || passed == mostPassed {
			return ms, next, errors.Join(it.Error(), at.Error())
		}
		user := parley.UserID(it.Key()[name:])
		next = user
		p, err := decodePlace(it.Value())
		if err != nil {
			return nil, "", err
		}
		if !p.role.In() {
			passed++
			continue
		}
		var read pointer
		if key := pointerKey(channel, user); at.SeekGE(key) && string(at.Key()) == string(key) {
			if read, err = decodePointer(at.Value()); err != nil {
				return nil, "", err
			}
		}
		ms = append(ms, p.member(user, read))
	}
	return ms, "", errors.Join(it.Error(), at.Error())
}

// Memberships implements parley.Roster.
func (l *Log) Memberships(ctx context.Context, user parley.UserID, after parley.ChannelID, limit int) (
	channels []parley.ChannelID, err error) {
	err = l.inside(ctx, func() error {
		from := membershipKey(user, "")
		it, err := l.db.rowsOf(append(membershipKey(user, after), 0), append(append([]byte{'u'}, user...), 1))
		if err != nil {
			return err
		}
		defer it.Close()
		for ok := it.First(); ok && len(channels) < limit; ok = it.Next() {
			channels = append(channels, parley.ChannelID(it.Key()[len(from):]))
		}
		return it.Error()
	})
	if err != nil {
		return nil, fmt.Errorf("channels of %s: %w", user, err)
	}
	return channels, nil
}
