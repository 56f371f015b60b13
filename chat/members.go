package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/wire"
)

// Members lists a channel's members, after the given one, at most limit. next is where the next
// page begins, "" at the end.
func (s *Service) Members(ctx context.Context, c access.Caller, channel parley.ChannelID, after parley.UserID, limit int) (
	ms []parley.Member, next parley.UserID, err error) {
	if err := s.Authorize(ctx, c, access.Read, channel); err != nil {
		return nil, "", err
	}
	s.feed.Projected(ctx, channel)
	return s.store.Members(ctx, channel, after, limit)
}

// PutMember makes a user a member, or changes a member's role; "" is the role of a new member,
// or keeps the current one. Users may add themselves to a public channel that their credentials
// do not exclude, as a reader if they were one before; everything else requires an
// administrator, and only owners and credentials make owners.
func (s *Service) PutMember(ctx context.Context, c access.Caller, channel parley.ChannelID, user parley.UserID,
	role parley.Role) (m parley.Member, err error) {
	err = retryChanged(func() error {
		m, err = s.putMember(ctx, c, channel, user, role)
		return err
	})
	return m, err
}

func (s *Service) putMember(ctx context.Context, c access.Caller, channel parley.ChannelID, user parley.UserID,
	role parley.Role) (parley.Member, error) {
	a, err := s.facts(ctx, user, channel)
	if err != nil {
		return parley.Member{}, err
	}
	switch {
	case a.role == parley.RoleRestricted && (role == "" || role == parley.RoleMember && user == c.User):
		role = parley.RoleReader
	case role == "" && a.role.In():
		role = a.role
	case role == "":
		role = parley.RoleMember
	}
	asNew, asBefore := role == parley.RoleMember && a.role == parley.RoleNone, role == parley.RoleReader && a.role == parley.RoleRestricted
	mayJoin := user == c.User && (asNew || asBefore) &&
		a.kind == parley.KindPublic && (c.As == nil || !c.As.Listed || access.Rights(c, channel, a.kind, a.role)&access.Read != 0)
	if user == c.User && role == a.role {
		mayJoin = true // nothing changes
	}
	if !mayJoin {
		if err := s.administer(ctx, c, channel, a.role, role); err != nil {
			return parley.Member{}, err
		}
	}
	if a.role == parley.RoleBanned {
		return parley.Member{}, &parley.Error{
			Code:   parley.CodeConflict,
			Detail: fmt.Sprintf("%s is banned from %s", user, channel),
			Hint:   "lift the ban first",
		}
	}
	if err := s.allowSend(c, channel); err != nil {
		return parley.Member{}, err
	}
	if !a.made {
		if err := s.allowCreate(ctx, c, channel); err != nil {
			return parley.Member{}, err
		}
	}
	return s.setRole(ctx, channel, user, a.stored(), role)
}

// retryChanged repeats a decision whose basis has changed in the meantime.
func retryChanged(do func() error) (err error) {
	for range 10 {
		if err = do(); !errors.Is(err, parley.ErrChanged) {
			return err
		}
	}
	return &parley.Error{Code: parley.CodeConflict, Detail: "others change the same at the same time", Hint: "try again", Err: err}
}

// administer checks the right to change a user's role from one to another.
func (s *Service) administer(ctx context.Context, c access.Caller, channel parley.ChannelID, was, is parley.Role) error {
	if _, own := channel.Owner(); own || channel.Internal() {
		return &parley.Error{
			Code:    parley.CodeForbidden,
			Channel: channel,
			Detail:  fmt.Sprintf("%s has no members", channel),
			Hint:    "a user's own channel is that user's alone",
		}
	}
	if err := s.Authorize(ctx, c, access.Administer, channel); err != nil {
		return err
	}
	if was != parley.RoleOwner && is != parley.RoleOwner || c.As.Rights(channel)&access.Administer != 0 || c.As != nil && c.As.Service {
		return nil
	}
	a, err := s.facts(ctx, c.User, channel)
	if err == nil && a.role != parley.RoleOwner {
		err = &parley.Error{
			Code:    parley.CodeForbidden,
			Channel: channel,
			Detail:  fmt.Sprintf("%s does not own %s", c.User, channel),
			Hint:    "ask an owner",
		}
	}
	return err
}

// RemoveMember removes a user from a channel: callers themselves, or anybody for
// administrators. When it returns, the user's streams are about to end.
func (s *Service) RemoveMember(ctx context.Context, c access.Caller, channel parley.ChannelID, user parley.UserID) error {
	return retryChanged(func() error { return s.removeMember(ctx, c, channel, user) })
}

func (s *Service) removeMember(ctx context.Context, c access.Caller, channel parley.ChannelID, user parley.UserID) error {
	a, err := s.facts(ctx, user, channel)
	if err != nil {
		return err
	}
	if user != c.User || !c.Named() {
		if err := s.administer(ctx, c, channel, a.role, parley.RoleNone); err != nil {
			return err
		}
	}
	if err := s.allowSend(c, channel); err != nil {
		return err
	}
	if !a.stored().In() {
		return nil // and what remains of a role stays so
	}
	role := parley.RoleNone
	if a.role == parley.RoleReader {
		role = parley.RoleRestricted // until an administrator decides otherwise
	}
	_, err = s.setRole(ctx, channel, user, a.stored(), role)
	return err
}

// SetBan takes every right in a channel from a user, or restores them.
func (s *Service) SetBan(ctx context.Context, c access.Caller, channel parley.ChannelID, user parley.UserID, banned bool) error {
	return retryChanged(func() error { return s.setBan(ctx, c, channel, user, banned) })
}

func (s *Service) setBan(ctx context.Context, c access.Caller, channel parley.ChannelID, user parley.UserID, banned bool) error {
	a, err := s.facts(ctx, user, channel)
	if err != nil {
		return err
	}
	if err := s.administer(ctx, c, channel, a.role, parley.RoleNone); err != nil {
		return err
	}
	if err := s.allowSend(c, channel); err != nil {
		return err
	}
	switch {
	case banned:
		_, err = s.setRole(ctx, channel, user, a.stored(), parley.RoleBanned)
	case a.role == parley.RoleBanned:
		_, err = s.setRole(ctx, channel, user, parley.RoleBanned, parley.RoleNone)
	}
	return err
}

// setRole changes the role that a user was found to have, has every node apply it if that takes
// rights away, and notifies the user if it began or ended a membership. ErrChanged if the user
// has another role by now.
func (s *Service) setRole(ctx context.Context, channel parley.ChannelID, user parley.UserID,
	was, role parley.Role) (is parley.Member, err error) {
	if was == role {
		return s.member(ctx, channel, user)
	}
	loses := was.Loses(role)
	change := func(ctx context.Context) (err error) {
		_, is, err = s.store.SetMember(ctx, channel, user, parley.MemberChange{Was: &was, Role: &role})
		if err != nil && !(loses && errors.Is(err, parley.ErrUnknown)) {
			return err
		}
		s.known.generation.Add(1)
		if was.In() != role.In() {
			s.tellMembership(channel, user, parley.Member{User: user, Role: role})
		}
		return err
	}
	if loses {
		err = s.takeRights(ctx, rightsChange{Channel: channel, User: user}, change)
		return is, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	err = change(ctx)
	return is, err
}

// tellMembership notifies a user's connections of a channel that was joined or left.
func (s *Service) tellMembership(channel parley.ChannelID, user parley.UserID, is parley.Member) {
	kind := "member-removed"
	if is.Role.In() {
		kind = "member-added"
	}
	own := parley.ChannelID("@" + user)
	s.feed.Event(own, parley.Event{Name: kind, Object: wire.Membership(nil, kind, channel, user, is.Role)})
	s.unread.Moved(user, channel, is.Role.In())
	s.feed.Nudge(inboxTopic(user))
	s.feed.Nudge(userTopic(user))
	s.watches.Moved(user, is.Role.In())
}

// openDirect makes the two users of a direct channel members, if they are not, the sender last:
// until the sender is one, each message of the sender repeats this.
func (s *Service) openDirect(ctx context.Context, channel parley.ChannelID, last parley.UserID) error {
	a, b, ok := channel.Direct()
	if !ok {
		return nil
	}
	if a == last {
		a, b = b, a
	}
	for _, user := range []parley.UserID{a, b} {
		m, err := s.member(ctx, channel, user)
		if err != nil {
			return err
		}
		if m.Role != parley.RoleNone {
			continue
		}
		if _, err := s.setRole(ctx, channel, user, parley.RoleNone, parley.RoleMember); err != nil && !errors.Is(err, parley.ErrChanged) {
			return err
		}
	}
	return nil
}

// member is a user's place in one channel.
func (s *Service) member(ctx context.Context, channel parley.ChannelID, user parley.UserID) (parley.Member, error) {
	ms, err := s.store.Member(ctx, user, channel)
	if err != nil {
		return parley.Member{User: user}, err
	}
	return ms[0], nil
}

// MarkRead moves a member's read pointer forward, and notifies the channel if it is small enough
// that each arrival and departure is announced too. It returns the pointer and the number of unread
// messages.
func (s *Service) MarkRead(ctx context.Context, c access.Caller, channel parley.ChannelID, id int64) (at, unread int64, err error) {
	if err := s.Ask(c, 1); err != nil { // a read pointer moves with what is read, and must not use up what may be sent
		return 0, 0, err
	}
	m, err := s.setOwn(ctx, c, channel, parley.MemberChange{Read: &id})
	if err != nil {
		return 0, 0, err
	}
	counts, err := s.store.Unread(ctx, c.User, parley.Place{Channel: channel, ReadID: m.ReadID, ReadCount: m.ReadCount})
	if err != nil {
		return 0, 0, err
	}
	return m.ReadID, counts[0].Unread, nil
}

// Mute sets which messages of a channel are pushed to a member.
func (s *Service) Mute(ctx context.Context, c access.Caller, channel parley.ChannelID, mute parley.Mute) error {
	if err := s.allowSend(c, channel); err != nil {
		return err
	}
	_, err := s.setOwn(ctx, c, channel, parley.MemberChange{Mute: &mute})
	return err
}

func (s *Service) setOwn(ctx context.Context, c access.Caller, channel parley.ChannelID, change parley.MemberChange) (
	parley.Member, error) {
	if err := s.Authorize(ctx, c, access.Read, channel); err != nil {
		return parley.Member{}, err
	}
	if _, own := channel.Owner(); own {
		return parley.Member{}, &parley.Error{Code: parley.CodeForbidden, Channel: channel,
			Detail: fmt.Sprintf("%s has no members, and so no read pointers", channel),
			Hint:   "keep the last id that was seen, and read on with after"}
	}
	ctx, cancel := detached(ctx) // the others receive what is stored
	defer cancel()
	was, is, err := s.store.SetMember(ctx, channel, c.User, change)
	if err == nil && !is.Role.In() { // a message that makes the caller a member may be in flight
		s.feed.Settle(ctx, channel)
		was, is, err = s.store.SetMember(ctx, channel, c.User, change)
	}
	if err != nil {
		return parley.Member{}, err
	}
	if !is.Role.In() {
		return parley.Member{}, &parley.Error{Code: parley.CodeForbidden, Channel: channel,
			Detail: fmt.Sprintf("%s is not a member of %s", c.User, channel), Hint: "join it, or post to it, first"}
	}
	if each, _ := s.spaces.Tiers(channel); is.ReadID > was.ReadID && s.presence.Here(channel, 0).Count <= each {
		s.feed.Event(channel, parley.Event{Name: "read", Object: wire.Read(nil, channel, c.User, c.Name, is.ReadID), Skip: c.Identity()})
	}
	if is.ReadID > was.ReadID {
		s.onRead(c.User)
	}
	if is.ReadID > was.ReadID || is.Mute != was.Mute {
		s.unread.Touched(c.User, channel)
		s.feed.Nudge(inboxTopic(c.User))
	}
	return is, nil
}
