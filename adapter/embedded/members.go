package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// knownMembers is how many members the builder remembers, at about 100 bytes each, so that their
// messages need no read of a row.
const knownMembers = 1 << 16

// memberRecord is what is stored about a user in a channel, in addition to the read pointer.
type memberRecord struct {
	role   parley.Role
	joined parley.Timestamp
	mute   parley.Mute
}

// roles in the store; 0 means damaged.
var roles = []parley.Role{
	1: parley.RoleOwner,
	2: parley.RoleAdmin,
	3: parley.RoleMember,
	4: parley.RoleReader,
	5: parley.RoleBanned,
	6: parley.RoleRestricted,
}

// mutes in the store. Earlier versions had only the first two.
var mutes = []parley.Mute{parley.MuteNone, parley.MuteAll, parley.MuteButMentions}

func (p memberRecord) encode() []byte {
	b := []byte{version, 0, 0}
	for i, r := range roles {
		if r == p.role {
			b[1] = byte(i)
		}
	}
	b[2] = byte(max(0, slices.Index(mutes, p.mute)))
	return binary.BigEndian.AppendUint64(b, uint64(p.joined))
}

func decodePlace(b []byte) (memberRecord, error) {
	if len(b) != 11 || b[0] != version || b[1] == 0 || int(b[1]) >= len(roles) || int(b[2]) >= len(mutes) {
		return memberRecord{}, errCodec
	}
	return memberRecord{roles[b[1]], parley.Timestamp(binary.BigEndian.Uint64(b[3:])), mutes[b[2]]}, nil
}

func (p memberRecord) member(user parley.UserID, at pointer) parley.Member {
	return parley.Member{User: user, Role: p.role, ReadID: at.id, ReadCount: at.count, Joined: p.joined, Mute: p.mute}
}

// getter reads rows from the database, or from a batch on top of it.
type getter func(key []byte) ([]byte, func() error, error)

func (l *Log) getter() getter { return getterOf(l.rows.Get) }

func getterOf(get func(key []byte) ([]byte, io.Closer, error)) getter {
	return func(key []byte) ([]byte, func() error, error) {
		v, c, err := get(key)
		if err != nil {
			return nil, nil, err
		}
		return v, c.Close, nil
	}
}

func (b *build) getter() getter { return getterOf(b.get) }

// row reads and decodes one row; found is false if there is none.
func row[T any](get getter, key []byte, decode func([]byte) (T, error)) (v T, found bool, err error) {
	b, done, err := get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return v, false, nil
	}
	if err != nil {
		return v, false, err
	}
	v, err = decode(b)
	return v, err == nil, errors.Join(err, done())
}

func member(get getter, ch parley.ChannelID, user parley.UserID) (parley.Member, error) {
	p, found, err := row(get, memberKey(ch, user), decodePlace)
	if err != nil || !found {
		return parley.Member{User: user}, err
	}
	at, _, err := row(get, pointerKey(ch, user), decodePointer)
	return p.member(user, at), err
}

// post makes the author of a message a member, if join is set, and moves a member's read pointer to it.
func (b *build) post(h *head, m *parley.Message, join bool) (joined bool, err error) {
	at := memberRef{h.channel, m.User}
	if role, known := b.log.members[at]; !known || role == parley.RoleNone && join {
		p, found, err := row(b.getter(), memberKey(at.channel, at.name), decodePlace)
		if err != nil {
			return false, err
		}
		if joined = !found && join; joined {
			p = memberRecord{role: parley.RoleMember, joined: m.Time}
			b.admit(at.channel, at.name, p)
		}
		b.know(at, p.role)
	}
	if b.log.members[at].In() {
		b.posted[at] = pointer{m.ID, m.Count}
	}
	return joined, nil
}

// memberRef identifies a memberRecord.
type memberRef struct {
	channel parley.ChannelID
	name    parley.UserID
}

func (b *build) know(at memberRef, role parley.Role) {
	if len(b.log.members) >= knownMembers {
		clear(b.log.members)
	}
	b.log.members[at] = role
}

func (b *build) admit(ch parley.ChannelID, user parley.UserID, p memberRecord) {
	must(b.batch.Set(memberKey(ch, user), p.encode(), nil))
	must(b.batch.Set(membershipKey(user, ch), nil, nil))
}

// savePointers moves the authors' pointers, each once for any number of messages.
func (b *build) savePointers() {
	for at, p := range b.posted {
		must(b.batch.Set(pointerKey(at.channel, at.name), p.encode(), nil))
	}
}

// setMember changes a user's membership of a channel.
func (b *build) setMember(h *head, name parley.UserID, c parley.MemberChange) (was, is parley.Member, err error) {
	ch := h.channel
	was, err = member(b.getter(), ch, name)
	if err != nil {
		return was, is, err
	}
	if p, moved := b.posted[memberRef{ch, name}]; moved {
		was.ReadID, was.ReadCount = p.id, p.count
	}
	is = was
	if c.Was != nil && *c.Was != was.Role {
		return was, is, parley.ErrChanged
	}
	if c.Role != nil {
		is.Role = *c.Role
	}
	if err := b.log.refusal(was.Role.Loses(is.Role)); err != nil {
		return was, is, err
	}
	if is.Role != was.Role {
		delete(b.log.members, memberRef{ch, name})
	}
	if !is.Role.In() {
		is = parley.Member{User: name, Role: is.Role}
		if is.Role != was.Role {
			b.expel(ch, name, is.Role)
		}
		return was, is, nil
	}
	if !was.Role.In() {
		at := pointer{h.next.last, h.next.count}
		is.ReadID, is.ReadCount = at.id, at.count
		is.Joined = parley.Timestamp(b.log.cfg.Clock().UnixMicro())
		must(b.batch.Set(pointerKey(ch, name), at.encode(), nil))
	}
	if c.Mute != nil {
		is.Mute = *c.Mute
	}
	if c.Read != nil {
		if to := min(*c.Read, h.next.last); to > is.ReadID {
			count, err := b.countAt(h, to)
			if err != nil {
				return was, is, err
			}
			is.ReadID, is.ReadCount = to, count
			must(b.batch.Set(pointerKey(ch, name), pointer{to, count}.encode(), nil))
			delete(b.posted, memberRef{ch, name})
		}
	}
	if is.Role != was.Role || is.Mute != was.Mute {
		b.admit(ch, name, memberRecord{is.Role, is.Joined, is.Mute})
	}
	return was, is, nil
}

// expel removes a user from a channel, but keeps a role that remains.
func (b *build) expel(ch parley.ChannelID, name parley.UserID, role parley.Role) {
	must(b.batch.Delete(membershipKey(name, ch), nil))
	must(b.batch.Delete(pointerKey(ch, name), nil))
	delete(b.posted, memberRef{ch, name})
	if role != parley.RoleNone {
		must(b.batch.Set(memberKey(ch, name), memberRecord{role: role}.encode(), nil))
		return
	}
	must(b.batch.Delete(memberKey(ch, name), nil))
}

// countAt is the running count at an entry, or below the first that is kept.
func (b *build) countAt(h *head, id int64) (int64, error) {
	if id < h.next.first {
		return h.next.before, nil
	}
	_, count, err := rowPrefix(b.getter(), messageKey(h.channel, id))
	return count, err
}

func rowPrefix(get getter, key []byte) (t parley.Timestamp, count int64, err error) {
	v, done, err := get(key)
	if err != nil {
		return 0, 0, err
	}
	t, count, err = decodePrefix(v)
	return t, count, errors.Join(err, done())
}

// dismiss removes all members of a removed channel.
func (b *build) dismiss(h *head) error {
	from, to := span('p', h.channel)
	it, err := b.batch.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	defer it.Close()
	var users []parley.UserID
	for ok := it.First(); ok; ok = it.Next() {
		users = append(users, parley.UserID(it.Key()[len(from):]))
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("members of %s: %w", h.channel, err)
	}
	for _, name := range users {
		b.expel(h.channel, name, parley.RoleNone)
		delete(b.log.members, memberRef{h.channel, name})
	}
	return nil
}
