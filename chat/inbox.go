package chat

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"parley"
)

// Inbox is a page of a user's channels, newest first.
type Inbox struct {
	Channels []parley.Standing
	Next     string // where to go on, "" at the end
}

// mostMemberships of a user are looked at.
const mostMemberships = 10_000

// Inbox lists the caller's channels as they stand: in the order of their newest
// entries, the newest first, after the place a page before named. Those that a list in the
// credentials leaves out are not there, so a page may be shorter. To find the newest, all of the
// caller's memberships are looked at, which is charged; how they stand is read of the page alone.
func (s *Service) Inbox(ctx context.Context, c Caller, after string, limit int) (Inbox, error) {
	if !c.Named() {
		return Inbox{}, nil
	}
	bs, err := s.bounds(ctx, c.User)
	if err != nil {
		return Inbox{}, err
	}
	s.AskAbout(c, len(bs))
	slices.SortFunc(bs, func(a, b parley.Bounds) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Channel, b.Channel))
	})
	from := 0
	if after != "" {
		at, name, ok := strings.Cut(after, "/")
		t, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return Inbox{}, &parley.Error{Code: parley.CodeBadCursor, Detail: "next is not one that was given", Hint: "begin without next"}
		}
		last := parley.Bounds{Time: parley.Timestamp(t), Channel: parley.ChannelID(name)}
		for from < len(bs) && (bs[from].Time > last.Time || bs[from].Time == last.Time && bs[from].Channel <= last.Channel) {
			from++
		}
	}
	page := bs[from:min(from+limit, len(bs))]
	in := Inbox{}
	bytes := 0
	for at := 0; at < len(page); at += inboxPart {
		part := page[at:min(at+inboxPart, len(page))]
		all, err := s.inboxPart(ctx, c, part)
		if err != nil {
			return Inbox{}, err
		}
		fit := 0
		for ; fit < len(all); fit++ {
			n := standingSize(&all[fit])
			if bytes+n > s.maxAnswer && len(in.Channels)+fit > 0 {
				break
			}
			bytes += n
		}
		if in.Channels = append(in.Channels, all[:fit]...); fit < len(all) { // the rest has no room
			cut := slices.IndexFunc(part, func(b parley.Bounds) bool { return b.Channel == all[fit].Channel })
			page = page[:at+cut]
		}
	}
	s.limits.Owe(c, bytes/answerUnit)
	if from+len(page) < len(bs) {
		last := page[len(page)-1]
		in.Next = strconv.FormatInt(int64(last.Time), 10) + "/" + string(last.Channel)
	}
	return in, nil
}

// inboxPart is how many channels are read at once, each with its last message.
const inboxPart = 64

// inboxPart reads some channels, without those that the caller may not read.
func (s *Service) inboxPart(ctx context.Context, c Caller, part []parley.Bounds) ([]parley.Standing, error) {
	names := make([]parley.ChannelID, len(part))
	for i := range part {
		names[i] = part[i].Channel
	}
	all, err := s.store.Inbox(ctx, c.User, names...)
	if err != nil {
		return nil, err
	}
	readable := all[:0]
	for _, st := range all {
		if st.Settings.Kind == "" {
			st.Settings.Kind = s.kind(st.Channel)
		}
		if rights(c, st.Channel, access{kind: st.Settings.Kind, role: st.Member.Role})&Read != 0 {
			readable = append(readable, st)
		}
	}
	return readable, nil
}

// standingSize is size for a line of the inbox.
func standingSize(st *parley.Standing) int {
	n := 300 + len(st.Channel) + quoted(st.Settings.Title)
	if st.Last != nil {
		n += size(st.Last)
	}
	return n
}

// Mine lists the channels that a user is a member of.
func (s *Service) Mine(ctx context.Context, user parley.UserID) (channels []parley.ChannelID, err error) {
	for after := parley.ChannelID(""); len(channels) < mostMemberships; {
		some, err := s.store.Memberships(ctx, user, after, 1000)
		if err != nil {
			return nil, err
		}
		channels = append(channels, some...)
		if len(some) < 1000 {
			break
		}
		after = some[len(some)-1]
	}
	return channels, nil
}

// MineToRead is Mine without the channels that a list in the caller's credentials leaves out.
func (s *Service) MineToRead(ctx context.Context, c Caller) (channels []parley.ChannelID, err error) {
	all, err := s.Mine(ctx, c.User)
	if err != nil || c.As == nil || !c.As.Listed {
		return all, err
	}
	s.AskAbout(c, len(all))
	for _, channel := range all {
		switch err := s.Authorize(ctx, c, Read, channel); {
		case err == nil:
			channels = append(channels, channel)
		case parley.AsError(err).Code != parley.CodeForbidden:
			return nil, err
		}
	}
	return channels, nil
}

func (s *Service) bounds(ctx context.Context, user parley.UserID) ([]parley.Bounds, error) {
	channels, err := s.Mine(ctx, user)
	if err != nil || len(channels) == 0 {
		return nil, err
	}
	return s.store.Bounds(ctx, channels...)
}
