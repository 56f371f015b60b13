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
	names := make([]parley.ChannelID, len(page))
	for i := range page {
		names[i] = page[i].Channel
	}
	in := Inbox{}
	if in.Channels, err = s.store.Inbox(ctx, c.User, names...); err != nil {
		return Inbox{}, err
	}
	readable := in.Channels[:0]
	for _, st := range in.Channels {
		if st.Settings.Kind == "" {
			st.Settings.Kind = s.kind(st.Channel)
		}
		if rights(c, st.Channel, access{kind: st.Settings.Kind, role: st.Member.Role})&Read != 0 {
			readable = append(readable, st)
		}
	}
	in.Channels = readable
	if from+len(page) < len(bs) {
		last := page[len(page)-1]
		in.Next = strconv.FormatInt(int64(last.Time), 10) + "/" + string(last.Channel)
	}
	return in, nil
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
